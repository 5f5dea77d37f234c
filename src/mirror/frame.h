/* What crosses the link, as bytes and back; pure. docs/mirror-protocol.md has the forms. Frames
 * come from a node that knows the key, but maybe from another version or out of its mind: what does
 * not parse ends the connection. */
#ifndef MIRROR_FRAME_H
#define MIRROR_FRAME_H

#include "base/arena.h"
#include "mirror/mirror.h"

enum {
	MIRROR_VERSION = 3,         /* spoken */
	MIRROR_VERSION_FIRST = 2,   /* spoken too; 1 had rows of another format */
	MIRROR_VERSION_PACKED = 3,  /* the first with packed messages */
	MIRROR_FRAME_MAX = 1 << 18, /* a frame's bytes behind its length */
	MIRROR_PART_MAX = MIRROR_FRAME_MAX - 32,
	MIRROR_MESSAGE_MAX = 1 << 30, /* a whole message's bytes */
	MIRROR_PACKED = 0x80,         /* beside a message's kind: see pack.h */
};

enum mirror_frame_type {
	MIRROR_HELLO = 1,
	MIRROR_WANT = 2,
	MIRROR_GIVE = 3,
	MIRROR_PART = 4, /* of a message's bytes */
	MIRROR_DONE = 5,
	MIRROR_PING = 6,
	MIRROR_PONG = 7,
	MIRROR_LINKED = 8,
	MIRROR_BYE = 9,
};

/* What crosses in parts; the first byte of its bytes. Each but an answer is a request, which DONE
 * or an answer ends. */
enum mirror_message {
	MIRROR_COMMIT = 1,
	MIRROR_ANSWER = 2,
	MIRROR_MEET = 3,    /* the accounts of one node; answer: those that are apart */
	MIRROR_HOLD = 4,    /* an account; answer: its rows. Nobody writes to it from then on */
	MIRROR_RELEASE = 5, /* not any more */
	MIRROR_BODIES = 6,  /* ids; answer: bodies */
	MIRROR_STAGE = 7,   /* bodies, to be kept for an account that is held */
	MIRROR_SETTLE = 8,  /* a held account's rows; then it is linked */
	MIRROR_DIGEST = 9,  /* an account; answer: what its rows add up to. None: all accounts */
	MIRROR_ROSTER = 11, /* an account; answer: the ids of its bodies */
	MIRROR_APART = 10,  /* an account that was linked, and held by who says so */
};

/* Slices point into the input. Of each type only its own fields are set. */
struct mirror_frame {
	unsigned type; /* enum mirror_frame_type, or one that a later version knows */
	/* hello */
	unsigned first_version, last_version; /* that the sender speaks */
	struct id cluster, node;
	int64_t clock_ms;      /* its wall clock, since 1970 */
	struct slice software; /* its version, for people */
	/* want, give */
	struct id account;
	/* part, done, ping, pong (linked has no fields) */
	uint64_t number;
	/* part */
	bool last;
	struct slice bytes;
	/* done */
	bool taken;
	/* done: not taken; bye: the link ends; for people */
	struct slice why;
};

void mirror_frame_add(struct buf *to, const struct mirror_frame *frame);
/* Cuts the next frame off the front of *input. 1; 0: more bytes are needed; -1: no frame begins
 * like this. An unknown type is a frame. */
int mirror_frame_next(struct slice *input, struct mirror_frame *ret_frame) WARN_UNUSED;

/* A message of kind MIRROR_COMMIT. */
void mirror_commit_add(struct buf *to, const struct mirror_commit *commit);
/* Whose row has this key. False: a row that is not mirrored. */
WARN_UNUSED bool mirror_account_of(struct slice key, struct id *ret_account);
/* What it points at lies in `bytes` and in the arena, and is only read. False when the bytes are no
 * commit, or one that touches rows of other accounts than it names, or a driver's own. */
WARN_UNUSED bool mirror_commit_read(
	struct slice bytes, struct arena *arena, struct mirror_commit *ret_commit);
/* Several as one, in their order: it has all of it or nothing. It points into them, and into the
 * arena. */
void mirror_commit_join(const struct mirror_commit *commits, size_t count, struct arena *arena,
	struct mirror_commit *ret_commit);

#endif
