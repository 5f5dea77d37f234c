/* Canonical forms of DKIM (RFC 6376 section 3.4): what of a message is hashed, so that a relay may
 * change the rest. Pure, linear, streaming: nothing is copied, pieces go to a function as they are
 * found, and cutting the input anywhere changes nothing.
 *
 * A bare LF counts as CR LF (section 5.3 asks signers for that); a bare CR is a byte like others.
 */
#ifndef FILTER_CANON_H
#define FILTER_CANON_H

#include "message/header.h"

enum filter_canon { FILTER_CANON_SIMPLE, FILTER_CANON_RELAXED };

/* Who takes the canonical bytes; the piece is gone when it returns. Not called with none. */
struct filter_canon_sink {
	void (*take)(void *context, struct slice piece);
	void *context;
};

#define FILTER_CANON_ALL UINT64_MAX /* no limit */

/* A body on its way (sections 3.4.3 and 3.4.4). */
struct filter_canon_body {
	enum filter_canon form;
	struct filter_canon_sink sink;
	uint64_t limit; /* at most so many canonical bytes are given to the sink ("l=") */
	uint64_t len;   /* how many there are, the ones past the limit too */
	uint64_t ends;  /* line ends that wait for text behind them */
	bool space;     /* white space that waits for text on its line */
	bool cr;        /* a CR that may be half of a line end */
};

#define FILTER_CANON_BODY(form_, limit_, sink_)                                                    \
	((struct filter_canon_body){.form = (form_), .sink = (sink_), .limit = (limit_)})

/* Gives way as base/wait.h says. */
void filter_canon_body_add(struct filter_canon_body *body, struct slice piece);
/* The last line end; `len` is final then. */
void filter_canon_body_end(struct filter_canon_body *body);

/* A header field with its line end (sections 3.4.1 and 3.4.2). */
void filter_canon_field(enum filter_canon form, const struct message_field *field,
	const struct filter_canon_sink *sink);
/* The field that the signature stands in: without `hole`, a part of field->value (the signature
 * itself), and without the line end (section 3.7). */
void filter_canon_signature(enum filter_canon form, const struct message_field *field,
	struct slice hole, const struct filter_canon_sink *sink);

#endif
