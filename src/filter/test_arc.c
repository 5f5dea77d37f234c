/* Chains that we sealed ourselves, whole, damaged, and of a shape that can't be. (Those of others:
 * tests/system/test_dkim_others.py.) */
#include "base/test.h"
#include "filter/arc_seal.h"

#include "filter/test_keys.h"
#include "filter/test_messages.h"

enum { NOW = 1800000000 };

#define PEM_RFC8463                                                                                \
	"-----BEGIN PRIVATE KEY-----\n"                                                            \
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"                       \
	"-----END PRIVATE KEY-----\n"

struct world {
	struct filter_dkim_secret *rsa, *ed25519;
	char rsa_record[1000];
	struct test_key table[4];
	struct arena arena;
};

static int make_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	AUTO(buf_free) struct buf record = BUF(sizeof(w->rsa_record) - 1);
	assert_int_equal(filter_dkim_secret_new(FILTER_DKIM_RSA_SHA256, &w->rsa, NULL), 0);
	assert_int_equal(filter_dkim_secret_read(SLICE(PEM_RFC8463), &w->ed25519, NULL), 0);
	assert_int_equal(filter_dkim_secret_record(w->rsa, &record, NULL), 0);
	memcpy(w->rsa_record, buf_cstr(&record), record.len + 1);
	w->table[0] = (struct test_key){"r._domainkey.lists.example", w->rsa_record};
	w->table[1] = (struct test_key){"e._domainkey.relay.example",
		"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="};
	w->table[2] = (struct test_key){"later._domainkey.lists.example", NULL};
	*state = w;
	return 0;
}

static int free_world(void **state)
{
	struct world *w = *state;
	filter_dkim_secret_free(w->rsa);
	filter_dkim_secret_free(w->ed25519);
	free(w);
	return 0;
}

static int begin(void **state)
{
	((struct world *)*state)->arena = ARENA_EMPTY;
	return 0;
}

static int end(void **state)
{
	arena_free(&((struct world *)*state)->arena);
	return 0;
}

static struct filter_arc_result verify(struct world *w, struct slice text)
{
	struct test_keys keys = test_keys_of(w->table);
	struct filter_message *message = ARENA_NEW(&w->arena, struct filter_message);
	struct filter_arc_result result;
	*message = filter_message_of(text);
	filter_arc_verify(message, &keys.dns, NOW, &w->arena, &result);
	return result;
}

/* Checked, and sealed by one of two relays; the outcome in *ret_outcome. */
static struct slice seal_as(struct world *w, struct slice text, bool by_list, int *ret_outcome)
{
	AUTO(buf_free) struct buf out = BUF(1 << 20);
	struct filter_arc_result came = verify(w, text);
	struct filter_message message = filter_message_of(text);
	struct filter_dkim_signer list = {SLICE("lists.example"), SLICE("r"), w->rsa};
	struct filter_dkim_signer relay = {SLICE("relay.example"), SLICE("e"), w->ed25519};
	*ret_outcome = filter_arc_seal(&message, &came, by_list ? &list : &relay,
		SLICE("mx.example;\r\n\tspf=pass smtp.mailfrom=a@example.org;\r\n\tdkim=pass"), NOW,
		&out, NULL);
	buf_add_slice(&out, text);
	return arena_copy(&w->arena, buf_slice(&out));
}

static struct slice seal(struct world *w, struct slice text, bool by_list)
{
	int outcome;
	struct slice sealed = seal_as(w, text, by_list, &outcome);
	assert_int_equal(outcome, 0);
	return sealed;
}

static struct slice change(struct world *w, struct slice text, const char *old, const char *new)
{
	ssize_t at = slice_search(text, slice_str(old));
	assert_true(at >= 0);
	return slice_str(arena_printf(&w->arena, "%.*s%s%.*s", (int)at, text.ptr, new,
		SLICE_ARG(slice_from(text, (size_t)at + strlen(old)))));
}

static void check(struct world *w, struct slice text, const char *expected)
{
	struct filter_arc_result r = verify(w, text);
	assert_slice(slice_str(arena_printf(&w->arena, "%s%s%s", filter_arc_status_word(r.status),
			     r.reason[0] ? ": " : "", r.reason)),
		expected);
}

static void a_message_without_sets_has_no_chain(void **state)
{
	struct filter_arc_result r = verify(*state, SLICE(MESSAGE_UNSIGNED));
	assert_int_equal(r.status, FILTER_ARC_NONE);
	assert_int_equal(r.chain.count, 0);
}

static void a_chain_of_several_relays_holds(void **state)
{
	struct world *w = *state;
	struct slice text = SLICE(MESSAGE_UNSIGNED);
	for (unsigned i = 1; i <= 5; i++) {
		text = seal(w, text, i % 2);
		struct filter_arc_result r = verify(w, text);
		if (r.status != FILTER_ARC_PASS)
			fail_msg("i=%u: %s", i, r.reason);
		assert_int_equal(r.chain.count, i);
		assert_slice(
			r.chain.sets[i - 1].seal.domain, i % 2 ? "lists.example" : "relay.example");
		assert_int_equal(r.chain.sets[i - 1].seal.chain,
			i == 1 ? FILTER_DKIM_CHAIN_NONE : FILTER_DKIM_CHAIN_PASS);
		assert_true(slice_starts(r.chain.sets[0].text, SLICE("mx.example;")));
		assert_true(slice_ends(r.chain.sets[0].text, SLICE("dkim=pass")));
	}
}

static void a_relay_may_change_the_message_before_it_seals(void **state)
{
	struct world *w = *state;
	struct slice first = seal(w, SLICE(MESSAGE_UNSIGNED), true);
	struct slice changed = change(w, first, "Is dinner", "[list] Is dinner");
	check(w, changed, "fail: message signature of i=1: signature did not verify");
	/* verified as it came, sealed as it leaves */
	AUTO(buf_free) struct buf out = BUF(1 << 20);
	struct filter_arc_result came = verify(w, first);
	struct filter_message message = filter_message_of(changed);
	struct filter_dkim_signer relay = {SLICE("relay.example"), SLICE("e"), w->ed25519};
	assert_int_equal(filter_arc_seal(&message, &came, &relay, SLICE("mx.example; none"), NOW,
				 &out, NULL),
		0);
	buf_add_slice(&out, changed);
	check(w, buf_slice(&out), "pass");
}

static void what_was_changed_after_the_seal_fails(void **state)
{
	struct world *w = *state;
	struct slice text = seal(w, seal(w, SLICE(MESSAGE_UNSIGNED), true), false);
	check(w, text, "pass");
	check(w, change(w, text, "hungry", "angry"),
		"fail: message signature of i=2: body hash did not verify");
	check(w, change(w, text, "From: Joe", "From: Eve <e@example.com>\r\nFrom: Joe"),
		"fail: message signature of i=2: signature did not verify");
	check(w, change(w, text, "i=1; mx.example", "i=1; mx.example.com"),
		"fail: seal of i=2: signature did not verify");
	check(w,
		change(w, text, "i=2; mx.example;\r\n\tspf=pass", "i=2; mx.example;\r\n\tspf=fail"),
		"fail: seal of i=2: signature did not verify");
	/* white space is not signed */
	check(w, change(w, text, "i=1; mx.example;\r\n\tspf", "i=1;  mx.example; spf"), "pass");
	check(w, change(w, text, "s=r;", "s=gone;"), "fail: seal of i=2: signature did not verify");
}

static void a_chain_without_one_of_its_fields_fails(void **state)
{
	struct world *w = *state;
	struct slice text = seal(w, seal(w, SLICE(MESSAGE_UNSIGNED), true), false);
	check(w, change(w, text, "ARC-Seal: i=2;", "X-Seal: i=2;"), "fail: a set is not complete");
	check(w, change(w, text, "ARC-Seal: i=1;", "X-Seal: i=1;"), "fail: a set is not complete");
	check(w, change(w, text, "ARC-Message-Signature: i=1;", "X: i=1;"),
		"fail: a set is not complete");
	check(w, change(w, text, "ARC-Authentication-Results: i=1;", "X: i=1;"),
		"fail: a set is not complete");
	check(w,
		change(w, text, "ARC-Authentication-Results: i=1;",
			"ARC-Authentication-Results: i=1; none\r\nARC-Authentication-Results: "
			"i=1;"),
		"fail: a set has two fields of a kind");
}

static void malformed_sets_fail(void **state)
{
	static const struct {
		const char *old, *new, *expected;
	} CASES[] = {
		{"ARC-Seal: i=1;", "ARC-Seal: i=0;", "fail: malformed field of a set"},
		{"ARC-Seal: i=1;", "ARC-Seal: i=51;", "fail: malformed field of a set"},
		{"ARC-Seal: i=1;", "ARC-Seal: i=01;", "fail: malformed field of a set"},
		{"ARC-Seal: i=1;", "ARC-Seal: i=1; i=1;", "fail: malformed field of a set"},
		{"ARC-Seal: i=1;", "ARC-Seal:", "fail: malformed field of a set"},
		{"Results: i=1;", "Results: i=1", "fail: malformed field of a set"},
		{"Results: i=1; mx", "Results: mx; i=1", "fail: malformed field of a set"},
		{"Results: i=1;", "Results: i=x;", "fail: malformed field of a set"},
		{"cv=none;", "cv=pass;", "fail: a seal says what can't be (cv=)"},
		{"cv=none;", "cv=fail;", "fail: the chain had failed before"},
		{"cv=none;", "cv=maybe;", "fail: malformed state of the chain (cv=)"},
		{"cv=none;", "", "fail: no state of the chain (cv=)"},
		{"cv=none;", "cv=none; h=from;", "fail: a seal names fields (h=)"},
		{"c=relaxed/relaxed; d=lists", "c=relaxed/relaxed; d=.lists",
			"fail: message signature of i=1: malformed domain (d=)"},
		{"h=from:", "h=arc-seal:",
			"fail: message signature of i=1: ARC-Seal is among the signed fields"},
	};
	struct world *w = *state;
	struct slice text = seal(w, SLICE(MESSAGE_UNSIGNED), true);
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		check(w, change(w, text, CASES[i].old, CASES[i].new), CASES[i].expected);
}

static void a_key_that_cant_be_had_now_is_a_temporary_failure(void **state)
{
	struct world *w = *state;
	struct slice text = seal(w, SLICE(MESSAGE_UNSIGNED), true);
	struct slice later =
		change(w, text, "d=lists.example;\r\n\ts=r;", "d=lists.example; s=later;");
	struct filter_arc_result r = verify(w, later);
	assert_int_equal(r.status, FILTER_ARC_FAIL);
	assert_true(r.temporary);
	int outcome;
	(void)seal_as(w, later, true, &outcome);
	assert_int_equal(outcome, FILTER_ARC_NOT_SEALED);
}

static void a_chain_that_failed_is_sealed_once_more_and_never_again(void **state)
{
	struct world *w = *state;
	struct slice text = change(w, seal(w, SLICE(MESSAGE_UNSIGNED), true), "hungry", "angry");
	text = seal(w, text, false);
	assert_true(slice_search(text, SLICE("cv=fail;")) > 0);
	check(w, text, "fail: the chain had failed before");
	int outcome;
	(void)seal_as(w, text, true, &outcome);
	assert_int_equal(outcome, FILTER_ARC_NOT_SEALED);
}

static void no_more_than_50_sets_are_made(void **state)
{
	struct world *w = *state;
	struct slice text = SLICE(MESSAGE_UNSIGNED);
	int outcome = 0;
	for (int i = 0; i < FILTER_ARC_INSTANCES_MAX; i++)
		text = seal(w, text, false);
	check(w, text, "pass");
	(void)seal_as(w, text, false, &outcome);
	assert_int_equal(outcome, FILTER_ARC_NOT_SEALED);
}

static void results_that_are_no_field_are_refused(void **state)
{
	struct world *w = *state;
	static const char *const BAD[] = {"a\r\nBcc: x", "a\nb", "a\rb", "a\r\n\r\nb"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		AUTO(buf_free) struct buf out = BUF(1 << 20);
		struct filter_message message = filter_message_of(SLICE(MESSAGE_UNSIGNED));
		struct filter_arc_result came = {0};
		struct filter_dkim_signer relay = {SLICE("relay.example"), SLICE("e"), w->ed25519};
		struct err err = {0};
		assert_true(filter_arc_seal(&message, &came, &relay, slice_str(BAD[i]), NOW, &out,
				    &err) < 0);
		assert_int_equal(err.class, ERR_PERMANENT);
		assert_int_equal(out.len, 0);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_message_without_sets_has_no_chain),
		CASE(a_chain_of_several_relays_holds),
		CASE(a_relay_may_change_the_message_before_it_seals),
		CASE(what_was_changed_after_the_seal_fails),
		CASE(a_chain_without_one_of_its_fields_fails),
		CASE(malformed_sets_fail),
		CASE(a_key_that_cant_be_had_now_is_a_temporary_failure),
		CASE(a_chain_that_failed_is_sealed_once_more_and_never_again),
		CASE(no_more_than_50_sets_are_made),
		CASE(results_that_are_no_field_are_refused),
	};
	return cmocka_run_group_tests(tests, make_world, free_world);
}
