/* Changing the directory. */
#include "directory/test_fixture.h"

#include "base/clock.h"
#include "store/store.h"

static void a_domain_is_added_shown_set_and_removed(void **state)
{
	struct fixture *f = *state;
	struct directory_domain_info info;
	const struct directory_values v = {
		.has = DIRECTORY_HAS_QUOTA_BYTES | DIRECTORY_HAS_QUOTA_MESSAGES |
		       DIRECTORY_HAS_USER_QUOTA_BYTES | DIRECTORY_HAS_CATCH_ALL,
		.quota_bytes = 10,
		.quota_messages = 20,
		.user_quota_bytes = 30,
		.catch_all = SLICE("ANN@example.org"),
	};
	const struct directory_values less = {
		.has = DIRECTORY_HAS_USER_QUOTA_BYTES | DIRECTORY_HAS_USER_QUOTA_MESSAGES,
		.user_quota_bytes = DIRECTORY_QUOTA_INHERIT,
		.user_quota_messages = 40,
	};
	struct slice name = SLICE("B\u00fccher.example");
	OK(directory_domain_add(f->directory, name, &v, &f->err));
	REFUSED(directory_domain_add(f->directory, SLICE("xn--bcher-kva.example"), NULL, &f->err),
		ERR_EXISTS);
	OK(directory_domain_set(f->directory, name, &less, &f->err));
	OK(directory_domain_show(f->directory, name, &f->arena, &info, &f->err));
	assert_slice(info.name, "xn--bcher-kva.example");
	assert_int_equal(info.values.quota_bytes, 10);
	assert_int_equal(info.values.quota_messages, 20);
	assert_true(info.values.user_quota_bytes == DIRECTORY_QUOTA_INHERIT);
	assert_int_equal(info.values.user_quota_messages, 40);
	assert_slice(info.values.catch_all, "ann@example.org");
	assert_true(info.created >= clock_wall() - 60);
	OK(directory_domain_remove(f->directory, name, &f->err));
	REFUSED(directory_domain_show(f->directory, name, &f->arena, &info, &f->err), ERR_ABSENT);
	REFUSED(directory_domain_remove(f->directory, name, &f->err), ERR_ABSENT);
	REFUSED(directory_domain_set(f->directory, name, NULL, &f->err), ERR_ABSENT);
	REFUSED(directory_domain_add(f->directory, SLICE("a b"), NULL, &f->err), ERR_BAD_INPUT);
}

static void domains_are_listed_by_name_with_their_counts(void **state)
{
	struct fixture *f = *state;
	struct directory_domain_info *infos;
	size_t count;
	OK(directory_domain_add(f->directory, SLICE("b.example"), NULL, &f->err));
	OK(directory_domain_add(f->directory, SLICE("a.example"), NULL, &f->err));
	fixture_user(f, "one@b.example");
	fixture_user(f, "two@b.example");
	fixture_alias(f, "any@b.example", "one@b.example");
	OK(directory_domain_list(f->directory, &f->arena, &infos, &count, &f->err));
	assert_int_equal(count, 3);
	assert_slice(infos[0].name, "a.example");
	assert_slice(infos[1].name, "b.example");
	assert_slice(infos[2].name, "example.org");
	assert_int_equal(infos[0].users + infos[0].aliases, 0);
	assert_int_equal(infos[1].users, 2);
	assert_int_equal(infos[1].aliases, 1);
	assert_int_equal(infos[2].users, 1);
}

static void a_domain_in_use_stays(void **state)
{
	struct fixture *f = *state;
	OK(directory_domain_add(f->directory, SLICE("b.example"), NULL, &f->err));
	fixture_alias(f, "any@b.example", "ann@example.org");
	REFUSED(directory_domain_remove(f->directory, SLICE("b.example"), &f->err), ERR_IN_USE);
	REFUSED(directory_domain_remove(f->directory, SLICE("example.org"), &f->err), ERR_IN_USE);
	OK(directory_alias_remove(f->directory, SLICE("any@b.example"), &f->err));
	OK(directory_domain_remove(f->directory, SLICE("b.example"), &f->err));
}

static void a_users_fields_come_back_and_change_one_by_one(void **state)
{
	struct fixture *f = *state;
	struct directory_user user;
	const struct directory_values v = {
		.has = DIRECTORY_HAS_QUOTA_BYTES | DIRECTORY_HAS_QUOTA_MESSAGES |
		       DIRECTORY_HAS_FULL_NAME | DIRECTORY_HAS_SERVICES | DIRECTORY_HAS_TO_HOST,
		.quota_bytes = 1,
		.quota_messages = 2,
		.full_name = SLICE("Bob \"B\" \u00c5s"),
		.services = DIRECTORY_IMAP | DIRECTORY_POP3,
		.to_host = SLICE("back1:143"),
	};
	const struct directory_values suspended = {
		.has = DIRECTORY_HAS_SUSPENDED | DIRECTORY_HAS_TO_HOST,
		.suspended = true,
	};
	struct id account;
	struct slice bob = SLICE("Bob@example.org");
	OK(directory_user_add(f->directory, bob, SLICE("x"), &v, &account, &f->err));
	OK(directory_user_set(f->directory, bob, &suspended, &f->err));
	OK(directory_user_show(f->directory, bob, &f->arena, &user, &f->err));
	assert_true(id_eq(user.account, account));
	assert_slice(user.name, "bob@example.org");
	assert_slice(user.full_name, "Bob \"B\" \u00c5s");
	assert_int_equal(user.services, DIRECTORY_IMAP | DIRECTORY_POP3);
	assert_int_equal(user.quota_bytes, 1);
	assert_int_equal(user.quota_messages, 2);
	assert_slice(user.to_host, "");
	assert_true(user.suspended);
	assert_true(user.created >= clock_wall() - 60);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct fixture *f = *state;
	struct slice ann = SLICE("ann@example.org"), bob = SLICE("bob@example.org");
	struct slice pw = SLICE("x");
	char long_password[1026];
	memset(long_password, 'x', sizeof(long_password));
	const struct directory_values bad[] = {
		{.has = DIRECTORY_HAS_FULL_NAME, .full_name = SLICE("a\nb")},
		{.has = DIRECTORY_HAS_FULL_NAME, .full_name = SLICE("a\xff")},
		{.has = DIRECTORY_HAS_SERVICES, .services = 64},
		{.has = DIRECTORY_HAS_TO_HOST, .to_host = SLICE("a b")},
		{.has = DIRECTORY_HAS_CATCH_ALL, .catch_all = SLICE("ann@example.org")},
		{.has = DIRECTORY_HAS_USER_QUOTA_BYTES, .user_quota_bytes = 1},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		REFUSED(directory_user_set(f->directory, ann, &bad[i], &f->err), ERR_BAD_INPUT);
		REFUSED(directory_user_add(f->directory, bob, pw, &bad[i], NULL, &f->err),
			ERR_BAD_INPUT);
	}
	REFUSED(directory_domain_set(f->directory, SLICE("example.org"), &bad[2], &f->err),
		ERR_BAD_INPUT);
	const struct slice passwords[] = {
		SLICE(""), SLICE("a\x01"), SLICE("\xff"), slice(long_password, 1025)};
	for (size_t i = 0; i < ARRAY_LEN(passwords); i++)
		REFUSED(directory_user_password(f->directory, ann, passwords[i], &f->err),
			ERR_BAD_INPUT);
	OK(directory_user_password(f->directory, ann, slice(long_password, 1024), &f->err));
	REFUSED(directory_user_add(f->directory, ann, pw, NULL, NULL, &f->err), ERR_EXISTS);
	REFUSED(directory_user_add(f->directory, SLICE("x@other.example"), pw, NULL, NULL, &f->err),
		ERR_ABSENT);
	REFUSED(directory_user_add(f->directory, SLICE("bob"), pw, NULL, NULL, &f->err),
		ERR_BAD_INPUT);
	REFUSED(directory_user_set(f->directory, bob, NULL, &f->err), ERR_ABSENT);
	REFUSED(directory_user_password(f->directory, bob, pw, &f->err), ERR_ABSENT);
	REFUSED(directory_user_remove(f->directory, bob, true, &f->err), ERR_ABSENT);
}

static void a_user_and_an_alias_never_share_a_name(void **state)
{
	struct fixture *f = *state;
	const struct slice ann[] = {SLICE("ann@example.org")};
	fixture_alias(f, "any@example.org", "ann@example.org");
	REFUSED(directory_user_add(
			f->directory, SLICE("any@example.org"), SLICE("x"), NULL, NULL, &f->err),
		ERR_EXISTS);
	REFUSED(directory_alias_add(f->directory, ann[0], ann, 1, &f->err), ERR_EXISTS);
	REFUSED(directory_alias_add(f->directory, SLICE("any@example.org"), ann, 1, &f->err),
		ERR_EXISTS);
}

static void many_users_are_added_all_or_none(void **state)
{
	struct fixture *f = *state;
	struct directory_user user;
	struct directory_new_user users[] = {
		{.address = SLICE("x@example.org"), .password = SLICE("1")},
		{.address = SLICE("b@example.org"), .password = SLICE("2")},
		{.address = SLICE("X@example.org"), .password = SLICE("3")},
	};
	REFUSED(directory_user_add_many(f->directory, users, 3, &f->err), ERR_EXISTS);
	REFUSED(directory_user_show(f->directory, users[1].address, &f->arena, &user, &f->err),
		ERR_ABSENT);
	users[2].address = SLICE("c@example.org");
	OK(directory_user_add_many(f->directory, users, 3, &f->err));
	for (size_t i = 0; i < 3; i++) {
		OK(directory_user_show(f->directory, users[i].address, &f->arena, &user, &f->err));
		assert_true(id_eq(user.account, users[i].account));
		assert_true(slice_eq(user.name, users[i].address));
	}
	assert_int_equal(fixture_check(f, "b@example.org", "2", DIRECTORY_IMAP), 0);
}

/* A write to his account, as if he had mail. */
static void give_a_mailbox(struct fixture *f, struct id account)
{
	struct store_write *write;
	struct store_collection *collection;
	OK(store_write_begin(f->store, &account, 1, &write, &f->err));
	OK(store_write_collection_new(
		write, account, STORE_MAILBOX, SLICE("INBOX"), SLICE(""), &collection, &f->err));
	OK(store_write_commit(write, &f->err));
}

static void removing_a_user_removes_his_account(void **state)
{
	struct fixture *f = *state;
	struct store_collection *list;
	size_t count;
	give_a_mailbox(f, f->ann);
	OK(directory_user_remove(f->directory, SLICE("ann@example.org"), false, &f->err));
	int r = store_list_collections(
		f->store, f->ann, STORE_MAILBOX, &f->arena, &list, &count, &f->err);
	assert_true(r == STORE_ABSENT || (r == 0 && count == 0));
	fixture_user(f, "ann@example.org");
}

static void a_user_that_something_names_is_removed_by_force_only(void **state)
{
	struct fixture *f = *state;
	struct directory_alias_info info;
	struct directory_domain_info domain;
	struct slice ann = SLICE("ann@example.org");
	const struct slice both[] = {SLICE("ann@example.org"), SLICE("bob@example.org")};
	const struct directory_values v = {.has = DIRECTORY_HAS_CATCH_ALL, .catch_all = ann};
	fixture_user(f, "bob@example.org");
	OK(directory_domain_set(f->directory, SLICE("example.org"), &v, &f->err));
	REFUSED(directory_user_remove(f->directory, ann, false, &f->err), ERR_IN_USE);
	OK(directory_alias_add(f->directory, SLICE("both@example.org"), both, 2, &f->err));
	fixture_alias(f, "only@example.org", "ann@example.org");
	REFUSED(directory_user_remove(f->directory, ann, false, &f->err), ERR_IN_USE);
	OK(directory_user_remove(f->directory, ann, true, &f->err));
	OK(directory_alias_show(
		f->directory, SLICE("both@example.org"), &f->arena, &info, &f->err));
	assert_int_equal(info.target_count, 1);
	assert_slice(info.targets[0], "bob@example.org");
	REFUSED(directory_alias_show(
			f->directory, SLICE("only@example.org"), &f->arena, &info, &f->err),
		ERR_ABSENT);
	OK(directory_domain_show(f->directory, SLICE("example.org"), &f->arena, &domain, &f->err));
	assert_slice(domain.values.catch_all, "");
}

static void an_alias_leads_to_known_addresses_and_never_to_itself(void **state)
{
	struct fixture *f = *state;
	struct directory_alias_info info;
	const struct slice none[] = {SLICE("nobody@example.org")};
	const struct slice two[] = {SLICE("two@example.org")};
	const struct slice one[] = {SLICE("one@example.org")};
	const struct slice twice[] = {SLICE("ann@example.org"), SLICE("ANN@example.org")};
	REFUSED(directory_alias_add(f->directory, one[0], none, 1, &f->err), ERR_ABSENT);
	REFUSED(directory_alias_add(f->directory, one[0], one, 1, &f->err), ERR_ABSENT);
	REFUSED(directory_alias_add(f->directory, one[0], none, 0, &f->err), ERR_BAD_INPUT);
	OK(directory_alias_add(f->directory, one[0], twice, 2, &f->err));
	OK(directory_alias_add(f->directory, two[0], one, 1, &f->err));
	REFUSED(directory_alias_set(f->directory, one[0], two, 1, &f->err), ERR_BAD_INPUT);
	REFUSED(directory_alias_set(f->directory, one[0], one, 1, &f->err), ERR_BAD_INPUT);
	REFUSED(directory_alias_set(f->directory, none[0], one, 1, &f->err), ERR_ABSENT);
	REFUSED(directory_alias_remove(f->directory, one[0], &f->err), ERR_IN_USE);
	OK(directory_alias_show(f->directory, one[0], &f->arena, &info, &f->err));
	assert_int_equal(info.target_count, 1);
	OK(directory_alias_remove(f->directory, two[0], &f->err));
	OK(directory_alias_remove(f->directory, one[0], &f->err));
	REFUSED(directory_alias_remove(f->directory, one[0], &f->err), ERR_ABSENT);
}

static int set_forward(struct fixture *f, const char *to, unsigned has, bool no_copy)
{
	const struct directory_values v = {
		.has = has, .forward = slice_str(to), .no_copy = no_copy};
	return directory_user_set(f->directory, SLICE("ann@example.org"), &v, &f->err);
}

static void a_user_forwards_to_addresses_here_and_elsewhere(void **state)
{
	struct fixture *f = *state;
	struct directory_user user;
	AUTO(buf_free) struct buf many = BUF(1000);
	const unsigned to = DIRECTORY_HAS_FORWARD, copy = DIRECTORY_HAS_NO_COPY;
	fixture_user(f, "bob@example.org");
	REFUSED(set_forward(f, "", copy, true), ERR_BAD_INPUT);
	OK(set_forward(f, "Bob@Example.org, Bob@Elsewhere.TEST,,bob@example.org", to | copy, true));
	OK(directory_user_show(f->directory, SLICE("ann@example.org"), &f->arena, &user, &f->err));
	assert_int_equal(user.forward_count, 2);
	assert_slice(user.forwards[0], "bob@example.org");
	assert_slice(user.forwards[1], "Bob@elsewhere.test");
	assert_true(user.no_copy);
	REFUSED(set_forward(f, "zoe@example.org", to, false), ERR_ABSENT);
	REFUSED(set_forward(f, "ANN@example.org", to, false), ERR_BAD_INPUT);
	REFUSED(set_forward(f, "no address", to, false), ERR_BAD_INPUT);
	for (int i = 0; i <= 20; i++)
		buf_printf(&many, "x%d@elsewhere.test,", i);
	REFUSED(set_forward(f, buf_cstr(&many), to, false), ERR_LIMIT);
	OK(set_forward(f, "", to, false));
	OK(directory_user_show(f->directory, SLICE("ann@example.org"), &f->arena, &user, &f->err));
	assert_int_equal(user.forward_count, 0);
	assert_false(user.no_copy);
}

static void aliases_are_listed_by_domain_in_order(void **state)
{
	struct fixture *f = *state;
	struct directory_alias_info *infos;
	size_t count;
	OK(directory_domain_add(f->directory, SLICE("e.example.org"), NULL, &f->err));
	fixture_alias(f, "b@example.org", "ann@example.org");
	fixture_alias(f, "a@example.org", "ann@example.org");
	fixture_alias(f, "c@e.example.org", "ann@example.org");
	OK(directory_alias_list(f->directory, SLICE(""), &f->arena, &infos, &count, &f->err));
	assert_int_equal(count, 3);
	OK(directory_alias_list(
		f->directory, SLICE("Example.org"), &f->arena, &infos, &count, &f->err));
	assert_int_equal(count, 2);
	assert_slice(infos[0].name, "a@example.org");
	assert_slice(infos[1].name, "b@example.org");
	assert_slice(infos[1].targets[0], "ann@example.org");
}

struct seen {
	char text[200];
	size_t stop_after, count;
	struct directory *directory;
	uint64_t quota;
};

static bool see(void *context, const struct directory_user *user)
{
	struct seen *s = context;
	struct err err;
	size_t used = strlen(s->text);
	/* the directory may be called from here */
	assert_int_equal(directory_domain(s->directory, user->domain, &err), 0);
	(void)snprintf(s->text + used, sizeof(s->text) - used, "%.*s ", SLICE_ARG(user->name));
	s->quota = user->quota_bytes;
	return ++s->count != s->stop_after;
}

static void scan(struct fixture *f, const char *domain, const char *pattern, size_t stop_after,
	const char *expected)
{
	struct seen s = {.stop_after = stop_after, .directory = f->directory};
	OK(directory_user_scan(
		f->directory, slice_str(domain), slice_str(pattern), see, &s, &f->err));
	assert_string_equal(s.text, expected);
}

static void users_are_scanned_by_domain_and_pattern_in_order(void **state)
{
	struct fixture *f = *state;
	OK(directory_domain_add(f->directory, SLICE("b.example"), NULL, &f->err));
	fixture_user(f, "zoe@b.example");
	fixture_user(f, "bob@example.org");
	fixture_user(f, "abe@example.org");
	scan(f, "", "", 0, "abe@example.org ann@example.org bob@example.org zoe@b.example ");
	scan(f, "", "", 2, "abe@example.org ann@example.org ");
	scan(f, "b.EXAMPLE", "", 0, "zoe@b.example ");
	scan(f, "", "a*", 0, "abe@example.org ann@example.org ");
	scan(f, "", "?o?@*", 0, "bob@example.org zoe@b.example ");
	scan(f, "", "*b*@*.org", 0, "abe@example.org bob@example.org ");
	scan(f, "", "nn", 0, "");
	scan(f, "", "*", 1, "abe@example.org ");
}

static void app_passwords_are_named_and_listed(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf one = BUF(100), two = BUF(100);
	struct directory_app_password *list;
	size_t count;
	struct slice ann = SLICE("ann@example.org");
	OK(directory_app_password_add(
		f->directory, ann, SLICE("phone"), DIRECTORY_IMAP, &one, &f->err));
	OK(directory_app_password_add(
		f->directory, ann, SLICE("desk"), DIRECTORY_ALL_SERVICES, &two, &f->err));
	assert_false(slice_eq(buf_slice(&one), buf_slice(&two)));
	REFUSED(directory_app_password_add(
			f->directory, ann, SLICE("desk"), DIRECTORY_IMAP, &two, &f->err),
		ERR_EXISTS);
	REFUSED(directory_app_password_add(f->directory, ann, SLICE("x"), 0, &two, &f->err),
		ERR_BAD_INPUT);
	REFUSED(directory_app_password_add(
			f->directory, ann, SLICE(""), DIRECTORY_IMAP, &two, &f->err),
		ERR_BAD_INPUT);
	OK(directory_app_password_list(f->directory, ann, &f->arena, &list, &count, &f->err));
	assert_int_equal(count, 2);
	assert_slice(list[0].name, "phone");
	assert_int_equal(list[0].services, DIRECTORY_IMAP);
	assert_true(list[0].created >= clock_wall() - 60);
	OK(directory_app_password_remove(f->directory, ann, SLICE("phone"), &f->err));
	REFUSED(directory_app_password_remove(f->directory, ann, SLICE("phone"), &f->err),
		ERR_ABSENT);
	OK(directory_app_password_list(f->directory, ann, &f->arena, &list, &count, &f->err));
	assert_int_equal(count, 1);
	assert_slice(list[0].name, "desk");
}

static void app_passwords_have_a_maximum(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf made = BUF(10000);
	struct slice ann = SLICE("ann@example.org");
	for (int i = 0; i < 50; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "n%d", i);
		OK(directory_app_password_add(
			f->directory, ann, slice_str(name), DIRECTORY_IMAP, &made, &f->err));
	}
	REFUSED(directory_app_password_add(
			f->directory, ann, SLICE("more"), DIRECTORY_IMAP, &made, &f->err),
		ERR_LIMIT);
}

static void the_store_stays_sound(void **state)
{
	struct fixture *f = *state;
	fixture_user(f, "bob@example.org");
	fixture_alias(f, "any@example.org", "bob@example.org");
	give_a_mailbox(f, f->ann);
	OK(directory_user_remove(f->directory, SLICE("ann@example.org"), false, &f->err));
	OK(directory_user_remove(f->directory, SLICE("bob@example.org"), true, &f->err));
	OK(store_check(f->store, NULL, NULL, NULL, &f->err));
}

static void a_user_comes_from_another_node_with_his_secrets(void **state)
{
	struct fixture *f = *state, other = {0}, *g = &other;
	const struct store_options options = {.driver = &store_driver_memory};
	AUTO(buf_free) struct buf row = BUF(1 << 16);
	struct slice ann = SLICE("ann@example.org");
	struct directory_user user;
	struct id account;
	bool there;
	if (store_open(&options, &g->store, &g->err) != 0)
		fail_msg("%s", g->err.text);
	fixture_directory(g, 0);
	OK(directory_set_host(f->directory, ann, SLICE("be1:143"), &f->err));
	OK(directory_user_export(f->directory, ann, &row, &account, &f->err));
	assert_true(id_eq(account, f->ann));
	REFUSED(directory_user_expects(g->directory, ann, account, &there, &f->err), ERR_ABSENT);
	REFUSED(directory_user_import(g->directory, ann, account, buf_slice(&row), &f->err),
		ERR_ABSENT);
	OK(directory_domain_add(g->directory, SLICE("example.org"), NULL, &f->err));
	OK(directory_user_expects(g->directory, ann, account, &there, &f->err));
	assert_false(there);
	OK(directory_user_import(g->directory, ann, account, buf_slice(&row), &f->err));
	OK(directory_user_import(g->directory, ann, account, buf_slice(&row), &f->err));
	OK(directory_user_expects(g->directory, ann, account, &there, &f->err));
	assert_true(there);
	REFUSED(directory_user_expects(g->directory, ann, id_new(), &there, &f->err), ERR_EXISTS);
	REFUSED(directory_user_import(g->directory, ann, id_new(), buf_slice(&row), &f->err),
		ERR_EXISTS);
	assert_int_equal(fixture_check(g, "ann@example.org", "secret", DIRECTORY_IMAP), 0);
	OK(directory_user_show(g->directory, ann, &g->arena, &user, &f->err));
	assert_true(id_eq(user.account, f->ann));
	assert_slice(user.to_host, "be1:143");
	OK(directory_user_withdraw(g->directory, ann, id_new(), &f->err)); /* that is not he */
	assert_int_equal(fixture_check(g, "ann@example.org", "secret", DIRECTORY_IMAP), 0);
	OK(directory_user_withdraw(g->directory, ann, account, &f->err));
	OK(directory_user_withdraw(g->directory, ann, account, &f->err));
	assert_int_equal(
		fixture_check(g, "ann@example.org", "secret", DIRECTORY_IMAP), DIRECTORY_UNKNOWN);
	directory_free(g->directory);
	store_close(g->store);
	arena_free(&g->arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(a_domain_is_added_shown_set_and_removed),
		WITH_FIXTURE(domains_are_listed_by_name_with_their_counts),
		WITH_FIXTURE(a_domain_in_use_stays),
		WITH_FIXTURE(a_users_fields_come_back_and_change_one_by_one),
		WITH_FIXTURE(what_makes_no_sense_is_refused),
		WITH_FIXTURE(a_user_and_an_alias_never_share_a_name),
		WITH_FIXTURE(many_users_are_added_all_or_none),
		WITH_FIXTURE(removing_a_user_removes_his_account),
		WITH_FIXTURE(a_user_that_something_names_is_removed_by_force_only),
		WITH_FIXTURE(an_alias_leads_to_known_addresses_and_never_to_itself),
		WITH_FIXTURE(a_user_forwards_to_addresses_here_and_elsewhere),
		WITH_FIXTURE(aliases_are_listed_by_domain_in_order),
		WITH_FIXTURE(users_are_scanned_by_domain_and_pattern_in_order),
		WITH_FIXTURE(app_passwords_are_named_and_listed),
		WITH_FIXTURE(app_passwords_have_a_maximum),
		WITH_FIXTURE(a_user_comes_from_another_node_with_his_secrets),
		WITH_FIXTURE(the_store_stays_sound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
