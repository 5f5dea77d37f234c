/* Names in filters, and entries as users. */
#include "base/test.h"
#include "directory/account.h"
#include "directory/ldap_filter.h"
#include "directory/ldap_map.h"

static const struct directory_ldap_names ann = {
	.address = {"ann@example.org", 15},
	.local = {"ann", 3},
	.domain = {"example.org", 11},
};

static void expands_to(
	const char *filter, const struct directory_ldap_names *names, const char *expected)
{
	AUTO(buf_free) struct buf text = BUF(DIRECTORY_LDAP_FILTER_MAX);
	directory_ldap_filter_expand(slice_str(filter), names, &text);
	assert_slice(buf_slice(&text), expected);
}

static void a_name_stands_in_its_places(void **state)
{
	expands_to("(|(mail=%u)(&(uid=%n)(d=%d)(x=5%%)))", &ann,
		"(|(mail=ann@example.org)(&(uid=ann)(d=example.org)(x=5%)))");
}

static void a_name_changes_no_filter(void **state)
{
	const struct directory_ldap_names evil = {.address = slice("*)(uid=\\\0a\xc3\xa9", 12),
		.local = SLICE("*"),
		.domain = SLICE("")};
	expands_to("(mail=%u)", &evil, "(mail=\\2a\\29\\28uid=\\5c\\00a\\c3\\a9)");
	expands_to("(uid=%n)", &evil, "(uid=\\2a)");
}

static void anybody_is_a_star(void **state)
{
	struct directory_ldap_names any = {.any = true};
	expands_to("(mail=%u)", &any, "(mail=*)");
	expands_to("(&(uid=%n)(d=%d))", &any, "(&(uid=*)(d=*))");
	any.domain = SLICE("ex*mple.org");
	expands_to("(|(mail=%u)(d=%d))", &any, "(|(mail=*@ex\\2ample.org)(d=ex\\2ample.org))");
}

static void filters_that_can_not_be_are_refused(void **state)
{
	static const char *const BAD[] = {"", "mail=%u", "(mail=%u", "(mail=%u))", "(a=b)(c=d)",
		"(a=%x)", "(a=%", "()", "(a=b)c"};
	static const char *const GOOD[] = {"(mail=%u)", "(&(a=b)(|(c=%n)(d=%d)))", "(a=100%%)"};
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(directory_ldap_filter_check(slice_str(BAD[i]), &err), -1);
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
		assert_int_equal(directory_ldap_filter_check(slice_str(GOOD[i]), &err), 0);
}

static void quotas_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes, messages;
	} good[] = {{"500", 500, 7}, {"10K", 10240, 7}, {"2 m", 2097152, 7}, {"1GB", 1073741824, 7},
		{"1048576S", 1048576, 7}, {"1048576S,1000C", 1048576, 1000}, {"none", 0, 7},
		{"0", 0, 7}, {"-1", 0, 7}};
	static const char *const BAD[] = {"much", "", "-5", "1X", "99999999999T", "10,C", "S", "K"};
	uint64_t bytes, messages;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		messages = 7;
		assert_true(directory_ldap_quota(slice_str(good[i].text), &bytes, &messages));
		assert_int_equal(bytes, good[i].bytes);
		assert_int_equal(messages, good[i].messages);
	}
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_false(directory_ldap_quota(slice_str(BAD[i]), &bytes, &messages));
}

static const struct directory_ldap_options options = {.attributes = {.name = "mail",
							      .identity = "entryUUID",
							      .full_name = "cn",
							      .quota = "quota",
							      .quota_messages = "",
							      .services = "service",
							      .suspended = "suspended",
							      .active = "active",
							      .to_host = "host",
							      .forward = "forward",
							      .keep_copy = "copy",
							      .groups = "group",
							      .scram = ""},
	.quota_bytes = 99,
	.quota_messages = 5};

enum { MOST = 16 };
struct sample {
	struct arena arena;
	struct slice values[MOST];
	struct directory_ldap_attribute attributes[MOST];
	struct directory_ldap_entry entry;
	struct directory_user user;
	struct err err;
};

/* "name", "value", … NULL, a value each. */
static int map(struct sample *s, const char *asked, const char *const *pairs)
{
	*s = (struct sample){.entry = {.dn = SLICE("uid=x"), .attributes = s->attributes}};
	for (; pairs[0]; pairs += 2) {
		s->values[s->entry.count] = slice_str(pairs[1]);
		s->attributes[s->entry.count] = (struct directory_ldap_attribute){
			slice_str(pairs[0]), &s->values[s->entry.count], 1};
		s->entry.count++;
	}
	return directory_ldap_map(
		&options, &s->entry, slice_str(asked), &s->arena, &s->user, &s->err);
}

static void an_entry_becomes_a_user(void **state)
{
	struct sample s;
	static const char *const PAIRS[] = {"MAIL", "Ann@Example.ORG", "entryuuid", "ABCD-1", "cn",
		"Ann", "quota;x-opt", "1K", "service", "imap, pop3 delivery", "host", "b1:24",
		"forward", "x@y.z", "copy", "FALSE", "group", "cn=g", NULL};
	assert_int_equal(map(&s, "ann@example.org", PAIRS), 0);
	assert_slice(s.user.name, "ann@example.org");
	assert_slice(s.user.domain, "example.org");
	assert_true(id_eq(s.user.account, directory_account_of(SLICE("abcd-1"))));
	assert_int_equal(s.user.quota_bytes, 1024);
	assert_int_equal(s.user.quota_messages, 5);
	assert_int_equal(s.user.services, DIRECTORY_IMAP | DIRECTORY_POP3 | DIRECTORY_DELIVERY);
	assert_slice(s.user.to_host, "b1:24");
	assert_int_equal(s.user.forward_count, 1);
	assert_true(s.user.no_copy);
	assert_false(s.user.suspended);
	assert_slice(s.user.groups[0], "cn=g");
	arena_free(&s.arena);
}

static void what_is_not_there_has_its_default(void **state)
{
	struct sample s;
	static const char *const PAIRS[] = {
		"mail", "a@b.c", "entryUUID", "1", "copy", "FALSE", NULL};
	assert_int_equal(map(&s, "", PAIRS), 0);
	assert_int_equal(s.user.services, DIRECTORY_ALL_SERVICES);
	assert_int_equal(s.user.quota_bytes, 99);
	assert_false(s.user.no_copy); /* who forwards to nobody keeps his mail */
	arena_free(&s.arena);
}

static void who_is_suspended_or_not_active_may_nothing(void **state)
{
	struct sample s;
	static const char *const ONE[] = {
		"mail", "a@b.c", "entryUUID", "1", "suspended", "TRUE", NULL};
	static const char *const TWO[] = {
		"mail", "a@b.c", "entryUUID", "1", "active", "disabled", NULL};
	assert_int_equal(map(&s, "", ONE), 0);
	assert_true(s.user.suspended);
	arena_free(&s.arena);
	assert_int_equal(map(&s, "", TWO), 0);
	assert_true(s.user.suspended);
	arena_free(&s.arena);
}

static void what_makes_no_sense_is_temporary_and_named(void **state)
{
	static const char *const BAD[][2] = {{"quota", "much"}, {"service", "smtp"},
		{"suspended", "perhaps"}, {"copy", "2"}, {"active", "x"}};
	struct sample s;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		const char *const pairs[] = {
			"mail", "a@b.c", "entryUUID", "1", BAD[i][0], BAD[i][1], NULL};
		assert_int_equal(map(&s, "", pairs), -1);
		assert_int_equal(s.err.class, ERR_TEMPORARY);
		assert_non_null(strstr(s.err.text, BAD[i][0]));
		arena_free(&s.arena);
	}
	static const char *const NOBODY[] = {"mail", "no address", "entryUUID", "1", NULL};
	static const char *const NO_IDENTITY[] = {"mail", "a@b.c", NULL};
	assert_int_equal(map(&s, "", NOBODY), -1);
	arena_free(&s.arena);
	assert_int_equal(map(&s, "", NO_IDENTITY), -1);
	arena_free(&s.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_stands_in_its_places),
		cmocka_unit_test(a_name_changes_no_filter),
		cmocka_unit_test(anybody_is_a_star),
		cmocka_unit_test(filters_that_can_not_be_are_refused),
		cmocka_unit_test(quotas_are_read),
		cmocka_unit_test(an_entry_becomes_a_user),
		cmocka_unit_test(what_is_not_there_has_its_default),
		cmocka_unit_test(who_is_suspended_or_not_active_may_nothing),
		cmocka_unit_test(what_makes_no_sense_is_temporary_and_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
