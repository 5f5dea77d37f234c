/* What was said before holds while the one who said it is away. */
#include "directory/cached.h"

#include "base/clock.h"
#include "base/test.h"
#include "directory/fake.h"

static const struct directory_fake_user USERS[] = {
	{.name = "ann@example.org", .password = "secret"},
	{.name = "bob@example.org", .password = "bob", .user = {.to_host = {"s2.test:24", 10}}},
	{.name = "pat@example.org", .user = {.no_copy = true}},
	{.name = "away@example.org", .alias_of = "x@a.test,pat@example.org,y@b.test"},
	{.name = "both@example.org", .alias_of = "ann@example.org,bob@example.org"},
};

struct fixture {
	struct directory *fake, *cached;
	struct arena arena;
	struct directory_route route;
	struct err err;
};

static int set_up(void **state)
{
	static struct fixture f;
	f = (struct fixture){.arena = ARENA_EMPTY};
	f.fake = directory_fake_new(USERS, ARRAY_LEN(USERS));
	struct directory_cached_options options = {
		.inner = f.fake, .entries_max = 20, .keep_ms = 1000};
	clock_fake(5000, 5000);
	f.cached = directory_cached_new(&options);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	directory_free(f->cached);
	arena_free(&f->arena);
	clock_fake(-1, -1);
	return 0;
}

static int look_up(struct fixture *f, const char *address)
{
	return directory_lookup(f->cached, slice_str(address), &f->arena, &f->route, &f->err);
}

static void who_is_known_and_who_is_not_stays_so(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(look_up(f, "both@example.org"), 0);
	assert_int_equal(look_up(f, "nobody@example.org"), DIRECTORY_UNKNOWN);
	directory_fake_set_dead(f->fake, true);
	assert_int_equal(look_up(f, "Both@Example.ORG"), 0);
	assert_int_equal(f->route.count, 2);
	assert_slice(f->route.users[0].name, "ann@example.org");
	assert_slice(f->route.users[0].domain, "example.org");
	assert_slice(f->route.users[0].to_host, "");
	assert_slice(f->route.users[1].to_host, "s2.test:24");
	assert_int_equal(look_up(f, "nobody@example.org"), DIRECTORY_UNKNOWN);
	assert_int_equal(directory_cached_used(f->cached), 2);
}

static void addresses_elsewhere_are_remembered(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(look_up(f, "away@example.org"), 0);
	directory_fake_set_dead(f->fake, true);
	assert_int_equal(look_up(f, "away@example.org"), 0);
	assert_int_equal(f->route.count, 1);
	assert_slice(f->route.users[0].name, "pat@example.org");
	assert_true(f->route.users[0].no_copy);
	assert_int_equal(f->route.elsewhere_count, 2);
	assert_slice(f->route.elsewhere[0], "x@a.test");
	assert_slice(f->route.elsewhere[1], "y@b.test");
	assert_slice(f->route.matched, "away@example.org");
}

static void more_addresses_than_can_be_remembered_are_not(void **state)
{
	struct fixture *f = *state;
	static char many[101 * 16];
	struct directory_fake_user users[] = {{.name = "away@example.org", .alias_of = "x@a.test"}};
	struct directory_cached_options options = {.inner = directory_fake_new(users, 1)};
	struct directory *cached = directory_cached_new(&options);
	struct slice name = SLICE("away@example.org");
	assert_int_equal(directory_lookup(cached, name, &f->arena, &f->route, &f->err), 0);
	for (int i = 0; i <= 100; i++)
		(void)snprintf(many + strlen(many), 16, "%s%d@a.test", i > 0 ? "," : "", i);
	users[0].alias_of = many;
	assert_int_equal(directory_lookup(cached, name, &f->arena, &f->route, &f->err), 0);
	assert_int_equal(f->route.elsewhere_count, 101);
	directory_fake_set_dead(options.inner, true);
	assert_true(directory_lookup(cached, name, &f->arena, &f->route, &f->err) < 0);
	directory_free(cached);
}

static void more_users_on_hosts_than_can_be_remembered_are_not(void **state)
{
	struct fixture *f = *state;
	static char names[101][24], many[101 * 24];
	static struct directory_fake_user users[102];
	for (int i = 0; i <= 100; i++) {
		(void)snprintf(names[i], sizeof(*names), "u%d@example.org", i);
		(void)snprintf(many + strlen(many), 24, "%s%s", i > 0 ? "," : "", names[i]);
		users[i].name = names[i];
	}
	users[101] = (struct directory_fake_user){.name = "all@example.org", .alias_of = many};
	for (int hosts = 0; hosts < 2; hosts++) {
		struct directory_cached_options options = {.inner = directory_fake_new(users, 102)};
		struct directory *cached = directory_cached_new(&options);
		struct slice name = SLICE("all@example.org");
		users[7].user.to_host = hosts ? SLICE("s2.test") : SLICE("");
		assert_int_equal(directory_lookup(cached, name, &f->arena, &f->route, &f->err), 0);
		assert_int_equal(f->route.count, 101);
		directory_fake_set_dead(options.inner, true);
		assert_int_equal(
			directory_lookup(cached, name, &f->arena, &f->route, &f->err) < 0, hosts);
		directory_free(cached);
	}
}

static void what_was_never_asked_can_not_be_told(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(look_up(f, "ann@example.org"), 0);
	directory_fake_set_dead(f->fake, true);
	assert_true(look_up(f, "bob@example.org") < 0);
	assert_int_equal(f->err.class, ERR_TEMPORARY);
	assert_true(directory_domain(f->cached, SLICE("example.org"), &f->err) < 0);
}

static void domains_are_remembered(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(directory_domain(f->cached, SLICE("example.org"), &f->err), 0);
	assert_int_equal(
		directory_domain(f->cached, SLICE("a.example"), &f->err), DIRECTORY_UNKNOWN);
	directory_fake_set_dead(f->fake, true);
	assert_int_equal(directory_domain(f->cached, SLICE("EXAMPLE.org"), &f->err), 0);
	assert_int_equal(
		directory_domain(f->cached, SLICE("a.example"), &f->err), DIRECTORY_UNKNOWN);
}

static void what_was_said_long_ago_counts_no_more(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(look_up(f, "ann@example.org"), 0);
	directory_fake_set_dead(f->fake, true);
	clock_fake(5999, 5999);
	assert_int_equal(look_up(f, "ann@example.org"), 0);
	clock_fake(6000, 6000);
	assert_true(look_up(f, "ann@example.org") < 0);
}

static void the_one_that_is_there_is_asked(void **state)
{
	struct fixture *f = *state;
	unsigned calls = directory_fake_calls(f->fake);
	for (int i = 0; i < 3; i++)
		assert_int_equal(look_up(f, "ann@example.org"), 0);
	assert_int_equal(directory_fake_calls(f->fake), calls + 3);
	assert_int_equal(directory_cached_used(f->cached), 0);
}

static void what_is_flushed_is_forgotten(void **state)
{
	struct fixture *f = *state;
	static const char *const ASKED[] = {
		"ann@example.org", "bob@example.org", "both@example.org", "away@example.org"};
	for (size_t i = 0; i < ARRAY_LEN(ASKED); i++)
		assert_int_equal(look_up(f, ASKED[i]), 0);
	directory_fake_set_dead(f->fake, true);
	directory_flush(f->cached, SLICE("Bob@example.org"));
	assert_int_equal(look_up(f, "ann@example.org"), 0);
	assert_int_equal(look_up(f, "away@example.org"), 0);
	assert_true(look_up(f, "bob@example.org") < 0);
	assert_true(look_up(f, "both@example.org") < 0); /* which leads to him */
	directory_flush(f->cached, SLICE(""));
	assert_true(look_up(f, "ann@example.org") < 0);
}

static void what_is_not_asked_for_makes_room(void **state)
{
	struct fixture *f = *state;
	char address[64];
	assert_int_equal(look_up(f, "ann@example.org"), 0);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(address, sizeof(address), "x%d@example.org", i);
		assert_int_equal(look_up(f, address), DIRECTORY_UNKNOWN);
		if (i % 5 == 0)
			assert_int_equal(look_up(f, "bob@example.org"), 0);
	}
	directory_fake_set_dead(f->fake, true);
	assert_int_equal(look_up(f, "bob@example.org"), 0);
	assert_int_equal(look_up(f, "x99@example.org"), DIRECTORY_UNKNOWN);
	assert_true(look_up(f, "ann@example.org") < 0);
	assert_true(look_up(f, "x0@example.org") < 0);
}

static void logins_are_not_answered_from_memory(void **state)
{
	struct fixture *f = *state;
	struct directory_user user;
	assert_int_equal(directory_check(f->cached, SLICE("ann@example.org"), SLICE("secret"),
				 SLICE(""), 0, &f->arena, &user, &f->err),
		0);
	directory_fake_set_dead(f->fake, true);
	assert_true(directory_check(f->cached, SLICE("ann@example.org"), SLICE("secret"), SLICE(""),
			    0, &f->arena, &user, &f->err) < 0);
}

int main(void)
{
#define CACHED_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CACHED_TEST(who_is_known_and_who_is_not_stays_so),
		CACHED_TEST(addresses_elsewhere_are_remembered),
		CACHED_TEST(more_addresses_than_can_be_remembered_are_not),
		CACHED_TEST(more_users_on_hosts_than_can_be_remembered_are_not),
		CACHED_TEST(what_was_never_asked_can_not_be_told),
		CACHED_TEST(domains_are_remembered),
		CACHED_TEST(what_was_said_long_ago_counts_no_more),
		CACHED_TEST(the_one_that_is_there_is_asked),
		CACHED_TEST(what_is_flushed_is_forgotten),
		CACHED_TEST(what_is_not_asked_for_makes_room),
		CACHED_TEST(logins_are_not_answered_from_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
