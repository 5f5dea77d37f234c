/* Where the other node is listened for. */
#include "base/test.h"
#include "move/link.h"

static void a_host_stands_without_its_port(void **state)
{
	assert_slice(move_host_alone(SLICE("be1.example.org")), "be1.example.org");
	assert_slice(move_host_alone(SLICE("be1.example.org:143")), "be1.example.org");
	assert_slice(move_host_alone(SLICE("192.0.2.1:143")), "192.0.2.1");
	assert_slice(move_host_alone(SLICE("[2001:db8::1]:143")), "[2001:db8::1]");
	assert_slice(move_host_alone(SLICE("[2001:db8::1]")), "[2001:db8::1]");
	assert_slice(move_host_alone(SLICE("2001:db8::1")), "2001:db8::1");
	assert_slice(move_host_alone(SLICE("")), "");
}

static void what_is_no_host_is_refused(void **state)
{
	static const char *const NONE[] = {"", ":8130", "host:", "host:0", "host:65536", "host:x",
		"[]:8130", "[::1]8130", "host:8130x"};
	for (size_t i = 0; i < ARRAY_LEN(NONE); i++) {
		const struct move_link_options options = {
			.host = slice_str(NONE[i]), .authorities = "", .timeout_ms = 100};
		struct move_link *link;
		struct err err;
		assert_true(move_link_open(&options, &link, &err) < 0);
		assert_int_equal(err.kind, ERR_BAD_INPUT);
	}
}

static void nobody_there_is_not_now(void **state)
{
	const struct move_link_options options = {
		.host = SLICE("127.0.0.1:1"), .authorities = "", .timeout_ms = 1000};
	struct move_link *link;
	struct err err;
	assert_true(move_link_open(&options, &link, &err) < 0);
	assert_int_equal(err.class, ERR_TEMPORARY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_stands_without_its_port),
		cmocka_unit_test(what_is_no_host_is_refused),
		cmocka_unit_test(nobody_there_is_not_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
