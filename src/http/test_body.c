/* Bodies: content and end are the same however the bytes come. */
#include "base/alloc.h"
#include "base/test.h"
#include "http/body.h"

/* Feeds `text` in pieces of `step` bytes; content goes to `content`. What came of it, and how many
 * bytes were left behind the end. */
static enum http_piece feed(enum http_framing framing, uint64_t length, struct slice text,
	size_t step, struct buf *content, size_t *ret_left)
{
	struct http_body body;
	size_t from = 0, have = 0;
	http_body_begin(&body, framing, length);
	for (;;) {
		struct slice input = slice(text.ptr + from, have - from), piece;
		enum http_piece got = http_body_next(&body, &input, &piece);
		from = have - input.len;
		*ret_left = text.len - from;
		if (got == HTTP_PIECE)
			buf_add_slice(content, piece);
		else if (got != HTTP_PIECE_MORE)
			return got;
		else if (have == text.len)
			return http_body_may_end(&body) ? HTTP_PIECE_END : HTTP_PIECE_MORE;
		else
			have = MIN(have + step, text.len);
	}
}

static const struct {
	enum http_framing framing;
	uint64_t length;
	const char *text;
	enum http_piece end;
	const char *content;
	const char *left;
} CASES[] = {
	{HTTP_NO_BODY, 0, "GET /", HTTP_PIECE_END, "", "GET /"},
	{HTTP_LENGTH, 5, "helloGET /", HTTP_PIECE_END, "hello", "GET /"},
	{HTTP_LENGTH, 5, "hel", HTTP_PIECE_MORE, "hel", ""},
	{HTTP_LENGTH, 0, "hel", HTTP_PIECE_END, "", "hel"},
	{HTTP_UNTIL_CLOSE, 0, "hello", HTTP_PIECE_END, "hello", ""},
	{HTTP_CHUNKED, 0, "5\r\nhello\r\n0\r\n\r\nGET", HTTP_PIECE_END, "hello", "GET"},
	{HTTP_CHUNKED, 0, "0005\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n", HTTP_PIECE_END,
		"hello0123456789", ""},
	{HTTP_CHUNKED, 0, "5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", HTTP_PIECE_END, "hello", ""},
	{HTTP_CHUNKED, 0, "5 ; a\r\nhello\r\n0\r\nX: y\r\nZ:\r\n\r\nGET", HTTP_PIECE_END, "hello",
		"GET"},
	{HTTP_CHUNKED, 0, "5\r\nhel", HTTP_PIECE_MORE, "hel", ""},
	{HTTP_CHUNKED, 0, "5\r\nhello\r\n0\r\n", HTTP_PIECE_MORE, "hello", ""},
	/* Refused: what others read differently. */
	{HTTP_CHUNKED, 0, "5\nhello\r\n0\r\n\r\n", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, "5;a\nhello\r\n0\r\n\r\n", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, "5;a\rb\r\nhello\r\n0\r\n\r\n", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, "5 \r\nhello\r\n0\r\n\r\n", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, " 5\r\nhello\r\n0\r\n\r\n", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, "0x5\r\nhello\r\n0\r\n\r\n", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, "+5\r\nhello\r\n0\r\n\r\n", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, "-5\r\nhello\r\n0\r\n\r\n", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, "\r\nhello\r\n0\r\n\r\n", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, ";a\r\nhello\r\n0\r\n\r\n", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, "5a=b\r\nhello\r\n0\r\n\r\n", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, "5z\r\nhello\r\n0\r\n\r\n", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, "5\r\nhelloX\r\n0\r\n\r\n", HTTP_PIECE_BAD, "hello", NULL},
	{HTTP_CHUNKED, 0, "5\r\nhello\n0\r\n\r\n", HTTP_PIECE_BAD, "hello", NULL},
	{HTTP_CHUNKED, 0, "5\r\nhello0\r\n\r\n", HTTP_PIECE_BAD, "hello", NULL},
	{HTTP_CHUNKED, 0, "10000000000000000\r\nhello", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, "FFFFFFFFFFFFFFFF\r\nhello", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, "0\r\nX : y\r\n\r\n", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, "0\r\n folded\r\n\r\n", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, "0\r\n\n", HTTP_PIECE_BAD, "", NULL},
	{HTTP_CHUNKED, 0, "0\r\nX: y\n\r\n", HTTP_PIECE_BAD, "", NULL},
};

static void bodies_end_where_they_end_however_they_come(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct slice text = slice_str(CASES[i].text);
		for (size_t step = 1; step <= text.len; step++) {
			AUTO(buf_free) struct buf content = BUF(1000);
			size_t left;
			enum http_piece got = feed(
				CASES[i].framing, CASES[i].length, text, step, &content, &left);
			if (got != CASES[i].end)
				fail_msg("\"%s\" by %zu: %d", CASES[i].text, step, (int)got);
			assert_slice(buf_slice(&content), CASES[i].content);
			if (CASES[i].left)
				assert_slice(slice_from(text, text.len - left), CASES[i].left);
		}
	}
}

static void lines_without_end_are_bounded(void **state)
{
	AUTO(buf_free) struct buf text = BUF(100000), content = BUF(1000);
	size_t left;
	buf_printf(&text, "5;%0*d", HTTP_CHUNK_LINE_MAX, 0);
	assert_int_equal(
		feed(HTTP_CHUNKED, 0, buf_slice(&text), 100, &content, &left), HTTP_PIECE_BAD);
	buf_clear(&text);
	buf_add_str(&text, "0\r\n");
	for (int i = 0; i < HTTP_TRAILER_MAX / 10 + 1; i++)
		buf_printf(&text, "X: %05d\r\n", i);
	assert_int_equal(
		feed(HTTP_CHUNKED, 0, buf_slice(&text), 100, &content, &left), HTTP_PIECE_BAD);
}

static void chunks_that_we_write_are_read_again(void **state)
{
	AUTO(buf_free) struct buf text = BUF(1000), content = BUF(1000);
	size_t left;
	http_chunk_add(&text, SLICE("hello"));
	http_chunk_add(&text, SLICE(""));
	http_chunk_add(&text, SLICE("0123456789abcdef"));
	http_chunk_end(&text);
	assert_slice(buf_slice(&text), "5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
	assert_int_equal(
		feed(HTTP_CHUNKED, 0, buf_slice(&text), 3, &content, &left), HTTP_PIECE_END);
	assert_slice(buf_slice(&content), "hello0123456789abcdef");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_end_where_they_end_however_they_come),
		cmocka_unit_test(lines_without_end_are_bounded),
		cmocka_unit_test(chunks_that_we_write_are_read_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
