/* What is answered out of memory, and for how long. */
#include "base/test.h"
#include "base/clock.h"
#include "directory/fake.h"
#include "directory/timed.h"

enum { FIRST_MS = 1000000, POSITIVE_MS = 60000, NEGATIVE_MS = 10000 };

static struct directory_fake_user users[] = {
	{.name = "ann@example.org", .password = "secret"},
	{.name = "pop@example.org",
		.password = "secret",
		.user = {.services = DIRECTORY_POP3 | DIRECTORY_DELIVERY}},
	{.name = "all@example.org", .alias_of = "ann@example.org,x@elsewhere.test"},
};

struct world {
	struct directory *fake, *timed;
	struct arena arena;
	struct err err;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	w->fake = directory_fake_new(users, ARRAY_LEN(users));
	w->timed = directory_timed_new(&(struct directory_timed_options){.inner = w->fake,
		.positive_ms = POSITIVE_MS,
		.negative_ms = NEGATIVE_MS,
		.entries_max = 1000});
	clock_fake(FIRST_MS, FIRST_MS);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	directory_free(w->timed);
	arena_free(&w->arena);
	clock_fake(-1, -1);
	free(w);
	return 0;
}

static int look_up(struct world *w, const char *address, struct directory_route *route)
{
	return directory_lookup(w->timed, slice_str(address), &w->arena, route, &w->err);
}

static void a_route_is_asked_for_once_in_its_time(void **state)
{
	struct world *w = *state;
	struct directory_route route;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(look_up(w, "All@example.org", &route), 0);
		assert_int_equal(route.count, 1);
		assert_slice(route.users[0].name, "ann@example.org");
		assert_slice(route.users[0].domain, "example.org");
		assert_slice(route.elsewhere[0], "x@elsewhere.test");
	}
	assert_int_equal(directory_fake_calls(w->fake), 1);
	clock_fake(FIRST_MS + POSITIVE_MS, FIRST_MS);
	assert_int_equal(look_up(w, "all@example.org", &route), 0);
	assert_int_equal(directory_fake_calls(w->fake), 2);
}

static void nobody_is_remembered_for_a_shorter_time(void **state)
{
	struct world *w = *state;
	struct directory_route route;
	assert_int_equal(look_up(w, "no@example.org", &route), DIRECTORY_UNKNOWN);
	assert_int_equal(look_up(w, "no@example.org", &route), DIRECTORY_UNKNOWN);
	assert_int_equal(directory_fake_calls(w->fake), 1);
	clock_fake(FIRST_MS + NEGATIVE_MS, FIRST_MS);
	assert_int_equal(look_up(w, "no@example.org", &route), DIRECTORY_UNKNOWN);
	assert_int_equal(directory_fake_calls(w->fake), 2);
}

static void can_not_tell_is_not_remembered(void **state)
{
	struct world *w = *state;
	struct directory_route route;
	directory_fake_set_dead(w->fake, true);
	assert_true(look_up(w, "ann@example.org", &route) < 0);
	directory_fake_set_dead(w->fake, false);
	assert_int_equal(look_up(w, "ann@example.org", &route), 0);
}

static void one_answer_does_for_all_services(void **state)
{
	struct world *w = *state;
	struct directory_user user;
	struct slice name = SLICE("pop@example.org");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			directory_user(w->timed, name, DIRECTORY_POP3, &w->arena, &user, &w->err),
			0);
		assert_int_equal(
			directory_user(w->timed, name, DIRECTORY_IMAP, &w->arena, &user, &w->err),
			DIRECTORY_DENIED);
	}
	assert_int_equal(directory_fake_calls(w->fake), 1);
}

static void passwords_are_asked_each_time(void **state)
{
	struct world *w = *state;
	struct directory_user user;
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			directory_check(w->timed, SLICE("ann@example.org"), SLICE("secret"),
				SLICE(""), DIRECTORY_IMAP, &w->arena, &user, &w->err),
			0);
	assert_int_equal(directory_fake_calls(w->fake), 2);
}

static void a_flush_forgets_a_user_and_what_leads_to_him(void **state)
{
	struct world *w = *state;
	struct directory_route route;
	assert_int_equal(look_up(w, "ann@example.org", &route), 0);
	assert_int_equal(look_up(w, "all@example.org", &route), 0);
	assert_int_equal(look_up(w, "pop@example.org", &route), 0);
	directory_flush(w->timed, SLICE("Ann@example.org"));
	assert_int_equal(look_up(w, "pop@example.org", &route), 0);
	assert_int_equal(directory_fake_calls(w->fake), 3);
	assert_int_equal(look_up(w, "ann@example.org", &route), 0);
	assert_int_equal(look_up(w, "all@example.org", &route), 0);
	assert_int_equal(directory_fake_calls(w->fake), 5);
	directory_flush(w->timed, SLICE(""));
	assert_int_equal(look_up(w, "pop@example.org", &route), 0);
	assert_int_equal(directory_fake_calls(w->fake), 6);
}

static void no_more_is_kept_than_there_are_entries(void **state)
{
	struct world *w = *state;
	struct directory_route route;
	struct directory *few = directory_timed_new(&(struct directory_timed_options){
		.inner = directory_fake_new(users, ARRAY_LEN(users)),
		.positive_ms = POSITIVE_MS,
		.negative_ms = NEGATIVE_MS,
		.entries_max = 2});
	assert_int_equal(directory_timed_kept(few), 0);
	for (int i = 0; i < 100; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "no%d@example.org", i);
		assert_int_equal(directory_lookup(few, slice_str(name), &w->arena, &route, &w->err),
			DIRECTORY_UNKNOWN);
	}
	assert_int_equal(directory_timed_kept(few), 2);
	directory_flush(few, SLICE(""));
	assert_int_equal(directory_timed_kept(few), 0);
	directory_free(few);
}

int main(void)
{
#define TIMED_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TIMED_TEST(a_route_is_asked_for_once_in_its_time),
		TIMED_TEST(nobody_is_remembered_for_a_shorter_time),
		TIMED_TEST(can_not_tell_is_not_remembered),
		TIMED_TEST(one_answer_does_for_all_services),
		TIMED_TEST(passwords_are_asked_each_time),
		TIMED_TEST(a_flush_forgets_a_user_and_what_leads_to_him),
		TIMED_TEST(no_more_is_kept_than_there_are_entries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
