/* What is counted, as bytes: there and back, and what is damaged. */
#include "base/test.h"
#include "reports/row.h"

static const struct filter_dmarc_signature SIGNATURES[] = {
	{SLICE("example.com"), SLICE("s1"), SLICE("pass"), SLICE("")},
	{SLICE("list.example"), SLICE("x"), SLICE("fail"), SLICE("")},
};
static const struct filter_dmarc_row ROW = {.source = SLICE("192.0.2.1"),
	.dkim_aligned = true,
	.policy = FILTER_DMARC_REJECT,
	.disposal = FILTER_DMARC_QUARANTINE,
	.override_type = SLICE("local_policy"),
	.override_words = SLICE("arc=pass"),
	.header_from = SLICE("example.com"),
	.envelope_from = SLICE("list.example"),
	.dkim = SIGNATURES,
	.dkim_count = 2,
	.spf_domain = SLICE("list.example"),
	.spf_result = SLICE("softfail")};

static void a_row_of_dmarc_comes_back(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf key = BUF(REPORTS_KEY_MAX), data = BUF(REPORTS_KEY_MAX);
	struct reports_row row;
	struct filter_dmarc_row got;
	reports_dmarc_key(&ROW, &key);
	reports_row_write(&(struct reports_row){3, 300, buf_slice(&key)}, &data);
	assert_true(reports_row_read(buf_slice(&data), &row));
	assert_int_equal(row.good, 3);
	assert_int_equal(row.bad, 300);
	assert_true(reports_dmarc_read(row.key, &arena, &got));
	assert_false(got.spf_aligned);
	assert_true(got.dkim_aligned);
	assert_int_equal(got.policy, FILTER_DMARC_REJECT);
	assert_int_equal(got.disposal, FILTER_DMARC_QUARANTINE);
	assert_slice(got.source, "192.0.2.1");
	assert_slice(got.override_type, "local_policy");
	assert_slice(got.override_words, "arc=pass");
	assert_slice(got.header_from, "example.com");
	assert_slice(got.envelope_from, "list.example");
	assert_slice(got.spf_domain, "list.example");
	assert_slice(got.spf_result, "softfail");
	assert_int_equal(got.dkim_count, 2);
	assert_slice(got.dkim[1].domain, "list.example");
	assert_slice(got.dkim[1].selector, "x");
	assert_slice(got.dkim[1].result, "fail");
}

static void what_differs_has_another_name(void **state)
{
	AUTO(buf_free) struct buf one = BUF(REPORTS_KEY_MAX), other = BUF(REPORTS_KEY_MAX);
	char name[REPORTS_ROW_NAME], again[REPORTS_ROW_NAME];
	struct filter_dmarc_row row = ROW;
	reports_dmarc_key(&row, &one);
	reports_row_name(buf_slice(&one), name);
	assert_int_equal(strlen(name), REPORTS_ROW_NAME - 1);
	row.count = 77; /* no part of the key */
	reports_dmarc_key(&row, &other);
	reports_row_name(buf_slice(&other), again);
	assert_string_equal(name, again);
	row.spf_aligned = true;
	buf_clear(&other);
	reports_dmarc_key(&row, &other);
	reports_row_name(buf_slice(&other), again);
	assert_string_not_equal(name, again);
}

static void long_texts_are_cut(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf key = BUF(REPORTS_KEY_MAX);
	static char text[2000];
	struct filter_dmarc_row row = {.header_from = slice(text, sizeof(text))}, got;
	memset(text, 'x', sizeof(text));
	reports_dmarc_key(&row, &key);
	assert_true(reports_dmarc_read(buf_slice(&key), &arena, &got));
	assert_int_equal(got.header_from.len, REPORTS_TEXT_MAX);
}

static void a_failure_of_tls_leads_to_its_policy(void **state)
{
	AUTO(buf_free) struct buf policy = BUF(REPORTS_KEY_MAX), failure = BUF(REPORTS_KEY_MAX);
	const struct reports_tls_policy p = {
		.type = REPORTS_STS, .text = SLICE("version: STSv1\n"), .hosts = SLICE("*.a.test")};
	const struct reports_tls_failure f = {.result = REPORTS_CERTIFICATE_EXPIRED,
		.sending_ip = SLICE("192.0.2.1"),
		.host = SLICE("mx.a.test"),
		.receiving_ip = SLICE("2001:db8::1"),
		.reason = SLICE("expired")};
	struct reports_tls_key one, other;
	reports_tls_policy_key(&p, &policy);
	reports_tls_failure_key(buf_slice(&policy), &f, &failure);
	assert_true(reports_tls_read(buf_slice(&policy), &one));
	assert_true(reports_tls_read(buf_slice(&failure), &other));
	assert_false(one.is_failure);
	assert_true(other.is_failure);
	assert_memory_equal(one.policy_id, other.policy_id, REPORTS_POLICY_ID);
	assert_int_equal(one.policy.type, REPORTS_STS);
	assert_slice(one.policy.text, "version: STSv1\n");
	assert_slice(one.policy.hosts, "*.a.test");
	assert_int_equal(other.failure.result, REPORTS_CERTIFICATE_EXPIRED);
	assert_slice(other.failure.sending_ip, "192.0.2.1");
	assert_slice(other.failure.host, "mx.a.test");
	assert_slice(other.failure.receiving_ip, "2001:db8::1");
	assert_slice(other.failure.reason, "expired");
}

static void heads_and_what_was_sent_come_back(void **state)
{
	AUTO(buf_free) struct buf data = BUF(4096);
	struct reports_head head;
	struct reports_sent sent;
	reports_head_write(
		&(struct reports_head){1764115200, 5, 6, 7, 8, 9, SLICE("v=DMARC1; p=none")},
		&data);
	assert_true(reports_head_read(buf_slice(&data), &head));
	assert_int_equal(head.begin, 1764115200);
	assert_int_equal(head.good, 5);
	assert_int_equal(head.bad, 6);
	assert_int_equal(head.attempts, 7);
	assert_int_equal(head.first_s, 8);
	assert_int_equal(head.next_s, 9);
	assert_slice(head.about, "v=DMARC1; p=none");
	buf_clear(&data);
	reports_sent_write(&(struct reports_sent){10, 11, SLICE("id")}, &data);
	assert_true(reports_sent_read(buf_slice(&data), &sent));
	assert_int_equal(sent.end, 10);
	assert_int_equal(sent.sent_s, 11);
	assert_slice(sent.id, "id");
}

static void names_say_day_kind_and_domain(void **state)
{
	static const char *const BAD[] = {"", "sent", "2026-11-27", "2026-11-27 dmarc ",
		"2026-11-27 spf a.test", "2026-13-27 tls a.test", "26-11-27 tls a.test",
		"2026-11-271 tls a.test"};
	const struct reports_name name = {
		.day = 1795737600, .kind = REPORTS_TLS, .domain = SLICE("a.test")};
	struct reports_name got;
	char text[REPORTS_NAME_MAX];
	reports_name_write(&name, text);
	assert_string_equal(text, "2026-11-27 tls a.test");
	assert_true(reports_name_read(slice_str(text), &got));
	assert_int_equal(got.day, 1795737600);
	assert_int_equal(got.kind, REPORTS_TLS);
	assert_slice(got.domain, "a.test");
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		if (reports_name_read(slice_str(BAD[i]), &got))
			fail_msg("\"%s\" is taken", BAD[i]);
}

/* Cut anywhere, or of another version, it is no row; and nothing behind its end is read. */
static void what_is_damaged_is_refused(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf key = BUF(REPORTS_KEY_MAX), head = BUF(4096);
	struct filter_dmarc_row row;
	struct reports_head got;
	struct reports_row sum;
	reports_dmarc_key(&ROW, &key);
	for (size_t i = 0; i < key.len; i++)
		assert_false(reports_dmarc_read(slice(key.data, i), &arena, &row));
	reports_head_write(&(struct reports_head){.about = SLICE("x")}, &head);
	for (size_t i = 0; i < head.len; i++)
		assert_false(reports_head_read(slice(head.data, i), &got));
	head.data[0] = 2;
	assert_false(reports_head_read(buf_slice(&head), &got));
	assert_false(reports_row_read(SLICE("\1\1\1"), &sum));
	assert_false(reports_row_read(SLICE("\2\1\1x"), &sum));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_of_dmarc_comes_back),
		cmocka_unit_test(what_differs_has_another_name),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(a_failure_of_tls_leads_to_its_policy),
		cmocka_unit_test(heads_and_what_was_sent_come_back),
		cmocka_unit_test(names_say_day_kind_and_domain),
		cmocka_unit_test(what_is_damaged_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
