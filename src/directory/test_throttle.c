/* Failed logins per address. */
#include "directory/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { WINDOW_MS = 1000 };

static void fail_times(struct directory_throttle *t, const char *client, int times, int64_t now)
{
	for (int i = 0; i < times; i++)
		directory_throttle_failed_at(t, slice_str(client), now);
}

static void test_an_address_is_blocked_after_so_many_failures(void **state)
{
	struct directory_throttle *t = directory_throttle_new(3, WINDOW_MS);
	fail_times(t, "192.0.2.1", 2, 5);
	assert_true(directory_throttle_allows_at(t, SLICE("192.0.2.1"), 6));
	fail_times(t, "192.0.2.1", 1, 7);
	assert_false(directory_throttle_allows_at(t, SLICE("192.0.2.1"), 8));
	assert_true(directory_throttle_allows_at(t, SLICE("192.0.2.2"), 8));
	assert_false(directory_throttle_allows_at(t, SLICE("::ffff:192.0.2.1"), 8));
	directory_throttle_free(t);
}

static void test_a_block_ends_with_its_window(void **state)
{
	struct directory_throttle *t = directory_throttle_new(1, WINDOW_MS);
	fail_times(t, "192.0.2.1", 1, 5);
	assert_false(directory_throttle_allows_at(t, SLICE("192.0.2.1"), 4 + WINDOW_MS));
	assert_true(directory_throttle_allows_at(t, SLICE("192.0.2.1"), 5 + WINDOW_MS));
	fail_times(t, "192.0.2.1", 1, 6 + WINDOW_MS);
	assert_false(directory_throttle_allows_at(t, SLICE("192.0.2.1"), 7 + WINDOW_MS));
	directory_throttle_free(t);
}

static void test_one_ipv6_network_counts_as_one_client(void **state)
{
	struct directory_throttle *t = directory_throttle_new(2, WINDOW_MS);
	fail_times(t, "2001:db8:1:2::1", 1, 5);
	fail_times(t, "2001:db8:1:2:ffff::9", 1, 5);
	assert_false(directory_throttle_allows_at(t, SLICE("2001:db8:1:2::7"), 6));
	assert_true(directory_throttle_allows_at(t, SLICE("2001:db8:1:3::1"), 6));
	directory_throttle_free(t);
}

static void test_what_is_no_address_is_never_blocked(void **state)
{
	struct directory_throttle *t = directory_throttle_new(1, WINDOW_MS);
	fail_times(t, "local", 5, 5);
	fail_times(t, "", 5, 5);
	assert_true(directory_throttle_allows_at(t, SLICE("local"), 6));
	assert_true(directory_throttle_allows_at(t, SLICE(""), 6));
	assert_true(directory_throttle_allows_at(NULL, SLICE("192.0.2.1"), 6));
	directory_throttle_free(t);
}

/* More addresses than there are slots: memory stays, and the latest are still counted. */
static void test_the_newest_failures_are_kept_when_the_table_is_full(void **state)
{
	struct directory_throttle *t = directory_throttle_new(1, 1000000);
	char text[32];
	for (int i = 0; i < 4 * DIRECTORY_THROTTLE_SLOTS; i++) {
		(void)snprintf(text, sizeof(text), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
		fail_times(t, text, 1, i);
		assert_false(directory_throttle_allows_at(t, slice_str(text), i));
	}
	assert_true(directory_throttle_allows_at(t, SLICE("10.0.0.0"), 1));
	directory_throttle_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_address_is_blocked_after_so_many_failures),
		cmocka_unit_test(test_a_block_ends_with_its_window),
		cmocka_unit_test(test_one_ipv6_network_counts_as_one_client),
		cmocka_unit_test(test_what_is_no_address_is_never_blocked),
		cmocka_unit_test(test_the_newest_failures_are_kept_when_the_table_is_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
