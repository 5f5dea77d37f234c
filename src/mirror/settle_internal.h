/* One account's settling: settle.c merges the rows, bodies.c moves bodies. */
#ifndef MIRROR_SETTLE_INTERNAL_H
#define MIRROR_SETTLE_INTERNAL_H

#include "mirror/node_internal.h"
#include "mirror/rows.h"

enum { SETTLE_HOLD_MS = 10 * 1000 }; /* to wait for an account that a writer has */

struct side {
	struct mirror_rows rows, notes;
	struct store_batch batch;  /* what makes the account of it */
	struct mirror_ids needs;   /* bodies */
	struct mirror_ids fetched; /* staged before the account was held */
};

struct settling {
	struct mirror_connection *c;
	struct mirror_node *node;
	struct id account;
	struct side here, there; /* this node's, the other one's */
	struct mirror_rows want;
	struct id merge;          /* what is offered to the other node */
	uint64_t taken;           /* see merge.h */
	bool noted;               /* this node wrote to the account while it was apart */
	struct store_batch offer; /* what this one notes before */
	bool held;                /* at both nodes: quick now */
	struct err *err;
};

void settle_begin_message(struct settling *s, enum mirror_message kind, struct buf *message);
/* Asks for the message; what it answers goes to `answer`. */
int settle_ask(struct settling *s, struct buf *message, struct buf *answer) WARN_UNUSED;

/* Of what this node noted, keeps what holds now: when the last merge that it sent turns out to have
 * been taken, what it noted since. Gives this merge its name. */
void settle_choose_notes(struct settling *s);
/* Notes too what is in collections that the merge makes part of others: `want` is known. */
void settle_note_joined(struct settling *s);
/* To be on this node's disk before the other one can take the merge. */
int settle_note_offer(struct settling *s) WARN_UNUSED;
/* What the other node notes with it. */
void settle_note_taken(const struct settling *s, struct store_batch *to);

/* Moves what most likely will be needed, while everybody may still write to the account. */
int settle_fetch_ahead(struct settling *s) WARN_UNUSED;
/* Moves what either side needs. */
int settle_move_bodies(struct settling *s) WARN_UNUSED;
/* The bodies that objects of the account refer to, as far as this node has them. */
int settle_roster(struct mirror_node *node, struct id account, struct mirror_ids *to,
	struct err *err) WARN_UNUSED;

#endif
