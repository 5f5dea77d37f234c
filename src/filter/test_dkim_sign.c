/* What we sign, our verifier accepts; how the fields look; keys made, written and read again. */
#include "base/test.h"
#include "filter/dkim_sign.h"

#include "filter/dkim_verify.h"
#include "filter/tags.h"
#include "filter/test_keys.h"
#include "filter/test_messages.h"

enum { NOW = 1800000000 };

/* RFC 8463 appendix A.2's key, as PKCS #8. */
#define PEM_RFC8463                                                                                \
	"-----BEGIN PRIVATE KEY-----\n"                                                            \
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"                       \
	"-----END PRIVATE KEY-----\n"

/* Two keys and the table in which their records are, made once. */
struct world {
	struct filter_dkim_signer signers[2];
	struct filter_dkim_secret *rsa, *ed25519;
	char rsa_record[1000], ed25519_record[200];
	struct test_key table[3];
};

static void record_of(const struct filter_dkim_secret *secret, char *to, size_t size)
{
	AUTO(buf_free) struct buf record = BUF(size - 1);
	assert_int_equal(filter_dkim_secret_record(secret, &record, NULL), 0);
	memcpy(to, buf_cstr(&record), record.len + 1);
}

static int make_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	assert_int_equal(filter_dkim_secret_new(FILTER_DKIM_RSA_SHA256, &w->rsa, NULL), 0);
	assert_int_equal(filter_dkim_secret_new(FILTER_DKIM_ED25519_SHA256, &w->ed25519, NULL), 0);
	record_of(w->rsa, w->rsa_record, sizeof(w->rsa_record));
	record_of(w->ed25519, w->ed25519_record, sizeof(w->ed25519_record));
	w->signers[0] = (struct filter_dkim_signer){SLICE("example.org"), SLICE("r2026"), w->rsa};
	w->signers[1] =
		(struct filter_dkim_signer){SLICE("example.org"), SLICE("e2026"), w->ed25519};
	w->table[0] = (struct test_key){"r2026._domainkey.example.org", w->rsa_record};
	w->table[1] = (struct test_key){"e2026._domainkey.example.org", w->ed25519_record};
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

/* By both keys; the signed message. */
static struct buf sign(struct world *w, struct slice text, int64_t lifetime)
{
	struct buf signed_text = BUF(64 << 20);
	struct filter_message message = filter_message_of(text);
	assert_int_equal(
		filter_dkim_sign(&message, w->signers, 2, NOW, lifetime, &signed_text, NULL), 0);
	buf_add_slice(&signed_text, text);
	return signed_text;
}

static void check_verified(
	struct world *w, struct slice text, int64_t now, enum filter_dkim_status expected)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct test_keys keys = test_keys_of(w->table);
	struct filter_message message = filter_message_of(text);
	struct filter_dkim_results results;
	filter_dkim_verify(&message, &keys.dns, now, &arena, &results);
	assert_int_equal(results.count, 2);
	for (size_t i = 0; i < 2; i++) {
		if (results.list[i].verdict.status != expected)
			fail_msg("%s: %s", filter_dkim_status_word(results.list[i].verdict.status),
				results.list[i].verdict.reason);
		assert_slice(results.list[i].signature.domain, "example.org");
	}
}

static void check_good(struct world *w, struct slice text)
{
	struct buf signed_text = sign(w, text, 0);
	check_verified(w, buf_slice(&signed_text), NOW, FILTER_DKIM_PASS);
	buf_free(&signed_text);
}

static void both_signatures_are_good(void **state)
{
	check_good(*state, SLICE(MESSAGE_UNSIGNED));
	check_good(*state, SLICE("From: a@example.org\r\n\r\n"));
	check_good(*state, SLICE("From: a@example.org\r\n"));
	check_good(*state, SLICE("From: a@example.org\r\n\r\nno line end"));
	check_good(*state, SLICE("From: a@example.org\n\nbare\nline\n\n feeds\n"));
	check_good(*state,
		SLICE("Subject:\r\n folded\r\n\tmore \r\nfrom : a\r\nCC: \r\nCc: b\r\n\r\n\r\n"));
	check_good(*state, SLICE(""));
}

static void fields_that_we_put_in_front_are_signed_too(void **state)
{
	struct world *w = *state;
	AUTO(buf_free) struct buf text = BUF(1 << 20);
	struct filter_message message =
		filter_message_of(SLICE("From: a@example.org\r\n\r\nx\r\n"));
	message.added = SLICE("Date: Fri, 27 Nov 2026 03:00:00 +0000\r\n");
	assert_int_equal(filter_dkim_sign(&message, w->signers, 2, NOW, 0, &text, NULL), 0);
	buf_add_slice(&text, message.added);
	buf_add_slice(&text, message.header);
	buf_add_slice(&text, message.body);
	check_verified(w, buf_slice(&text), NOW, FILTER_DKIM_PASS);
	text.data[slice_search(buf_slice(&text), SLICE("27 Nov"))] = '1';
	check_verified(w, buf_slice(&text), NOW, FILTER_DKIM_FAIL);
}

static void a_field_put_in_front_afterwards_breaks_them(void **state)
{
	static const char *const FIELDS[] = {"From: b@example.org\r\n", "Subject: x\r\n",
		"Date: x\r\n", "To: x\r\n", "Cc: x\r\n", "Reply-To: x\r\n", "Message-ID: x\r\n",
		"Content-Type: text/html\r\n", "MIME-Version: 1.0\r\n"};
	struct world *w = *state;
	struct buf signed_text = sign(w, SLICE(MESSAGE_UNSIGNED), 0);
	for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
		AUTO(buf_free) struct buf text = BUF(1 << 20);
		buf_add_str(&text, FIELDS[i]);
		buf_add_slice(&text, buf_slice(&signed_text));
		check_verified(w, buf_slice(&text), NOW, FILTER_DKIM_FAIL);
	}
	AUTO(buf_free) struct buf text = BUF(1 << 20);
	buf_add_str(&text, "Received: from x\r\nSender: list@example.net\r\nList-Id: <x>\r\n");
	buf_add_slice(&text, buf_slice(&signed_text));
	check_verified(w, buf_slice(&text), NOW, FILTER_DKIM_PASS);
	buf_free(&signed_text);
}

static void they_expire_when_asked_to(void **state)
{
	struct world *w = *state;
	struct buf text = sign(w, SLICE(MESSAGE_UNSIGNED), 3600);
	check_verified(w, buf_slice(&text), NOW + 3600, FILTER_DKIM_PASS);
	check_verified(
		w, buf_slice(&text), NOW + 3600 + FILTER_DKIM_CLOCK_SKEW + 1, FILTER_DKIM_POLICY);
	check_verified(w, buf_slice(&text), NOW - FILTER_DKIM_CLOCK_SKEW - 1, FILTER_DKIM_POLICY);
	buf_free(&text);
}

static void lines_have_78_columns_at_most(void **state)
{
	struct buf text = sign(*state, SLICE(MESSAGE_UNSIGNED), 3600);
	struct slice rest = slice_sub(buf_slice(&text), 0, text.len - strlen(MESSAGE_UNSIGNED));
	assert_true(slice_starts(rest, SLICE("DKIM-Signature: v=1; a=rsa-sha256; "
					     "c=relaxed/relaxed; d=example.org;")));
	while (rest.len > 0) {
		struct slice line = slice_cut(&rest, '\n');
		assert_true(slice_ends(line, SLICE("\r")));
		assert_true(line.len - 1 + (line.ptr[0] == '\t' ? 7 : 0) <= 78);
	}
	buf_free(&text);
}

static void names_are_signed_once_more_than_they_are_there(void **state)
{
	struct buf text = sign(*state,
		SLICE("From: a\r\nTo: b\r\nTo: c\r\nReferences: d\r\nList-Id: e\r\n\r\n"), 0);
	struct slice header = buf_slice(&text);
	struct message_field field;
	assert_true(message_next_field(&header, &field));
	struct slice names = filter_tags_find(field.value, "h");
	struct filter_tags_parts parts = filter_tags_parts(names, ':');
	struct slice part;
	unsigned from = 0, to = 0, cc = 0, references = 0, list = 0, sender = 0;
	while (filter_tags_next_part(&parts, &part)) {
		from += slice_eq(part, SLICE("from"));
		to += slice_eq(part, SLICE("to"));
		cc += slice_eq(part, SLICE("cc"));
		references += slice_eq(part, SLICE("references"));
		list += slice_eq(part, SLICE("list-id"));
		sender += slice_eq(part, SLICE("sender"));
	}
	assert_int_equal(from, 2);
	assert_int_equal(to, 3);
	assert_int_equal(cc, 1);
	assert_int_equal(references, 2);
	assert_int_equal(list, 1);
	assert_int_equal(sender, 0);
	buf_free(&text);
}

static void many_fields_of_a_name_make_no_long_list(void **state)
{
	AUTO(buf_free) struct buf text = BUF(64 << 20);
	for (int i = 0; i < 100000; i++)
		buf_add_str(&text, "To: many\r\nFrom: many\r\n");
	buf_add_str(&text, "\r\nbody\r\n");
	struct buf signed_text = sign(*state, buf_slice(&text), 0);
	assert_true(signed_text.len - text.len < 8000);
	check_verified(*state, buf_slice(&signed_text), NOW, FILTER_DKIM_PASS);
	buf_free(&signed_text);
}

static void a_key_that_was_written_is_the_same_when_read(void **state)
{
	struct world *w = *state;
	const struct filter_dkim_secret *const SECRETS[] = {w->rsa, w->ed25519};
	const char *const RECORDS[] = {w->rsa_record, w->ed25519_record};
	for (size_t i = 0; i < 2; i++) {
		AUTO(buf_free) struct buf pem = BUF(FILTER_DKIM_PEM_MAX);
		struct filter_dkim_secret *again;
		char record[1000];
		assert_int_equal(filter_dkim_secret_write(SECRETS[i], &pem, NULL), 0);
		assert_true(slice_starts(buf_slice(&pem), SLICE("-----BEGIN PRIVATE KEY-----\n")));
		assert_int_equal(filter_dkim_secret_read(buf_slice(&pem), &again, NULL), 0);
		assert_int_equal(filter_dkim_secret_algorithm(again), i);
		record_of(again, record, sizeof(record));
		assert_string_equal(record, RECORDS[i]);
		filter_dkim_secret_free(again);
	}
}

static void the_key_of_rfc_8463_has_its_record(void **state)
{
	struct filter_dkim_secret *secret;
	char record[200];
	assert_int_equal(filter_dkim_secret_read(SLICE(PEM_RFC8463), &secret, NULL), 0);
	record_of(secret, record, sizeof(record));
	assert_string_equal(
		record, "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
	filter_dkim_secret_free(secret);
}

static void what_is_no_key_for_dkim_is_refused(void **state)
{
	static const char *const BAD[] = {"", "hello",
		"-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n",
		/* of P-256 */
		"-----BEGIN PRIVATE KEY-----\n"
		"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWBuVA9Z5CghAbxxs\n"
		"pv2j1SiHur5BIR+PSDedvQOzun+hRANCAATgKwVkRFokb9sx8LwBk0C1dsxPiFLp\n"
		"QdNAOwUNUWZla/oHsjVjD33LaJIRXJKEr8frW/830aC2RtX6m97KmjVs\n"
		"-----END PRIVATE KEY-----\n"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct filter_dkim_secret *secret;
		struct err err = {0};
		assert_true(filter_dkim_secret_read(slice_str(BAD[i]), &secret, &err) < 0);
		assert_int_equal(err.class, ERR_PERMANENT);
	}
}

static void a_record_is_quoted_in_strings_of_255_bytes(void **state)
{
	struct world *w = *state;
	AUTO(buf_free) struct buf quoted = BUF(2000);
	struct slice record = slice_str(w->rsa_record);
	assert_true(record.len > 255 && record.len < 510);
	filter_dkim_record_quote(record, &quoted);
	assert_int_equal(quoted.len, record.len + 5);
	assert_true(slice_eq(slice_sub(buf_slice(&quoted), 1, 255), slice_sub(record, 0, 255)));
	assert_true(slice_eq(slice_sub(buf_slice(&quoted), 256, 3), SLICE("\" \"")));
}

static void no_room_is_a_failure_and_leaves_nothing(void **state)
{
	struct world *w = *state;
	struct filter_message message = filter_message_of(SLICE(MESSAGE_UNSIGNED));
	for (size_t room = 10; room < 2000; room += 100) {
		AUTO(buf_free) struct buf to = BUF(room);
		struct err err = {0};
		int result = filter_dkim_sign(&message, w->signers, 2, NOW, 0, &to, &err);
		if (result == 0)
			break;
		assert_int_equal(to.len, 0);
		assert_int_equal(err.kind, ERR_LIMIT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_signatures_are_good),
		cmocka_unit_test(fields_that_we_put_in_front_are_signed_too),
		cmocka_unit_test(a_field_put_in_front_afterwards_breaks_them),
		cmocka_unit_test(they_expire_when_asked_to),
		cmocka_unit_test(lines_have_78_columns_at_most),
		cmocka_unit_test(names_are_signed_once_more_than_they_are_there),
		cmocka_unit_test(many_fields_of_a_name_make_no_long_list),
		cmocka_unit_test(a_key_that_was_written_is_the_same_when_read),
		cmocka_unit_test(the_key_of_rfc_8463_has_its_record),
		cmocka_unit_test(what_is_no_key_for_dkim_is_refused),
		cmocka_unit_test(a_record_is_quoted_in_strings_of_255_bytes),
		cmocka_unit_test(no_room_is_a_failure_and_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, make_world, free_world);
}
