/* A state machine that looks at line ends only: whole lines are handed on as they lie. */
#include "envelope/dots.h"

#include "base/buf.h"

/* Which bytes stop the fast way through a line. */
static size_t plain_len(struct slice s)
{
	const char *lf = memchr(s.ptr, '\n', s.len);
	size_t n = lf ? (size_t)(lf - s.ptr) : s.len;
	const char *cr = n ? memchr(s.ptr, '\r', n) : NULL;
	return cr ? (size_t)(cr - s.ptr) : n;
}

struct feed {
	int (*take)(void *context, struct slice piece);
	void *context;
	bool failed;
};

static void give(struct feed *f, struct slice piece)
{
	if (piece.len > 0 && !f->failed && f->take(f->context, piece) < 0)
		f->failed = true;
}

/* One byte in a state other than DOTS_MIDDLE. True when the message has ended. */
static bool step(struct envelope_dots *d, struct feed *f, char c)
{
	switch (d->state) {
	case DOTS_LINE_START:
	case DOTS_AFTER_BARE:
		/* After a mended line end a dot is content, and no end of the message. */
		if (c == '.' && d->state == DOTS_LINE_START) {
			d->state = DOTS_DOT;
			return false;
		}
		break;
	case DOTS_DOT:
		if (c == '\r') {
			d->state = DOTS_DOT_CR;
			return false;
		}
		break; /* the dot was stuffed: it goes */
	case DOTS_DOT_CR:
		if (c == '\n')
			return true;
		d->bare++;
		give(f, SLICE("\r\n"));
		d->state = DOTS_AFTER_BARE;
		return step(d, f, c);
	case DOTS_CR:
		if (c == '\n') {
			give(f, SLICE("\r\n"));
			d->state = DOTS_LINE_START;
			return false;
		}
		d->bare++;
		give(f, SLICE("\r\n"));
		d->state = DOTS_AFTER_BARE;
		return step(d, f, c);
	case DOTS_MIDDLE:
		break;
	}
	if (c == '\r') {
		d->state = DOTS_CR;
	} else if (c == '\n') {
		d->bare++;
		give(f, SLICE("\r\n"));
		d->state = DOTS_AFTER_BARE;
	} else {
		give(f, slice(&c, 1));
		d->state = DOTS_MIDDLE;
	}
	return false;
}

/* From a line's start: as many whole lines as stand there without a leading dot or a bare line end
 * are one piece. Returns its length. */
static size_t whole_lines(struct slice s)
{
	size_t done = 0;
	while (done < s.len && s.ptr[done] != '.') {
		struct slice line = slice_from(s, done);
		size_t n = plain_len(line);
		if (n + 1 >= line.len || line.ptr[n] != '\r' || line.ptr[n + 1] != '\n')
			break;
		done += n + 2;
	}
	return done;
}

enum envelope_dots_outcome envelope_dots_feed(struct envelope_dots *d, struct slice *input,
	int (*take)(void *context, struct slice piece), void *context)
{
	struct feed f = {.take = take, .context = context};
	while (input->len > 0) {
		size_t n = 0;
		if (d->state == DOTS_LINE_START)
			n = whole_lines(*input);
		else if (d->state == DOTS_MIDDLE)
			n = plain_len(*input);
		if (n > 0) {
			give(&f, slice(input->ptr, n));
			*input = slice_from(*input, n);
		} else {
			bool end = step(d, &f, input->ptr[0]);
			*input = slice_from(*input, 1);
			if (end)
				return f.failed ? ENVELOPE_DOTS_FAILED : ENVELOPE_DOTS_END;
		}
	}
	return f.failed ? ENVELOPE_DOTS_FAILED : ENVELOPE_DOTS_MORE;
}

void envelope_dots_write(struct buf *to, bool *line_start, struct slice bytes)
{
	while (bytes.len > 0) {
		if (*line_start && bytes.ptr[0] == '.')
			buf_add_byte(to, '.');
		const char *lf = memchr(bytes.ptr, '\n', bytes.len);
		size_t n = lf ? (size_t)(lf - bytes.ptr) + 1 : bytes.len;
		buf_add(to, bytes.ptr, n);
		bytes = slice_from(bytes, n);
		*line_start = lf != NULL;
	}
}

void envelope_dots_write_end(struct buf *to, bool line_start)
{
	buf_add_str(to, line_start ? ".\r\n" : "\r\n.\r\n");
}
