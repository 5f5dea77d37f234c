/* Line ends and white space wait until text follows; text goes out in runs as long as they lie
 * canonically in the input already, so that most bodies go out as few pieces. */
#include "filter/canon.h"

#include "base/wait.h"

#include <endian.h>

enum { WINDOW = 32768 }; /* bytes between two looks at who else waits */

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_line_end(char c)
{
	return c == '\r' || c == '\n';
}

static void give(const struct filter_canon_sink *sink, struct slice piece)
{
	if (piece.len > 0)
		sink->take(sink->context, piece);
}

static void body_give(struct filter_canon_body *b, struct slice piece)
{
	uint64_t left = b->len < b->limit ? b->limit - b->len : 0;
	b->len += piece.len;
	give(&b->sink, slice(piece.ptr, (size_t)MIN(left, (uint64_t)piece.len)));
}

/* Text follows: what waited goes first. */
static void body_flush(struct filter_canon_body *b)
{
	static const char ENDS[] =
		"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";
	enum { AT_ONCE = (sizeof(ENDS) - 1) / 2 };
	while (b->ends > 0) {
		uint64_t n = MIN(b->ends, (uint64_t)AT_ONCE);
		body_give(b, slice(ENDS, (size_t)n * 2));
		b->ends -= n;
		if (b->ends % 1024 < AT_ONCE)
			wait_give_way();
	}
	if (b->space)
		body_give(b, SLICE(" "));
	b->space = false;
}

#define EACH(byte) ((uint64_t)0x0101010101010101 * (byte))

/* To the first byte below `bound` (at most 128), eight at a time. */
static const char *pass_from(const char *p, const char *end, unsigned char bound)
{
	uint64_t eight;
	for (; end - p >= (ptrdiff_t)sizeof(eight); p += sizeof(eight)) {
		memcpy(&eight, p, sizeof(eight));
		eight = le64toh(eight);
		uint64_t below = (eight - EACH(bound)) & ~eight & EACH(0x80);
		if (below != 0)
			return p + __builtin_ctzll(below) / 8;
	}
	while (p < end && (unsigned char)*p >= bound)
		p++;
	return p;
}

/* From text on: to where it stops being text. */
static const char *pass_text(const struct filter_canon_body *b, const char *p, const char *end)
{
	bool relaxed = b->form == FILTER_CANON_RELAXED;
	unsigned char bound = relaxed ? ' ' + 1 : '\r' + 1;
	while ((p = pass_from(p, end, bound)) < end && !is_line_end(*p) &&
		!(relaxed && is_space(*p)))
		p++;
	return p;
}

/* Does the run go on behind p, where it met white space or a line end? Then past that, else NULL.
 * What it passes is canonical as it lies: a line end, or one space, with text on both sides. */
static const char *pass_joint(const struct filter_canon_body *b, const char *p, const char *end)
{
	bool relaxed = b->form == FILTER_CANON_RELAXED;
	if (relaxed && *p == ' ')
		p++;
	else if (end - p >= 2 && p[0] == '\r' && p[1] == '\n')
		p += 2;
	else
		return NULL;
	return p < end && !is_line_end(*p) && !(relaxed && is_space(*p)) ? p : NULL;
}

/* A run of text: canonical as it lies. */
static const char *pass_run(const struct filter_canon_body *b, const char *p, const char *end)
{
	for (;;) {
		p = pass_text(b, p, end);
		if (p == end)
			return p;
		const char *next = pass_joint(b, p, end);
		if (!next)
			return p;
		p = next;
	}
}

static void body_line_end(struct filter_canon_body *b)
{
	b->ends++;
	b->cr = b->space = false;
}

/* A CR that was no half of a line end. */
static void body_bare_cr(struct filter_canon_body *b)
{
	b->cr = false;
	body_flush(b);
	body_give(b, SLICE("\r"));
}

static void body_add(struct filter_canon_body *b, struct slice piece)
{
	const char *p = piece.ptr, *end = p + piece.len;
	while (p < end) {
		const char *start = p;
		if (*p == '\n') {
			body_line_end(b);
			p++;
		} else if (b->cr) {
			body_bare_cr(b);
		} else if (*p == '\r') {
			b->cr = true;
			p++;
		} else if (b->form == FILTER_CANON_RELAXED && is_space(*p)) {
			b->space = true;
			p++;
		} else {
			body_flush(b);
			p = pass_run(b, p, end);
			body_give(b, slice(start, (size_t)(p - start)));
		}
	}
}

void filter_canon_body_add(struct filter_canon_body *b, struct slice piece)
{
	while (piece.len > 0) {
		struct slice window = slice_sub(piece, 0, WINDOW);
		body_add(b, window);
		piece = slice_from(piece, window.len);
		if (piece.len > 0)
			wait_give_way();
	}
}

/* Empty lines at the end are gone; an empty body is an empty line in the simple form. */
void filter_canon_body_end(struct filter_canon_body *b)
{
	if (b->cr)
		body_bare_cr(b);
	b->ends = 0;
	b->space = false;
	if (b->len > 0 || b->form == FILTER_CANON_SIMPLE)
		body_give(b, SLICE("\r\n"));
}

/* A field's bytes on their way. */
struct field_state {
	enum filter_canon form;
	const struct filter_canon_sink *sink;
	bool begun; /* text came */
	bool space; /* relaxed: white space that waits for text */
	bool cr;    /* the last byte given was a CR */
};

/* Length of the line end at p, or 0. */
static size_t line_end_len(const char *p, const char *end)
{
	if (*p == '\n')
		return 1;
	return end - p >= 2 && p[0] == '\r' && p[1] == '\n' ? 2 : 0;
}

/* Line ends go; white space between words is one space, before and behind them none. */
static void relaxed_add(struct field_state *f, struct slice piece)
{
	const char *p = piece.ptr, *end = piece.len ? p + piece.len : p;
	while (p < end) {
		const char *start = p;
		size_t line_end;
		while (p < end && !is_space(*p) && line_end_len(p, end) == 0)
			p++;
		if (p > start) {
			if (f->space && f->begun)
				give(f->sink, SLICE(" "));
			give(f->sink, slice(start, (size_t)(p - start)));
			f->begun = true;
			f->space = false;
		} else if ((line_end = line_end_len(p, end)) > 0) {
			p += line_end;
		} else {
			f->space = true;
			p++;
		}
		wait_give_way_over(start, p);
	}
}

/* As it lies, with whole line ends. */
static void simple_add(struct field_state *f, struct slice piece)
{
	const char *p = piece.ptr, *end = piece.len ? p + piece.len : p;
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const char *stop = lf ? lf : end;
		give(f->sink, slice(p, (size_t)(stop - p)));
		if (stop > p)
			f->cr = stop[-1] == '\r';
		if (!lf)
			return;
		give(f->sink, f->cr ? SLICE("\n") : SLICE("\r\n"));
		f->cr = false;
		wait_give_way_over(p, lf + 1);
		p = lf + 1;
	}
}

static void give_lower(const struct filter_canon_sink *sink, struct slice name)
{
	char lower[64];
	while (name.len > 0) {
		size_t n = MIN(name.len, sizeof(lower));
		for (size_t i = 0; i < n; i++) {
			char c = name.ptr[i];
			lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
		}
		give(sink, slice(lower, n));
		name = slice_from(name, n);
	}
}

/* The value in two parts, as there may be a hole between them. */
static void field_give(enum filter_canon form, const struct message_field *field,
	struct slice first, struct slice second, const struct filter_canon_sink *sink)
{
	struct field_state f = {.form = form, .sink = sink};
	if (form == FILTER_CANON_RELAXED) {
		give_lower(sink, field->name);
		give(sink, SLICE(":"));
		relaxed_add(&f, first);
		relaxed_add(&f, second);
	} else {
		simple_add(
			&f, slice(field->whole.ptr, (size_t)(field->value.ptr - field->whole.ptr)));
		simple_add(&f, first);
		simple_add(&f, second);
	}
}

void filter_canon_field(enum filter_canon form, const struct message_field *field,
	const struct filter_canon_sink *sink)
{
	field_give(form, field, field->value, SLICE_NONE, sink);
	give(sink, SLICE("\r\n"));
}

void filter_canon_signature(enum filter_canon form, const struct message_field *field,
	struct slice hole, const struct filter_canon_sink *sink)
{
	size_t at = (size_t)(hole.ptr - field->value.ptr);
	field_give(form, field, slice_sub(field->value, 0, at),
		slice_from(field->value, at + hole.len), sink);
}
