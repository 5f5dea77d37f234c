#include "base/test.h"
#include "mail/set.h"

#include <stdlib.h>

static void expect(const struct mail_set *set, const char *text)
{
	AUTO(buf_free) struct buf written = BUF(1 << 20);
	mail_set_write(set, &written);
	assert_slice(buf_slice(&written), text);
}

static void expect_parsed(const char *text, uint32_t largest, const char *expected)
{
	AUTO(mail_set_free) struct mail_set set = {0};
	assert_true(mail_set_parse(&set, slice_str(text), largest));
	expect(&set, expected);
}

static void ranges_are_sorted_and_joined(void **state)
{
	expect_parsed("5,1:3,4", 9, "1:5");
	expect_parsed("9:7,1,3,2:2", 9, "1:3,7:9");
	expect_parsed("4294967295,4294967294", 9, "4294967294:4294967295");
	expect_parsed("1:10,3:4,12", 9, "1:10,12");
}

static void star_is_the_largest_number(void **state)
{
	expect_parsed("*", 7, "7");
	expect_parsed("5:*", 7, "5:7");
	expect_parsed("*:5", 7, "5:7");
	/* RFC 9051: 9:* holds the last message even when there are fewer */
	expect_parsed("9:*", 7, "7:9");
	expect_parsed("*,5:*,3", 0, "3");
}

static void malformed_sets_are_refused(void **state)
{
	static const char *const bad[] = {"", "0", "1:", ":1", "1,", ",1", "1,,2", "1:2:3", "a",
		"-1", "4294967296", "1 ", "**", "1:0", "+1"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(mail_set_free) struct mail_set set = {0};
		assert_false(mail_set_parse(&set, slice_str(bad[i]), 9));
	}
}

static void parsing_adds_to_what_the_set_holds(void **state)
{
	AUTO(mail_set_free) struct mail_set set = {0};
	assert_true(mail_set_parse(&set, SLICE("7:9"), 9));
	assert_true(mail_set_parse(&set, SLICE("1,10"), 9));
	expect(&set, "1,7:10");
	assert_int_equal(mail_set_size(&set), 5);
}

static void adding_in_any_order_equals_a_bitmap(void **state)
{
	enum { NUMBERS = 200, ROUNDS = 300 };
	srand(7);
	for (int round = 0; round < ROUNDS; round++) {
		AUTO(mail_set_free) struct mail_set set = {0};
		bool has[NUMBERS + 2] = {0};
		uint64_t size = 0;
		for (int step = 0; step < 30; step++) {
			uint32_t first = (uint32_t)(rand() % NUMBERS) + 1;
			uint32_t last = first + (uint32_t)(rand() % 6);
			last = MIN(last, (uint32_t)NUMBERS);
			mail_set_add(&set, first, last);
			for (uint32_t n = first; n <= last; n++)
				has[n] = true;
		}
		for (uint32_t n = 1; n <= NUMBERS; n++) {
			assert_int_equal(mail_set_has(&set, n), has[n]);
			size += has[n];
		}
		assert_int_equal(mail_set_size(&set), size);
		for (uint32_t i = 0; i + 1 < set.count; i++)
			assert_true(set.ranges[i].last + 1 < set.ranges[i + 1].first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_sorted_and_joined),
		cmocka_unit_test(star_is_the_largest_number),
		cmocka_unit_test(malformed_sets_are_refused),
		cmocka_unit_test(parsing_adds_to_what_the_set_holds),
		cmocka_unit_test(adding_in_any_order_equals_a_bitmap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
