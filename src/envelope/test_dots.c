/* The end of DATA, and what becomes of bare line ends. */
#include "base/test.h"
#include "envelope/dots.h"

#include "base/buf.h"

static int add(void *context, struct slice piece)
{
	buf_add_slice(context, piece);
	return 0;
}

struct fed {
	struct buf text;
	struct slice rest;
	enum envelope_dots_outcome outcome;
	uint64_t bare;
};

/* In pieces of `step` bytes. */
static struct fed feed(struct slice input, size_t step)
{
	struct fed f = {.text = BUF(1 << 20)};
	struct envelope_dots d = {0};
	size_t at = 0;
	while (at < input.len && f.outcome == ENVELOPE_DOTS_MORE) {
		struct slice piece = slice_sub(input, at, step);
		size_t before = piece.len;
		f.outcome = envelope_dots_feed(&d, &piece, add, &f.text);
		at += before - piece.len;
		if (f.outcome == ENVELOPE_DOTS_MORE)
			assert_int_equal(piece.len, 0);
	}
	f.rest = slice_from(input, at);
	f.bare = d.bare;
	return f;
}

/* Cut anywhere, what comes out is `expected`, and `rest` is what follows the end; NULL: no end. */
static void check(struct slice input, const char *expected, const char *rest)
{
	for (size_t step = 1; step <= input.len; step++) {
		struct fed f = feed(input, step);
		assert_slice(buf_slice(&f.text), expected);
		assert_int_equal(f.outcome, rest ? ENVELOPE_DOTS_END : ENVELOPE_DOTS_MORE);
		if (rest)
			assert_slice(f.rest, rest);
		buf_free(&f.text);
	}
}
#define CHECK(input, expected, rest) check(SLICE(input), expected, rest)

static void a_message_ends_at_cr_lf_dot_cr_lf(void **state)
{
	CHECK("a\r\nb\r\n.\r\nQUIT\r\n", "a\r\nb\r\n", "QUIT\r\n");
	CHECK("\r\n.\r\n", "\r\n", "");
	CHECK("a\r\n", "a\r\n", NULL);
}

static void a_dot_at_once_is_an_empty_message(void **state)
{
	CHECK(".\r\nX", "", "X");
}

static void a_stuffed_dot_loses_one_dot(void **state)
{
	CHECK("..\r\n...\r\n..a\r\n.b\r\na.\r\n.\r\n", ".\r\n..\r\n.a\r\nb\r\na.\r\n", "");
}

/* No end: after each of them the next command is still message text. */
static void no_other_line_ends_around_a_dot_end_a_message(void **state)
{
	static const struct {
		const char *input, *expected;
	} CASES[] = {
		{"a\n.\nb\r\n", "a\r\n.\r\nb\r\n"},
		{"a\n.\r\nb\r\n", "a\r\n.\r\nb\r\n"},
		{"a\r\n.\nb\r\n", "a\r\n\r\nb\r\n"},
		{"a\r\n.\rb\r\n", "a\r\n\r\nb\r\n"},
		{"a\r.\rb\r\n", "a\r\n.\r\nb\r\n"},
		{"a\r.\r\nb\r\n", "a\r\n.\r\nb\r\n"},
		{"a\r.\nb\r\n", "a\r\n.\r\nb\r\n"},
		{"a\n.\rb\r\n", "a\r\n.\r\nb\r\n"},
		{"a\r\r.\r\nb\r\n", "a\r\n\r\n.\r\nb\r\n"},
		{"a\n\n.\r\nb\r\n", "a\r\n\r\n.\r\nb\r\n"},
		{"a\n\r.\r\nb\r\n", "a\r\n\r\n.\r\nb\r\n"},
		{"a\r\n\n.\r\nb\r\n", "a\r\n\r\n.\r\nb\r\n"},
		{"a\r\n.\r\r\nb\r\n", "a\r\n\r\n\r\nb\r\n"},
		{"a\r\n. \r\nb\r\n", "a\r\n \r\nb\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		check(slice_str(CASES[i].input), CASES[i].expected, NULL);
}

static void a_nul_behind_a_dot_is_text(void **state)
{
	struct fed f = feed(SLICE("a\r\n.\0\r\nb"), 1);
	assert_int_equal(f.outcome, ENVELOPE_DOTS_MORE);
	assert_true(slice_eq(buf_slice(&f.text), SLICE("a\r\n\0\r\nb")));
	buf_free(&f.text);
}

static void an_end_behind_mended_line_ends_is_found(void **state)
{
	CHECK("a\n\r\n.\r\nX", "a\r\n\r\n", "X");
	CHECK("a\r\r\n.\r\nX", "a\r\n\r\n", "X");
	CHECK("a\r\n.\r\r\n.\r\nX", "a\r\n\r\n\r\n", "X");
}

static void bare_line_ends_are_counted(void **state)
{
	struct fed f = feed(SLICE("a\nb\rc\r\n\r\r\n.\r\n"), 3);
	assert_int_equal(f.bare, 3);
	buf_free(&f.text);
	f = feed(SLICE("a\r\nb\r\n.\r\n"), 3);
	assert_int_equal(f.bare, 0);
	buf_free(&f.text);
}

static int refuse(void *context, struct slice piece)
{
	++*(int *)context;
	return -1;
}

static void a_failure_is_told_at_the_end_and_nothing_more_is_given(void **state)
{
	struct envelope_dots d = {0};
	int calls = 0;
	struct slice input = SLICE("a\r\n..b\r\n.\r\nX");
	assert_int_equal(envelope_dots_feed(&d, &input, refuse, &calls), ENVELOPE_DOTS_FAILED);
	assert_int_equal(calls, 1);
	assert_slice(input, "X");
}

static void writing_stuffs_dots_at_the_beginning_of_lines(void **state)
{
	AUTO(buf_free) struct buf out = BUF(1000);
	bool line_start = true;
	envelope_dots_write(&out, &line_start, SLICE(".a\r\n"));
	envelope_dots_write(&out, &line_start, SLICE(""));
	envelope_dots_write(&out, &line_start, SLICE(".\r\nb."));
	envelope_dots_write(&out, &line_start, SLICE(".c"));
	envelope_dots_write_end(&out, line_start);
	assert_slice(buf_slice(&out), "..a\r\n..\r\nb..c\r\n.\r\n");
}

static void the_end_needs_no_line_of_its_own_after_a_whole_line(void **state)
{
	AUTO(buf_free) struct buf out = BUF(1000);
	bool line_start = true;
	envelope_dots_write(&out, &line_start, SLICE("a\r\n"));
	envelope_dots_write_end(&out, line_start);
	assert_slice(buf_slice(&out), "a\r\n.\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_ends_at_cr_lf_dot_cr_lf),
		cmocka_unit_test(a_dot_at_once_is_an_empty_message),
		cmocka_unit_test(a_stuffed_dot_loses_one_dot),
		cmocka_unit_test(no_other_line_ends_around_a_dot_end_a_message),
		cmocka_unit_test(a_nul_behind_a_dot_is_text),
		cmocka_unit_test(an_end_behind_mended_line_ends_is_found),
		cmocka_unit_test(bare_line_ends_are_counted),
		cmocka_unit_test(a_failure_is_told_at_the_end_and_nothing_more_is_given),
		cmocka_unit_test(writing_stuffs_dots_at_the_beginning_of_lines),
		cmocka_unit_test(the_end_needs_no_line_of_its_own_after_a_whole_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
