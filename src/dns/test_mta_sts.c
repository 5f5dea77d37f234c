/* MTA-STS: records, policies, and which hosts they allow. */
#include "base/test.h"
#include "dns/mta_sts.h"

static void check_record(const char *text, const char *id)
{
	struct slice texts[] = {SLICE("v=spf1 -all"), slice_str(text), SLICE("v=STSv2; id=1;")};
	struct slice got;
	bool good = dns_mta_sts_read_record(texts, ARRAY_LEN(texts), &got);
	if (good != (id != NULL))
		fail_msg("\"%s\" is %s", text, good ? "taken" : "refused");
	if (id)
		assert_slice(got, id);
}

static void records_have_an_id(void **state)
{
	check_record("v=STSv1; id=20160831085700Z;", "20160831085700Z"); /* RFC 8461 section 3.1 */
	check_record("v=STSv1;id=a", "a");
	check_record("v=STSv1 ;\t id=a ; ", "a");
	check_record("v=STSv1; x.y-z_1=v:w; id=a", "a");
	check_record(
		"v=STSv1; id=12345678901234567890123456789012", "12345678901234567890123456789012");
}

static void malformed_records_are_none(void **state)
{
	static const char *const BAD[] = {"", "v=STSv1", "v=STSv1;",
		"v=STSv1; id=", "v=stsv1; id=a", " v=STSv1; id=a", "v=STSv1; id=a-b",
		"v=STSv1; id=a; id=b", "v=STSv1; id=a;; x=y", "v=STSv1; ID=a", "v=STSv1; id=a; x",
		"v=STSv1; id=a; x=y=z", "v=STSv1; id=a; -x=y", "v=STSv1; id=a b",
		"v=STSv1; id=123456789012345678901234567890123", "id=a; v=STSv1"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		check_record(BAD[i], NULL);
}

static void several_records_are_none(void **state)
{
	struct slice texts[] = {SLICE("v=STSv1; id=a"), SLICE("v=STSv1; id=a")}, id;
	assert_true(dns_mta_sts_read_record(texts, 1, &id));
	assert_false(dns_mta_sts_read_record(texts, 2, &id));
	assert_false(dns_mta_sts_read_record(texts, 0, &id));
}

/* RFC 8461 section 3.2. */
static const char EXAMPLE[] = "version: STSv1\nmode: enforce\nmx: mail.example.com\n"
			      "mx: *.example.net\nmx: backupmx.example.com\nmax_age: 604800\n";

static int read_policy(struct arena *arena, const char *text, struct dns_mta_sts_policy *policy)
{
	struct err err = {0};
	int r = dns_mta_sts_read_policy(slice_str(text), arena, policy, &err);
	assert_true(r == 0 || (err.class == ERR_PERMANENT && err.kind == ERR_BAD_INPUT));
	return r;
}

static void a_policy_is_read(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_mta_sts_policy p;
	assert_int_equal(read_policy(&arena, EXAMPLE, &p), 0);
	assert_int_equal(p.mode, DNS_MTA_STS_ENFORCE);
	assert_string_equal(dns_mta_sts_mode_name(p.mode), "enforce");
	assert_int_equal(p.max_age, 604800);
	assert_int_equal(p.mx_count, 3);
	assert_slice(p.mx[1], "*.example.net");
}

static void lines_may_come_in_any_way(void **state)
{
	static const char *const GOOD[] = {
		"version: STSv1\r\nmode: testing\r\nmx: a.b\r\nmax_age: 1\r\n",
		"mx:a.b\nmode:\ttesting \nmax_age: 1\nversion:STSv1",
		"version: STSv1\nmode: testing\nmode: enforce\nmax_age: 1\nmax_age: 2\nmx: a.b",
		"version: STSv1\nnew_thing: x y z: w\nmode: testing\nmax_age: 1\nmx: a.b\n\n",
	};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
		struct dns_mta_sts_policy p;
		if (read_policy(&arena, GOOD[i], &p) != 0)
			fail_msg("refused: %s", GOOD[i]);
		assert_int_equal(p.mode, DNS_MTA_STS_TESTING);
		assert_int_equal(p.max_age, 1);
		assert_int_equal(p.mx_count, 1);
		assert_slice(p.mx[0], "a.b");
	}
}

static void malformed_policies_are_refused(void **state)
{
	static const char *const BAD[] = {"", "version: STSv1\n", "<html>",
		"mode: enforce\nmx: a.b\nmax_age: 1\n",
		"version: STSv2\nmode: enforce\nmx: a.b\nmax_age: 1\n",
		"version: STSv1\nmx: a.b\nmax_age: 1\n",
		"version: STSv1\nmode: maybe\nmx: a.b\nmax_age: 1\n",
		"version: STSv1\nmode: enforce\nmax_age: 1\n",
		"version: STSv1\nmode: enforce\nmx: a.b\n",
		"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: -1\n",
		"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 12345678901\n",
		"version: STSv1\nmode: enforce\nmx: a.*.b\nmax_age: 1\n",
		"version: STSv1\nmode: enforce\nmx: *a.b\nmax_age: 1\n",
		"version: STSv1\nmode: enforce\nmx: *.\nmax_age: 1\n",
		"version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1\n"};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_mta_sts_policy p;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		if (read_policy(&arena, BAD[i], &p) == 0)
			fail_msg("taken: %s", BAD[i]);
	assert_int_equal(read_policy(&arena, "version: STSv1\nmode: none\nmax_age: 1\n", &p), 0);
	assert_int_equal(p.mx_count, 0);
}

static void ages_are_bounded(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_mta_sts_policy p;
	assert_int_equal(
		read_policy(&arena, "version: STSv1\nmode: none\nmax_age: 9999999999\n", &p), 0);
	assert_int_equal(p.max_age, DNS_MTA_STS_AGE_MAX);
}

static void patterns_match_one_label(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_mta_sts_policy p;
	assert_int_equal(read_policy(&arena, EXAMPLE, &p), 0);
	assert_true(dns_mta_sts_has_mx(&p, SLICE("mail.example.com")));
	assert_true(dns_mta_sts_has_mx(&p, SLICE("MAIL.example.com.")));
	assert_true(dns_mta_sts_has_mx(&p, SLICE("a.example.net")));
	assert_false(dns_mta_sts_has_mx(&p, SLICE("a.b.example.net")));
	assert_false(dns_mta_sts_has_mx(&p, SLICE("example.net")));
	assert_false(dns_mta_sts_has_mx(&p, SLICE("example.com")));
	assert_false(dns_mta_sts_has_mx(&p, SLICE("xmail.example.com")));
	assert_false(dns_mta_sts_has_mx(&p, SLICE("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_have_an_id),
		cmocka_unit_test(malformed_records_are_none),
		cmocka_unit_test(several_records_are_none),
		cmocka_unit_test(a_policy_is_read),
		cmocka_unit_test(lines_may_come_in_any_way),
		cmocka_unit_test(malformed_policies_are_refused),
		cmocka_unit_test(ages_are_bounded),
		cmocka_unit_test(patterns_match_one_label),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
