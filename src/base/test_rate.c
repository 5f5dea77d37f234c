/* Limits by key, on a clock of the test's own. */
#include "base/rate.h"
#include "base/test.h"

#include <stdio.h>

enum { MINUTE = 60 * 1000, START = 12345 };

static unsigned take_all(struct rate *r, const char *key, int64_t now)
{
	unsigned count = 0;
	while (count < 100000 && rate_take(r, slice_str(key), now))
		count++;
	return count;
}

static void so_many_are_allowed_at_once(void **state)
{
	struct rate *r = rate_new(7, MINUTE);
	assert_int_equal(take_all(r, "192.0.2.1", START), 7);
	assert_int_equal(take_all(r, "192.0.2.1", START + 1), 0);
	assert_int_equal(take_all(r, "192.0.2.2", START + 1), 7);
	rate_free(r);
}

static void what_was_used_flows_back(void **state)
{
	struct rate *r = rate_new(6, MINUTE);
	assert_int_equal(take_all(r, "a", START), 6);
	assert_int_equal(take_all(r, "a", START + MINUTE / 6 - 1), 0);
	assert_int_equal(take_all(r, "a", START + MINUTE / 6), 1);
	assert_int_equal(take_all(r, "a", START + 3 * MINUTE / 6), 2);
	assert_int_equal(take_all(r, "a", START + 10 * MINUTE), 6);
	rate_free(r);
}

static void what_is_refused_does_not_count(void **state)
{
	struct rate *r = rate_new(1, MINUTE);
	assert_true(rate_take(r, SLICE("a"), START));
	for (int i = 1; i < 100; i++)
		assert_false(rate_take(r, SLICE("a"), START + i));
	assert_true(rate_take(r, SLICE("a"), START + MINUTE));
	rate_free(r);
}

/* Who uses up his limit stays known while others, who are nearer to having it back, come and go. */
static void a_flood_of_others_does_not_make_a_heavy_one_forgotten(void **state)
{
	struct rate *r = rate_new(100, MINUTE);
	char key[32];
	assert_int_equal(take_all(r, "heavy", START), 100);
	for (int i = 0; i < 8 * RATE_SLOTS; i++) {
		(void)snprintf(key, sizeof(key), "%d", i);
		assert_true(rate_take(r, slice_str(key), START));
	}
	assert_int_equal(take_all(r, "heavy", START), 0);
	rate_free(r);
}

static void without_a_limit_all_is_allowed(void **state)
{
	assert_true(rate_take(NULL, SLICE("a"), START));
	rate_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_are_allowed_at_once),
		cmocka_unit_test(what_was_used_flows_back),
		cmocka_unit_test(what_is_refused_does_not_count),
		cmocka_unit_test(a_flood_of_others_does_not_make_a_heavy_one_forgotten),
		cmocka_unit_test(without_a_limit_all_is_allowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
