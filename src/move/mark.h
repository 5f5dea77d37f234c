/* Users on their way between nodes: one durable mark each, in the system account, so that a crash
 * leaves no doubt where he is (docs/move.md has what each means, docs/formats/move.md the bytes).
 *
 * The marks are also the store's gate and say who may not log in: move_marks_open() sets both. Any
 * thread. */
#ifndef MOVE_MARK_H
#define MOVE_MARK_H

#include "base/arena.h"
#include "store/merge_rule.h"
#include "store/store.h"

/* The number is on disk. */
enum move_state {
	MOVE_NONE = 0,
	MOVE_COPYING = 1,   /* from: a move has begun */
	MOVE_HELD = 2,      /* from: the last difference goes over */
	MOVE_FLIPPING = 3,  /* from: the other side is whole */
	MOVE_LEFT = 4,      /* from: he lives there */
	MOVE_FORGOTTEN = 5, /* from: and nothing of him is here; to: he did not come */
	MOVE_ARRIVING = 6,  /* to: some of him is here */
	MOVE_ARRIVED = 7,   /* to: all of him is here */
	MOVE_LIVES = 8,     /* to: he lives here; the proof that this run has ended well */
};
const char *move_state_name(enum move_state state);
/* Nobody writes to the account. */
bool move_state_is_shut(enum move_state state);
/* Nobody logs in or gets mail. */
bool move_state_is_barred(enum move_state state);

struct move_mark {
	struct id account;
	enum move_state state;
	struct id run;     /* of who made it: another one may not go on with it */
	struct slice user; /* canonical address */
	struct slice from, to;
	struct slice at;       /* from: where the other side listens; "" on to */
	int64_t since;         /* seconds since 1970: when the move began */
	bool made_user;        /* to: the internal directory did not have him before */
	bool flipped_by_other; /* from: --no-flip */
	bool sought;           /* to: who looks for him may come here, even if he does not */
};

enum { MOVE_MARK_MAX = 4096 };
/* Pure. Slices of what is read point into `data`. False: no mark of this version. */
void move_mark_write(const struct move_mark *mark, struct buf *to);
WARN_UNUSED bool move_mark_read(struct slice data, struct move_mark *ret_mark);

struct move_marks;
/* As many as the store has; what a crash left as `held` is `copying` again. Becomes the store's
 * gate until it is closed. */
int move_marks_open(
	struct store *store, struct move_marks **ret_marks, struct err *err) WARN_UNUSED;
void move_marks_close(struct move_marks *marks); /* NULL is fine */

/* By what is in memory: cheap. */
bool move_marks_is_shut(struct move_marks *marks, struct id account);
bool move_marks_is_barred(struct move_marks *marks, struct id account);
/* As it is on the disk. 0, or STORE_ABSENT. */
int move_marks_get(struct move_marks *marks, struct id account, struct arena *arena,
	struct move_mark *ret_mark, struct err *err) WARN_UNUSED;
/* All of them. */
int move_marks_list(struct move_marks *marks, struct arena *arena, struct move_mark **ret_array,
	size_t *ret_count, struct err *err) WARN_UNUSED;
/* Durable when it returns 0. What is there must be in one of the states of `expected`, a set of
 * bits (1 << MOVE_NONE: no mark), and of `run` if that is not ID_NONE; else ERR_IN_USE. The state
 * MOVE_NONE takes the mark away. Once a state that is shut was set, no write that began before is
 * under way any more. */
int move_marks_set(struct move_marks *marks, const struct move_mark *mark, unsigned expected,
	struct id run, struct err *err) WARN_UNUSED;

/* Ended by kind 0. */
extern const struct store_merge_rule move_merge_rules[];

#endif
