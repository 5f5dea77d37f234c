/* A body in its two forms: cutting the input changes nothing, canonical text stays as it is, and
 * the bytes are those that two lines of plain code say. */
#include "base/buf.h"
#include "base/must.h"
#include "filter/canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(void *context, struct slice piece)
{
	must(piece.len > 0);
	buf_add_slice(context, piece);
}

static uint64_t run(
	enum filter_canon form, struct slice body, size_t step, uint64_t limit, struct buf *to)
{
	struct filter_canon_body b = FILTER_CANON_BODY(
		form, limit, ((struct filter_canon_sink){.take = add, .context = to}));
	for (size_t at = 0; at < body.len; at += step)
		filter_canon_body_add(&b, slice_sub(body, at, step));
	filter_canon_body_end(&b);
	must(!to->failed && to->len == MIN(b.len, limit));
	return b.len;
}

/* Line by line, as RFC 6376 section 3.4 says it. */
static void plainly(enum filter_canon form, struct slice body, struct buf *to)
{
	size_t empty = 0;
	bool any = false;
	while (body.len > 0) {
		ssize_t lf = slice_find(body, '\n');
		struct slice line = slice_sub(body, 0, lf < 0 ? body.len : (size_t)lf);
		body = slice_from(body, line.len + 1);
		if (lf >= 0 && slice_ends(line, SLICE("\r")))
			line.len--;
		AUTO(buf_free) struct buf out = BUF(line.len + 1);
		for (size_t i = 0; i < line.len; i++) {
			bool space = line.ptr[i] == ' ' || line.ptr[i] == '\t';
			if (form == FILTER_CANON_SIMPLE || !space)
				buf_add_byte(&out, line.ptr[i]);
			else if (out.len == 0 || out.data[out.len - 1] != ' ')
				buf_add_byte(&out, ' ');
		}
		if (form == FILTER_CANON_RELAXED && out.len > 0 && out.data[out.len - 1] == ' ')
			out.len--;
		if (out.len == 0) {
			empty++;
			continue;
		}
		for (; empty > 0; empty--)
			buf_add_str(to, "\r\n");
		buf_add_slice(to, buf_slice(&out));
		buf_add_str(to, "\r\n");
		any = true;
	}
	if (!any && form == FILTER_CANON_SIMPLE)
		buf_add_str(to, "\r\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	enum filter_canon form = data[0] % 2 ? FILTER_CANON_RELAXED : FILTER_CANON_SIMPLE;
	size_t step = data[0] / 2 + 1;
	struct slice body = slice(data + 2, size - 2);
	AUTO(buf_free)
	struct buf whole = BUF(size * 2 + 2), pieces = BUF(size * 2 + 2), plain = BUF(size * 2 + 2),
		   again = BUF(size * 2 + 2), part = BUF(size * 2 + 2);
	(void)run(form, body, size, FILTER_CANON_ALL, &whole);
	(void)run(form, body, step, FILTER_CANON_ALL, &pieces);
	must(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
	plainly(form, body, &plain);
	must(slice_eq(buf_slice(&whole), buf_slice(&plain)));
	(void)run(form, buf_slice(&whole), step, FILTER_CANON_ALL, &again);
	must(slice_eq(buf_slice(&whole), buf_slice(&again)));
	must(run(form, body, step, data[1], &part) == whole.len);
	must(slice_starts(buf_slice(&whole), buf_slice(&part)));
	return 0;
}
