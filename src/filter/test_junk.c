/* Marks of spam filters: read, and taken out. */
#include "base/test.h"
#include "filter/junk.h"

#define NAMES SLICE("X-Spam X-Spam-Flag")

static bool is_marked(const char *header)
{
	return filter_junk_is_marked(slice_str(header), NAMES);
}

static void marks_say_yes(void **state)
{
	assert_true(is_marked("A: b\r\nX-Spam: Yes\r\n\r\n"));
	assert_true(is_marked("x-spam-flag : YES\r\n\r\n"));
	assert_true(is_marked("X-Spam:\r\n yes, score=20\r\n\r\n"));
	assert_false(is_marked("X-Spam: No\r\n\r\n"));
	assert_false(is_marked("X-Spam: Yesterday\r\n\r\n"));
	assert_false(is_marked("X-Spam:\r\n\r\n"));
	assert_false(is_marked("X-Spam-Level: yes\r\n\r\n"));
	assert_false(is_marked("A: b\r\n\r\nX-Spam: Yes\r\n"));
	assert_true(is_marked("X-Spam: No\r\nX-Spam: Yes\r\n\r\n"));
	assert_false(filter_junk_is_marked(SLICE("X-Spam: Yes\r\n\r\n"), SLICE("")));
	assert_false(filter_junk_is_marked(SLICE("no field: Yes\r\n\r\n"), SLICE(" ")));
}

static void marks_are_taken_out(void **state)
{
	AUTO(buf_free) struct buf to = BUF(1000);
	struct slice header = SLICE("X-Spam: No\r\nA: b\r\n c\r\nX-SPAM-flag: Yes\r\n d\r\n\r\n");
	assert_int_equal(filter_junk_remove(header, NAMES, &to), 2);
	assert_slice(buf_slice(&to), "A: b\r\n c\r\n\r\n");
	buf_clear(&to);
	assert_int_equal(filter_junk_remove(header, SLICE("X-Other"), &to), 0);
	assert_int_equal(filter_junk_remove(header, SLICE(""), &to), 0);
	assert_int_equal(to.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_say_yes),
		cmocka_unit_test(marks_are_taken_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
