/* What crosses the link, as bytes and back; pure. docs/mirror-protocol.md has the forms. Frames
 * come from a node that knows the key, but maybe from another version or out of its mind: what does
 * not parse ends the connection. */
#ifndef MIRROR_FRAME_H
#define MIRROR_FRAME_H

#include "base/arena.h"
#include "mirror/mirror.h"

enum {
	MIRROR_VERSION = 1,         /* spoken, and the only one so far */
	MIRROR_FRAME_MAX = 1 << 18, /* a frame's bytes behind its length */
	MIRROR_PART_MAX = MIRROR_FRAME_MAX - 32,
	MIRROR_COMMIT_MAX = 1 << 30, /* a whole commit's bytes */
};

enum mirror_frame_type {
	MIRROR_HELLO = 1,
	MIRROR_WANT = 2,
	MIRROR_GIVE = 3,
	MIRROR_PART = 4, /* of a commit's bytes */
	MIRROR_DONE = 5,
	MIRROR_PING = 6,
	MIRROR_PONG = 7,
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
	/* part, done, ping, pong */
	uint64_t number;
	/* part */
	bool last;
	struct slice bytes;
	/* done */
	bool taken;
	struct slice why; /* not, for people */
};

void mirror_frame_add(struct buf *to, const struct mirror_frame *frame);
/* Cuts the next frame off the front of *input. 1; 0: more bytes are needed; -1: no frame begins
 * like this. An unknown type is a frame. */
int mirror_frame_next(struct slice *input, struct mirror_frame *ret_frame) WARN_UNUSED;

/* A commit's bytes, which are cut in parts. */
void mirror_commit_add(struct buf *to, const struct mirror_commit *commit);
/* What it points at lies in `bytes` and in the arena, and is only read. False when the bytes are no
 * commit, or one that touches rows of other accounts than it names, or a driver's own. */
WARN_UNUSED bool mirror_commit_read(
	struct slice bytes, struct arena *arena, struct mirror_commit *ret_commit);

#endif
