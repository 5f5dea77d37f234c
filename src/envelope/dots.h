/* The bytes behind DATA (RFC 5321 section 4.5.2), undone: leading dots removed, the end found. Only
 * CR LF "." CR LF ends a message; bare LF and bare CR become CR LF *behind* that decision, so that
 * nothing that another server may take for an end passes through us as one ("SMTP smuggling").
 * Pure, streaming: cutting the input anywhere changes nothing. */
#ifndef ENVELOPE_DOTS_H
#define ENVELOPE_DOTS_H

#include "base/err.h"
#include "base/slice.h"

struct envelope_dots {
	enum {
		DOTS_LINE_START,
		DOTS_MIDDLE,
		DOTS_CR,
		DOTS_DOT,
		DOTS_DOT_CR,
		DOTS_AFTER_BARE
	} state;
	uint64_t bare; /* how many bare CR or LF were mended */
};

enum envelope_dots_outcome { ENVELOPE_DOTS_MORE, ENVELOPE_DOTS_END, ENVELOPE_DOTS_FAILED };

/* Cuts what it understood off *input and hands the message's bytes to `take` in pieces; FAILED when
 * `take` returned a negative value. */
enum envelope_dots_outcome envelope_dots_feed(struct envelope_dots *d, struct slice *input,
	int (*take)(void *context, struct slice piece), void *context);

/* The way out: appends the bytes with the dots at the beginning of lines stuffed; may be called
 * with pieces. *line_start is true before the first one, and says afterwards whether the last line
 * ended. */
struct buf;
void envelope_dots_write(struct buf *to, bool *line_start, struct slice bytes);
void envelope_dots_write_end(struct buf *to, bool line_start);

#endif
