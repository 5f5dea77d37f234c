/* What a milter wants changed in a message, and a message with that done. Pure. */
#ifndef FILTER_MILTER_CHANGES_H
#define FILTER_MILTER_CHANGES_H

#include "base/arena.h"
#include "base/buf.h"
#include "filter/milter_wire.h"

enum {
	FILTER_MILTER_CHANGES_MAX = 2000,
	FILTER_MILTER_CHANGE_BYTES_MAX = 1024 * 1024, /* of all but the body */
};

enum filter_milter_change_kind {
	FILTER_MILTER_ADD_FIELD,    /* behind all others */
	FILTER_MILTER_INSERT_FIELD, /* in front of the field that `index` others precede */
	FILTER_MILTER_CHANGE_FIELD, /* the index-th (from 1) of that name; no value: it goes; there
				     * is none: it is added */
	FILTER_MILTER_ADD_RECIPIENT,
	FILTER_MILTER_REMOVE_RECIPIENT,
};

struct filter_milter_change {
	enum filter_milter_change_kind kind;
	uint32_t index;
	struct slice name;  /* of a field; an address without "<>" */
	struct slice value; /* of a field; parameters of RCPT ("NOTIFY=NEVER") */
};

struct filter_milter_changes {
	struct filter_milter_change *list; /* in order; those of fields and of recipients */
	size_t count, room, bytes;
	bool spaced; /* values bring the space behind the colon along */
	bool body_replaced;
	struct buf body;          /* the new one; its max is set by who begins */
	struct slice sender;      /* without "<>"; ptr NULL: as it was */
	struct slice sender_args; /* parameters of MAIL */
	struct slice quarantine;  /* why it should be held; ptr NULL: it should not */
};

/* Takes one answer of a filter; what is kept is copied into the arena. False: too many or too much.
 * Answers of other kinds, and fields with a name that can't be, change nothing. */
WARN_UNUSED bool filter_milter_changes_take(struct filter_milter_changes *changes,
	const struct filter_milter_reply *reply, struct arena *arena);
void filter_milter_changes_free(struct filter_milter_changes *changes);

/* The message's new header block, with its empty line, appended to `to` (which may fail), and its
 * new body, which points into the message or into the changes. False: nothing is changed in it, and
 * nothing was appended. */
bool filter_milter_apply(const struct filter_milter_changes *changes, struct slice message,
	struct buf *to, struct slice *ret_body);

#endif
