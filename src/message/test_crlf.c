/* Line ends on the way in. */
#include "base/test.h"
#include "message/crlf.h"

static const struct {
	const char *in, *lf_only, *both;
} CASES[] = {
	{"", "", ""},
	{"a\r\nb\r\n", "a\r\nb\r\n", "a\r\nb\r\n"},
	{"a\nb\n", "a\r\nb\r\n", "a\r\nb\r\n"},
	{"\n\n", "\r\n\r\n", "\r\n\r\n"},
	{"a\rb\r", "a\rb\r", "a\r\nb\r\n"},
	{"\r\r\n", "\r\r\n", "\r\n\r\n"},
	{"\n\r", "\r\n\r", "\r\n\r\n"},
	{"a\r\n\n\r\nb", "a\r\n\r\n\r\nb", "a\r\n\r\n\r\nb"},
	{"no end", "no end", "no end"},
};

static void assert_normalised(const char *in, size_t cut, bool bare_cr, const char *expected)
{
	AUTO(buf_free) struct buf got = BUF(1000);
	struct message_crlf state = MESSAGE_CRLF(bare_cr);
	struct slice whole = slice_str(in);
	message_crlf_feed(&state, slice_sub(whole, 0, cut), &got);
	message_crlf_feed(&state, slice_from(whole, cut), &got);
	message_crlf_end(&state, &got);
	assert_slice(buf_slice(&got), expected);
	assert_int_equal(message_crlf_is_normal(whole, bare_cr), strcmp(in, expected) == 0);
}

static void line_ends_become_crlf_wherever_the_input_is_cut(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		for (size_t cut = 0; cut <= strlen(CASES[i].in); cut++) {
			assert_normalised(CASES[i].in, cut, false, CASES[i].lf_only);
			assert_normalised(CASES[i].in, cut, true, CASES[i].both);
		}
}

static void a_wrong_line_end_is_found_at_every_distance_from_a_vector(void **state)
{
	static const char *const WRONG[] = {"\n", "\rx"};
	for (size_t pad = 0; pad < 200; pad++)
		for (size_t i = 0; i < ARRAY_LEN(WRONG); i++) {
			AUTO(buf_free) struct buf in = BUF(1000), got = BUF(1000);
			struct message_crlf s = MESSAGE_CRLF(true);
			for (size_t k = 0; k < pad; k++)
				buf_add_byte(&in, 'x');
			buf_add_str(&in, WRONG[i]);
			for (size_t k = 0; k < 100; k++)
				buf_add_byte(&in, 'y');
			message_crlf_feed(&s, buf_slice(&in), &got);
			message_crlf_end(&s, &got);
			assert_int_equal(got.len, in.len + 1);
			assert_memory_equal(got.data + pad, "\r\n", 2);
			assert_false(message_crlf_is_normal(buf_slice(&in), true));
			assert_int_equal(message_crlf_is_normal(buf_slice(&in), false), i == 1);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_ends_become_crlf_wherever_the_input_is_cut),
		cmocka_unit_test(a_wrong_line_end_is_found_at_every_distance_from_a_vector),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
