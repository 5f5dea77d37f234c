/* A queue entry as bytes of its object: docs/formats/queue.md. Pure.
 *
 * An entry is one recipient of one message. Entries of a message refer to the same body and have
 * the same message id; they were made in one write, or one after the other. */
#ifndef QUEUE_ENTRY_H
#define QUEUE_ENTRY_H

#include "base/buf.h"
#include "base/id.h"
#include "envelope/command.h"

enum {
	QUEUE_ENTRY_MAX = 16 * 1024, /* bytes of an entry */
	QUEUE_REASON_MAX = 512,
	QUEUE_PLACE_MAX = 255,
};

enum queue_entry_flag {
	QUEUE_LOCAL = 1,      /* its mailbox is in our store; else elsewhere */
	QUEUE_HELD = 2,       /* by an operator: not tried */
	QUEUE_DELAY_TOLD = 4, /* its sender has heard that it takes long */
	QUEUE_REQUIRETLS = 8, /* RFC 8689 */
	/* Its sender wants it delivered, whatever the other side demands of TLS (RFC 8689 section
	 * 3). Never together with the one above. */
	QUEUE_TLS_OPTIONAL = 16,
};

struct queue_entry {
	struct id message;
	unsigned flags;
	int64_t arrived_ms; /* since 1970, as all times here */
	/* The envelope. Slices point into the bytes that the entry was read from. */
	struct slice sender; /* empty: a report */
	enum envelope_body body;
	enum envelope_ret ret;
	bool smtputf8;
	struct slice envid;   /* xtext */
	struct slice user;    /* who was logged in; empty: nobody */
	struct slice session; /* id of the session that brought it */
	struct slice recipient;
	struct slice place; /* of a local one: where he lived when last asked; empty: here */
	unsigned notify;    /* enum envelope_notify */
	struct slice orcpt;
	/* What was tried. */
	uint64_t attempts;
	int64_t tried_ms, next_ms; /* 0: never; as soon as can be */
	struct slice status;       /* of the last failure: "4.4.1" */
	struct slice reason;       /* for people; at most QUEUE_REASON_MAX bytes */
	struct slice host;         /* that said so; empty: we did */
};

/* False: damaged, or of a version that can't be read here. */
WARN_UNUSED bool queue_entry_read(struct slice data, struct queue_entry *ret_entry);
/* `old` are the bytes that this replaces (empty: none); fields of a later version are kept. */
void queue_entry_write(const struct queue_entry *entry, struct slice old, struct buf *to);

#endif
