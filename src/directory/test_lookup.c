/* Where mail for an address goes. */
#include "directory/test_fixture.h"

#include "base/bytes.h"
#include "store/store.h"

static void a_user_is_found_in_any_case(void **state)
{
	struct fixture *f = *state;
	struct directory_route route;
	OK(fixture_lookup(f, "Ann@Example.ORG", &route));
	assert_int_equal(route.count, 1);
	assert_slice(route.users[0].name, "ann@example.org");
	assert_slice(route.users[0].domain, "example.org");
	assert_slice(route.matched, "ann@example.org");
	assert_slice(route.detail, "");
	assert_true(id_eq(route.users[0].account, f->ann));
	assert_int_equal(route.users[0].services, DIRECTORY_ALL_SERVICES);
}

static void nobody_is_found_where_there_is_nobody(void **state)
{
	struct fixture *f = *state;
	struct directory_route route;
	const char *const unknown[] = {
		"bob@example.org", "ann@example.com", "ann", "", "@", "ann+@x", "[192.0.2.1]"};
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		assert_int_equal(fixture_lookup(f, unknown[i], &route), DIRECTORY_UNKNOWN);
}

static void our_domains_are_known_and_others_not(void **state)
{
	struct fixture *f = *state;
	OK(directory_domain(f->directory, SLICE("EXAMPLE.org"), &f->err));
	assert_int_equal(
		directory_domain(f->directory, SLICE("example.com"), &f->err), DIRECTORY_UNKNOWN);
	assert_int_equal(
		directory_domain(f->directory, SLICE("[192.0.2.1]"), &f->err), DIRECTORY_UNKNOWN);
}

static void an_empty_store_knows_nobody(void **state)
{
	struct fixture *f = *state;
	struct fixture g = {0};
	struct directory_route route;
	const struct store_options options = {.driver = &store_driver_memory};
	OK(store_open(&options, &g.store, &f->err));
	fixture_directory(&g, 0);
	assert_int_equal(fixture_lookup(&g, "ann@example.org", &route), DIRECTORY_UNKNOWN);
	assert_int_equal(
		fixture_check(&g, "ann@example.org", "secret", DIRECTORY_IMAP), DIRECTORY_UNKNOWN);
	directory_free(g.directory);
	store_close(g.store);
	arena_free(&g.arena);
}

static void a_plus_detail_is_cut_off_and_told(void **state)
{
	struct fixture *f = *state;
	struct directory_route route;
	OK(fixture_lookup(f, "ann+lists@example.org", &route));
	assert_slice(route.users[0].name, "ann@example.org");
	assert_slice(route.detail, "lists");
	assert_int_equal(fixture_lookup(f, "bob+x@example.org", &route), DIRECTORY_UNKNOWN);
}

static void a_user_whose_name_has_a_plus_comes_before_plus_addressing(void **state)
{
	struct fixture *f = *state;
	struct directory_route route;
	fixture_user(f, "ann+lists@example.org");
	OK(fixture_lookup(f, "ann+lists@example.org", &route));
	assert_slice(route.users[0].name, "ann+lists@example.org");
	assert_slice(route.detail, "");
}

static void an_alias_leads_to_each_user_once(void **state)
{
	struct fixture *f = *state;
	struct directory_route route;
	fixture_user(f, "bob@example.org");
	fixture_alias(f, "inner@example.org", "ann@example.org");
	const struct slice targets[] = {SLICE("bob@example.org"), SLICE("inner@example.org"),
		SLICE("ann@example.org"), SLICE("BOB@example.org")};
	OK(directory_alias_add(f->directory, SLICE("all@example.org"), targets, 4, &f->err));
	OK(fixture_lookup(f, "all+x@example.org", &route));
	assert_int_equal(route.count, 2);
	assert_slice(route.users[0].name, "bob@example.org");
	assert_slice(route.users[1].name, "ann@example.org");
	assert_slice(route.matched, "all@example.org");
	assert_slice(route.detail, "x");
}

/* Puts an alias row into the store that the admin functions would refuse. */
static void force_alias(struct fixture *f, const char *name, const char *target)
{
	struct store_write *write;
	struct store_collection found, *collection;
	AUTO(buf_free) struct buf row = BUF(1000);
	buf_add_byte(&row, 1);
	bytes_add_varint(&row, 2);
	bytes_add_counted(&row, slice_str(target));
	OK(store_find_collection(f->store, STORE_SYSTEM_ACCOUNT, STORE_ALIASES, SLICE("aliases"),
		&f->arena, &found, &f->err));
	OK(store_write_begin(f->store, &STORE_SYSTEM_ACCOUNT, 1, &write, &f->err));
	OK(store_write_collection(write, STORE_SYSTEM_ACCOUNT, found.id, &collection, &f->err));
	struct store_object object = {.name = slice_str(name), .data = buf_slice(&row)};
	OK(store_write_object_new(write, collection, &object, SLICE_NONE, &f->err));
	OK(store_write_commit(write, &f->err));
}

static void aliases_in_a_circle_end_as_a_temporary_failure(void **state)
{
	struct fixture *f = *state;
	struct directory_route route;
	fixture_alias(f, "any@example.org", "ann@example.org");
	force_alias(f, "one@example.org", "two@example.org");
	force_alias(f, "two@example.org", "one@example.org");
	assert_true(fixture_lookup(f, "one@example.org", &route) < 0);
	assert_int_equal(f->err.class, ERR_TEMPORARY);
}

static void an_alias_that_leads_nowhere_is_a_temporary_failure(void **state)
{
	struct fixture *f = *state;
	struct directory_route route;
	fixture_alias(f, "any@example.org", "ann@example.org");
	force_alias(f, "lost@example.org", "nobody@example.org");
	assert_true(fixture_lookup(f, "lost@example.org", &route) < 0);
	assert_int_equal(f->err.class, ERR_TEMPORARY);
}

/* With or without a copy. */
static void forward(struct fixture *f, const char *user, const char *to, bool copy)
{
	const struct directory_values v = {
		.has = DIRECTORY_HAS_FORWARD | DIRECTORY_HAS_NO_COPY,
		.forward = slice_str(to),
		.no_copy = !copy,
	};
	OK(directory_user_set(f->directory, slice_str(user), &v, &f->err));
}

static void an_alias_leads_to_users_and_elsewhere(void **state)
{
	struct fixture *f = *state;
	struct directory_route route;
	const struct slice targets[] = {SLICE("Bob.X@Elsewhere.TEST"), SLICE("ann@example.org"),
		SLICE("Bob.X@elsewhere.test"), SLICE("away@example.org")};
	fixture_alias(f, "away@example.org", "c@elsewhere.test");
	OK(directory_alias_add(f->directory, SLICE("all@example.org"), targets, 4, &f->err));
	OK(fixture_lookup(f, "all@example.org", &route));
	assert_int_equal(route.count, 1);
	assert_int_equal(route.elsewhere_count, 2);
	assert_slice(route.elsewhere[0], "Bob.X@elsewhere.test");
	assert_slice(route.elsewhere[1], "c@elsewhere.test");
	OK(fixture_lookup(f, "away+x@example.org", &route));
	assert_int_equal(route.count, 0);
	assert_int_equal(route.elsewhere_count, 1);
	assert_slice(route.matched, "away@example.org");
	assert_slice(route.detail, "x");
	OK(directory_domain_add(f->directory, SLICE("elsewhere.test"), NULL, &f->err));
	fixture_user(f, "bob.x@elsewhere.test");
	OK(fixture_lookup(f, "all@example.org", &route));
	assert_int_equal(route.count, 2); /* the domain is ours now */
	assert_int_equal(route.elsewhere_count, 0);
	assert_slice(route.users[0].name, "bob.x@elsewhere.test");
}

static void what_a_user_forwards_is_followed(void **state)
{
	struct fixture *f = *state;
	struct directory_route route;
	fixture_user(f, "bob@example.org");
	fixture_alias(f, "team@example.org", "ann@example.org");
	forward(f, "ann@example.org", "bob@example.org, x@elsewhere.test", true);
	OK(fixture_lookup(f, "ann+y@example.org", &route));
	assert_int_equal(route.count, 2);
	assert_slice(route.users[1].name, "bob@example.org");
	assert_slice(route.elsewhere[0], "x@elsewhere.test");
	assert_false(route.users[0].no_copy || route.users[1].no_copy);
	forward(f, "ann@example.org", "x@elsewhere.test", false);
	OK(fixture_lookup(f, "team@example.org", &route));
	assert_int_equal(route.count, 1); /* still his, but not to be delivered */
	assert_true(route.users[0].no_copy);
	assert_false(directory_route_stays(&route));
	assert_int_equal(route.elsewhere_count, 1);
}

static void who_forwards_to_nobody_gets_it(void **state)
{
	struct fixture *f = *state;
	struct directory_route route;
	fixture_user(f, "bob@example.org");
	fixture_user(f, "sue@example.org");
	forward(f, "ann@example.org", "bob@example.org", false);
	forward(f, "bob@example.org", "ann@example.org", false); /* in a circle */
	OK(fixture_lookup(f, "ann@example.org", &route));
	assert_int_equal(route.count, 2);
	assert_true(directory_route_stays(&route));
	forward(f, "ann@example.org", "sue@example.org", false);
	OK(directory_user_remove(f->directory, SLICE("sue@example.org"), false, &f->err));
	OK(fixture_lookup(f, "ann@example.org", &route));
	assert_int_equal(route.count, 1);
	assert_false(route.users[0].no_copy);
}

static void who_may_get_no_mail_forwards_none(void **state)
{
	struct fixture *f = *state;
	struct directory_route route;
	const struct directory_values v = {.has = DIRECTORY_HAS_SUSPENDED, .suspended = true};
	forward(f, "ann@example.org", "x@elsewhere.test", true);
	OK(directory_user_set(f->directory, SLICE("ann@example.org"), &v, &f->err));
	assert_int_equal(fixture_lookup(f, "ann@example.org", &route), DIRECTORY_DENIED);
}

static void catch_all_takes_what_nobody_else_does(void **state)
{
	struct fixture *f = *state;
	struct directory_route route;
	const struct directory_values v = {
		.has = DIRECTORY_HAS_CATCH_ALL,
		.catch_all = SLICE("Ann@example.org"),
	};
	const struct directory_values none = {.has = DIRECTORY_HAS_CATCH_ALL};
	fixture_user(f, "bob@example.org");
	OK(directory_domain_set(f->directory, SLICE("example.org"), &v, &f->err));
	OK(fixture_lookup(f, "whoever@example.org", &route));
	assert_slice(route.users[0].name, "ann@example.org");
	assert_slice(route.matched, "whoever@example.org");
	OK(fixture_lookup(f, "bob+x@example.org", &route));
	assert_slice(route.users[0].name, "bob@example.org");
	assert_int_equal(fixture_lookup(f, "whoever@example.com", &route), DIRECTORY_UNKNOWN);
	OK(directory_domain_set(f->directory, SLICE("example.org"), &none, &f->err));
	assert_int_equal(fixture_lookup(f, "whoever@example.org", &route), DIRECTORY_UNKNOWN);
}

static void who_may_not_get_mail_is_denied(void **state)
{
	struct fixture *f = *state;
	struct directory_route route;
	const struct directory_values suspended = {
		.has = DIRECTORY_HAS_SUSPENDED,
		.suspended = true,
	};
	const struct directory_values no_mail = {
		.has = DIRECTORY_HAS_SERVICES,
		.services = DIRECTORY_IMAP,
	};
	fixture_user(f, "bob@example.org");
	fixture_user(f, "cat@example.org");
	const struct slice all[] = {
		SLICE("ann@example.org"), SLICE("bob@example.org"), SLICE("cat@example.org")};
	OK(directory_alias_add(f->directory, SLICE("all@example.org"), all, 3, &f->err));
	OK(directory_alias_add(f->directory, SLICE("two@example.org"), all, 2, &f->err));
	OK(directory_user_set(f->directory, SLICE("ann@example.org"), &suspended, &f->err));
	OK(directory_user_set(f->directory, SLICE("bob@example.org"), &no_mail, &f->err));
	assert_int_equal(fixture_lookup(f, "ann@example.org", &route), DIRECTORY_DENIED);
	assert_string_equal(f->err.text, "ann@example.org is suspended");
	assert_int_equal(fixture_lookup(f, "bob@example.org", &route), DIRECTORY_DENIED);
	assert_string_equal(f->err.text, "bob@example.org may not use delivery");
	assert_int_equal(fixture_lookup(f, "two@example.org", &route), DIRECTORY_DENIED);
	OK(fixture_lookup(f, "all@example.org", &route));
	assert_int_equal(route.count, 1);
	assert_slice(route.users[0].name, "cat@example.org");
}

static void limits_are_the_users_else_the_domains_else_the_nodes(void **state)
{
	struct fixture *f = *state;
	struct directory_route route;
	const struct directory_values domain = {
		.has = DIRECTORY_HAS_USER_QUOTA_BYTES | DIRECTORY_HAS_QUOTA_BYTES,
		.user_quota_bytes = 1000,
		.quota_bytes = 5000,
	};
	struct directory_values own = {.has = DIRECTORY_HAS_QUOTA_BYTES, .quota_bytes = 0};
	OK(fixture_lookup(f, "ann@example.org", &route));
	assert_int_equal(route.users[0].quota_bytes, 0);
	assert_int_equal(route.users[0].quota_messages, 777);
	assert_true(id_is_none(route.users[0].domain_id));
	OK(directory_domain_set(f->directory, SLICE("example.org"), &domain, &f->err));
	OK(fixture_lookup(f, "ann@example.org", &route));
	assert_int_equal(route.users[0].quota_bytes, 1000);
	assert_int_equal(route.users[0].domain_quota_bytes, 5000);
	assert_int_equal(route.users[0].domain_quota_messages, 0);
	assert_false(id_is_none(route.users[0].domain_id));
	OK(directory_user_set(f->directory, SLICE("ann@example.org"), &own, &f->err));
	OK(fixture_lookup(f, "ann@example.org", &route));
	assert_int_equal(route.users[0].quota_bytes, 0);
	own.quota_bytes = DIRECTORY_QUOTA_INHERIT;
	OK(directory_user_set(f->directory, SLICE("ann@example.org"), &own, &f->err));
	OK(fixture_lookup(f, "ann@example.org", &route));
	assert_int_equal(route.users[0].quota_bytes, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(a_user_is_found_in_any_case),
		WITH_FIXTURE(nobody_is_found_where_there_is_nobody),
		WITH_FIXTURE(our_domains_are_known_and_others_not),
		WITH_FIXTURE(an_empty_store_knows_nobody),
		WITH_FIXTURE(a_plus_detail_is_cut_off_and_told),
		WITH_FIXTURE(a_user_whose_name_has_a_plus_comes_before_plus_addressing),
		WITH_FIXTURE(an_alias_leads_to_each_user_once),
		WITH_FIXTURE(aliases_in_a_circle_end_as_a_temporary_failure),
		WITH_FIXTURE(an_alias_that_leads_nowhere_is_a_temporary_failure),
		WITH_FIXTURE(an_alias_leads_to_users_and_elsewhere),
		WITH_FIXTURE(what_a_user_forwards_is_followed),
		WITH_FIXTURE(who_forwards_to_nobody_gets_it),
		WITH_FIXTURE(who_may_get_no_mail_forwards_none),
		WITH_FIXTURE(catch_all_takes_what_nobody_else_does),
		WITH_FIXTURE(who_may_not_get_mail_is_denied),
		WITH_FIXTURE(limits_are_the_users_else_the_domains_else_the_nodes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
