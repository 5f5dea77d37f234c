/* Signatures of the RFCs, whole and damaged; what makes a signature or a key unusable. */
#include "base/test.h"
#include "filter/dkim_verify.h"

#include "base/wait.h"
#include "filter/test_keys.h"
#include "filter/test_messages.h"

/* The newest time that a signature of the RFCs names. */
enum { NOW = 1528637909 };

struct verified {
	struct arena arena;
	struct filter_dkim_results results;
	unsigned questions;
};

static struct verified verify_slice(struct slice message)
{
	struct verified v = {0};
	struct test_keys keys = test_keys_of(TEST_KEYS);
	struct filter_message *parts = ARENA_NEW(&v.arena, struct filter_message);
	*parts = filter_message_of(message);
	filter_dkim_verify(parts, &keys.dns, NOW, &v.arena, &v.results);
	v.questions = keys.questions;
	return v;
}

/* The verdict about the signature at the top, "pass", or "fail: signature did not verify". */
static void check_slice(struct slice message, const char *expected)
{
	struct verified v = verify_slice(message);
	assert_true(v.results.count > 0);
	struct filter_dkim_verdict got = v.results.list[0].verdict;
	assert_slice(slice_str(arena_printf(&v.arena, "%s%s%s", filter_dkim_status_word(got.status),
			     got.reason[0] ? ": " : "", got.reason)),
		expected);
	arena_free(&v.arena);
}

static void check(const char *message, const char *expected)
{
	check_slice(slice_str(message), expected);
}

/* The message with the first `old` in it replaced. */
static void check_changed(
	const char *message, const char *old, const char *new, const char *expected)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	ssize_t at = slice_search(slice_str(message), slice_str(old));
	assert_true(at >= 0);
	const char *changed =
		arena_printf(&arena, "%.*s%s%s", (int)at, message, new, message + at + strlen(old));
	check(changed, expected);
}

static void the_signature_of_rfc_6376_holds(void **state)
{
	struct verified v = verify_slice(slice_str(MESSAGE_RFC6376));
	assert_int_equal(v.results.count, 1);
	const struct filter_dkim_result *r = &v.results.list[0];
	assert_int_equal(r->verdict.status, FILTER_DKIM_PASS);
	assert_slice(r->signature.domain, "example.com");
	assert_slice(r->signature.selector, "brisbane");
	assert_slice(r->signature.identity, "joe@football.example.com");
	assert_slice(r->signature.algorithm_text, "rsa-sha256");
	assert_true(slice_starts(r->signature.text, SLICE("AuUoFEfD")));
	assert_int_equal(r->key_bits, 1024);
	assert_false(r->testing);
	arena_free(&v.arena);
}

static void both_signatures_of_rfc_8463_hold(void **state)
{
	struct verified v = verify_slice(slice_str(MESSAGE_RFC8463));
	assert_int_equal(v.results.count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(v.results.list[i].verdict.status, FILTER_DKIM_PASS);
		assert_slice(v.results.list[i].signature.domain, "football.example.com");
		assert_slice(v.results.list[i].signature.identity, "@football.example.com");
	}
	assert_slice(v.results.list[0].signature.algorithm_text, "ed25519-sha256");
	assert_slice(v.results.list[1].signature.algorithm_text, "rsa-sha256");
	assert_int_equal(v.questions, 2);
	arena_free(&v.arena);
}

static void an_unsigned_message_has_no_results(void **state)
{
	struct verified v =
		verify_slice(SLICE("From: a@example.com\r\n\r\nDKIM-Signature: no\r\n"));
	assert_int_equal(v.results.count, 0);
	assert_int_equal(v.questions, 0);
	arena_free(&v.arena);
}

static void a_changed_body_or_field_fails(void **state)
{
	check_changed(MESSAGE_RFC8463, "hungry", "angry", "fail: body hash did not verify");
	check_changed(
		MESSAGE_RFC8463, "Joe.\r\n", "Joe.\r\nP.S.\r\n", "fail: body hash did not verify");
	check_changed(MESSAGE_RFC8463, "Is dinner", "Was dinner", "fail: signature did not verify");
	check_changed(
		MESSAGE_RFC8463, "t=1528637909", "t=1528637908", "fail: signature did not verify");
	check_changed(MESSAGE_RFC8463, "b=/gCr", "b=/gCs", "fail: signature did not verify");
	check_changed(MESSAGE_RFC6376, "Suzie Q ", "Suzie  Q ", "fail: signature did not verify");
	check_changed(MESSAGE_RFC6376, "lost the", "lost  the", "fail: body hash did not verify");
}

static void a_field_more_than_was_signed_fails(void **state)
{
	check_changed(MESSAGE_RFC8463, "From: Joe", "From: Mallory <m@example.com>\r\nFrom: Joe",
		"fail: signature did not verify");
	check_changed(MESSAGE_RFC8463,
		"Message-ID:", "Subject: Pay!\r\nMessage-ID:", "fail: signature did not verify");
	/* above the one that was signed, and signed once only */
	check_changed(MESSAGE_RFC8463, "From: Joe", "To: all@example.com\r\nFrom: Joe", "pass");
}

static void what_the_relaxed_form_forgives_holds(void **state)
{
	check_changed(MESSAGE_RFC8463, "Subject: Is dinner", "SUBJECT:\r\n\tIs  dinner", "pass");
	check_changed(MESSAGE_RFC8463, "game.  Are", "game. \t Are", "pass");
	check_changed(MESSAGE_RFC8463, "Joe.\r\n", "Joe. \r\n\r\n \r\n\r\n", "pass");
	check_changed(MESSAGE_RFC8463, "Joe.\r\n", "Joe.", "pass");
	check_changed(MESSAGE_RFC8463, "From: Joe", "X-Seen: yes\r\nFrom: Joe", "pass");
	check_changed(MESSAGE_RFC6376, "Joe.\r\n", "Joe.\r\n\r\n\r\n", "pass");
}

static void white_space_inside_the_signature_is_no_part_of_it(void **state)
{
	check_changed(MESSAGE_RFC6376, "b=AuUoFEfD", "b=\r\n   AuUo  FEfD", "pass");
	check_changed(MESSAGE_RFC8463, "b=/gCrin", "b=/gC\trin", "pass");
}

static void bare_line_feeds_are_line_ends(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice crlf = slice_str(MESSAGE_RFC6376);
	char *lf = arena_alloc(&arena, crlf.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < crlf.len; i++)
		if (crlf.ptr[i] != '\r')
			lf[len++] = crlf.ptr[i];
	check_slice(slice(lf, len), "pass");
}

/* Each with a change to the tags of RFC 8463's first signature. */
static void tags_that_cant_be_used_have_their_verdicts(void **state)
{
	static const struct {
		const char *old, *new, *expected;
	} CASES[] = {
		{"v=1;", "v=2;", "neutral: version is not 1"},
		{"v=1; ", "", "neutral: no version (v=)"},
		{"v=1;", "v=1; v=1;", "neutral: malformed list of tags"},
		{"v=1;", "v=1;;", "neutral: malformed list of tags"},
		{"a=ed25519-sha256", "a=rsa-sha1", "policy: rsa-sha1 is not accepted"},
		{"a=ed25519-sha256", "a=rsa-sha512", "neutral: unknown algorithm"},
		{"a=ed25519-sha256", "a=rsa-sha256",
			"permerror: key is of another kind than the signature"},
		{"c=relaxed/relaxed", "c=relaxed/nofws", "neutral: unknown canonicalization"},
		{"c=relaxed/relaxed", "c=", "neutral: unknown canonicalization"},
		{"d=football", "d=.football", "neutral: malformed domain (d=)"},
		{"d=football.example.com;", "", "neutral: no domain (d=)"},
		{"d=football.example.com", "d=other.example.com",
			"permerror: identity (i=) is not of the domain"},
		{"i=@football", "i=@tfootball", "permerror: identity (i=) is not of the domain"},
		{"i=@football.example.com", "i=example", "neutral: malformed identity (i=)"},
		{"i=@football.example.com;", "", "fail: signature did not verify"},
		{"q=dns/txt", "q=http/json", "neutral: the key is not in DNS (q=)"},
		{"h=from : to :\r\n", "h=to :\r\n", "fail: signature did not verify"},
		{"from : to :\r\n subject : date : message-id : from :", "to:",
			"permerror: From is not signed"},
		{"bh=2jU", "bh=2jUS2jUS", "neutral: malformed body hash (bh=)"},
		{"bh=2jUS", "bh=2jU-", "neutral: malformed body hash (bh=)"},
		{"b=/gCr", "b=gCr", "neutral: malformed signature (b=)"},
		{"t=1528637909", "t=never", "neutral: malformed time (t=)"},
		{"t=1528637909", "t=1528638300", "policy: made in the future"},
		{"t=1528637909;", "t=1528630000; x=1528630001;", "policy: expired"},
		{"t=1528637909;", "t=1528637909; x=1528637909;",
			"permerror: expired before it was made"},
		{"t=1528637909;", "l=1234;", "fail: body is shorter than the signed part"},
		{"t=1528637909;", "l=-1;", "neutral: malformed length of the body (l=)"},
		{"s=brisbane", "s=nobody", "permerror: no key for signature"},
		{"s=brisbane", "s=testing", "fail: signature did not verify"},
		{"s=brisbane", "s=two", "fail: signature did not verify"},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		check_changed(MESSAGE_RFC8463, CASES[i].old, CASES[i].new, CASES[i].expected);
}

static void keys_that_cant_be_used_have_their_verdicts(void **state)
{
	static const struct {
		const char *selector, *expected;
	} CASES[] = {
		{"s=sha1", "permerror: key is not for sha256 (h=)"},
		{"s=tlsrpt", "permerror: key is not for mail (s=)"},
		{"s=revoked", "permerror: the key was revoked"},
		{"s=broken", "permerror: the record is no key"},
		{"s=nodata", "permerror: no key for signature"},
		{"s=later", "temperror: no answer from DNS for the key"},
		{"s=strict", "permerror: key is of another kind than the signature"},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		check_changed(MESSAGE_RFC6376, "s=brisbane", CASES[i].selector, CASES[i].expected);
}

static void a_strict_key_is_not_for_identities_of_subdomains(void **state)
{
	check_changed(MESSAGE_RFC6376, "a=rsa-sha256; s=brisbane", "a=ed25519-sha256; s=strict",
		"permerror: key is not for subdomains");
}

static void a_testing_key_says_so(void **state)
{
	struct verified v =
		verify_slice(SLICE("DKIM-Signature: v=1; a=ed25519-sha256; d=football.example.com; "
				   "s=testing; h=from;\r\n"
				   " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=AAAA\r\n"
				   "From: a\r\n\r\nx\r\n"));
	assert_int_equal(v.results.list[0].verdict.status, FILTER_DKIM_FAIL);
	assert_true(v.results.list[0].testing);
	assert_int_equal(v.results.list[0].key_bits, 256);
	assert_slice(v.results.list[0].signature.identity, "@football.example.com");
	arena_free(&v.arena);
}

static void only_so_many_signatures_are_looked_at(void **state)
{
	AUTO(buf_free) struct buf message = BUF(1 << 20);
	for (int i = 0; i < 20; i++)
		buf_add_str(&message,
			"DKIM-Signature: v=1; s=nobody; d=example.com; a=rsa-sha256; h=from;\r\n"
			" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=AAAA\r\n");
	buf_add_str(&message, "From: a\r\n\r\n");
	struct verified v = verify_slice(buf_slice(&message));
	assert_int_equal(v.results.count, FILTER_DKIM_SIGNATURES_MAX);
	assert_true(v.results.more);
	assert_int_equal(v.questions, FILTER_DKIM_SIGNATURES_MAX);
	arena_free(&v.arena);
}

static void a_domain_in_utf_8_is_asked_for_in_ascii(void **state)
{
	check("DKIM-Signature: v=1; a=ed25519-sha256; d=b\xc3\xbc"
	      "cher.example; s=brisbane; h=from;\r\n"
	      " c=relaxed/relaxed; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"
	      "From: a\r\n\r\n",
		"fail: signature did not verify");
}

/* Everything that is seen costs the same for each line. */
static void many_header_lines_cost_no_more_each(void **state)
{
	AUTO(buf_free) struct buf message = BUF(64 << 20);
	for (int i = 0; i < 8; i++)
		buf_add_str(&message,
			"DKIM-Signature: v=1; s=brisbane; d=example.com; a=rsa-sha256;\r\n"
			" h=from:a:a:a:a:b:c:d:e:f; b=AAAA; c=relaxed/relaxed;\r\n"
			" bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n");
	for (int i = 0; i < 100000; i++)
		buf_add_str(&message, "A: 1\r\nFrom: a\r\nB: 2\r\n");
	buf_add_str(&message, "\r\n");
	struct verified v = verify_slice(buf_slice(&message));
	assert_int_equal(v.results.count, 8);
	assert_string_equal(v.results.list[7].verdict.reason, "signature did not verify");
	arena_free(&v.arena);
}

/* How often others could have gone on. */
struct counting {
	struct waiter waiter;
	unsigned given;
};

static void count_one(struct waiter *waiter)
{
	CONTAINER_OF(waiter, struct counting, waiter)->given++;
}

static unsigned times_given_way(struct slice text)
{
	struct counting counting = {.waiter.give_way = count_one};
	wait_use(&counting.waiter);
	check_slice(text, "fail: body hash did not verify");
	wait_use(NULL);
	return counting.given;
}

static void a_long_body_gives_way_whatever_is_in_it(void **state)
{
	static const char *const UNITS[] = {"words and more words\r\n", "\r\n", "word", " ", "\r"};
	for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
		AUTO(buf_free) struct buf text = BUF(4 << 20);
		buf_add_str(&text, MESSAGE_RFC8463);
		while (text.len < 2 << 20)
			buf_add_str(&text, UNITS[i]);
		buf_add_str(&text, "end\r\n");
		assert_true(times_given_way(buf_slice(&text)) >= (2 << 20) / 65536);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_signature_of_rfc_6376_holds),
		cmocka_unit_test(both_signatures_of_rfc_8463_hold),
		cmocka_unit_test(an_unsigned_message_has_no_results),
		cmocka_unit_test(a_changed_body_or_field_fails),
		cmocka_unit_test(a_field_more_than_was_signed_fails),
		cmocka_unit_test(what_the_relaxed_form_forgives_holds),
		cmocka_unit_test(white_space_inside_the_signature_is_no_part_of_it),
		cmocka_unit_test(bare_line_feeds_are_line_ends),
		cmocka_unit_test(tags_that_cant_be_used_have_their_verdicts),
		cmocka_unit_test(keys_that_cant_be_used_have_their_verdicts),
		cmocka_unit_test(a_strict_key_is_not_for_identities_of_subdomains),
		cmocka_unit_test(a_testing_key_says_so),
		cmocka_unit_test(only_so_many_signatures_are_looked_at),
		cmocka_unit_test(a_domain_in_utf_8_is_asked_for_in_ascii),
		cmocka_unit_test(many_header_lines_cost_no_more_each),
		cmocka_unit_test(a_long_body_gives_way_whatever_is_in_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
