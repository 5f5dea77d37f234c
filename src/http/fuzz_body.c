/* Chunks: the same content and end in one piece and cut anywhere; and what we write of it is read
 * back as the same content. The first byte says how it is cut. */
#include "base/must.h"
#include "http/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http_piece read_all(
	struct slice text, size_t step, struct buf *content, struct buf *again, size_t *ret_left)
{
	struct http_body body;
	size_t from = 0, have = MIN(step, text.len);
	http_body_begin(&body, HTTP_CHUNKED, 0);
	for (;;) {
		struct slice input = slice(text.ptr + from, have - from), piece;
		enum http_piece got = http_body_next(&body, &input, &piece);
		from = have - input.len;
		*ret_left = text.len - from;
		if (got == HTTP_PIECE) {
			must(piece.len > 0);
			buf_add_slice(content, piece);
			http_chunk_add(again, piece);
		} else if (got != HTTP_PIECE_MORE || have == text.len) {
			return got;
		} else {
			have = MIN(have + step, text.len);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct slice text = slice(data + 1, size - 1);
	AUTO(buf_free) struct buf one = BUF(size), two = BUF(size), again = BUF(40 * size + 100);
	AUTO(buf_free) struct buf unused = BUF(40 * size + 100), three = BUF(size);
	size_t left, left_two, left_three;
	enum http_piece got = read_all(text, text.len, &one, &again, &left);
	enum http_piece got_two = read_all(text, 1U + data[0] % 16, &two, &unused, &left_two);
	must(got == got_two && slice_eq(buf_slice(&one), buf_slice(&two)));
	if (got != HTTP_PIECE_END)
		return 0;
	must(left == left_two);
	http_chunk_end(&again);
	must(read_all(buf_slice(&again), again.len, &three, &unused, &left_three) ==
		HTTP_PIECE_END);
	must(left_three == 0 && slice_eq(buf_slice(&one), buf_slice(&three)));
	return 0;
}
