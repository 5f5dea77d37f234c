/* Cutting the input changes nothing, line ends come out as CR LF, and stuffing what came out gives
 * it back. */
#include "base/buf.h"
#include "base/must.h"
#include "envelope/dots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int add(void *context, struct slice piece)
{
	buf_add_slice(context, piece);
	return 0;
}

static enum envelope_dots_outcome feed(
	struct slice input, size_t step, struct buf *to, size_t *used)
{
	struct envelope_dots d = {0};
	enum envelope_dots_outcome outcome = ENVELOPE_DOTS_MORE;
	*used = 0;
	while (*used < input.len && outcome == ENVELOPE_DOTS_MORE) {
		struct slice piece = slice_sub(input, *used, step);
		size_t before = piece.len;
		outcome = envelope_dots_feed(&d, &piece, add, to);
		*used += before - piece.len;
	}
	return outcome;
}

static void check_line_ends(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		must(s.ptr[i] != '\n' || (i > 0 && s.ptr[i - 1] == '\r'));
		must(s.ptr[i] != '\r' || i + 1 == s.len || s.ptr[i + 1] == '\n');
	}
}

/* Of a complete message: it ends in a line end, or is empty. */
static void check_way_out(struct slice text, size_t step)
{
	AUTO(buf_free) struct buf stuffed = BUF(text.len * 2 + 16), back = BUF(text.len + 16);
	bool line_start = true;
	size_t used;
	for (size_t at = 0; at < text.len; at += step)
		envelope_dots_write(&stuffed, &line_start, slice_sub(text, at, step));
	envelope_dots_write_end(&stuffed, line_start);
	must(feed(buf_slice(&stuffed), step, &back, &used) == ENVELOPE_DOTS_END);
	must(used == stuffed.len && slice_eq(buf_slice(&back), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct slice input = slice(data + 1, size - 1);
	AUTO(buf_free) struct buf whole = BUF(size * 2 + 2), pieces = BUF(size * 2 + 2);
	size_t step = data[0] % 67 + 1, used, used_in_pieces;
	enum envelope_dots_outcome outcome = feed(input, size, &whole, &used);
	must(feed(input, step, &pieces, &used_in_pieces) == outcome && used == used_in_pieces);
	must(!whole.failed && slice_eq(buf_slice(&whole), buf_slice(&pieces)));
	check_line_ends(buf_slice(&whole));
	if (outcome == ENVELOPE_DOTS_END) {
		must(slice_ends(slice(input.ptr, used), SLICE(".\r\n")));
		must(used == 3 || slice_ends(slice(input.ptr, used), SLICE("\r\n.\r\n")));
		check_way_out(buf_slice(&whole), step);
	}
	return 0;
}
