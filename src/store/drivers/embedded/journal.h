/* The journal: the segment files as one log of records, and group commit.
 *
 * Who commits joins the group that gathers. The first of a group leads it: he waits for his turn,
 * writes the records of all with one call, syncs once, applies them to the index in one batch, and
 * wakes the rest. While a group is written the next one gathers, and while it is applied the next
 * one may be written already.
 *
 * Two things guard the state, always taken in this order: the turn (one leader at a time writes)
 * guards the end of the log; apply_lock guards what the index says about it. A leader takes
 * apply_lock before he gives up his turn, so groups are applied in the order of writing.
 *
 * Members and the leaders whose turn has not come wait by base/wait.h: no thread sleeps for them.
 * The leader's own thread writes, syncs and applies. */
#ifndef STORE_DRIVERS_EMBEDDED_JOURNAL_H
#define STORE_DRIVERS_EMBEDDED_JOURNAL_H

#include "base/wait.h"
#include "store/drivers/embedded/index.h"
#include "store/drivers/embedded/record.h"
#include "store/drivers/embedded/segments.h"

/* A place in the queue for the end of the log. */
struct embedded_turn {
	struct embedded_turn *next;
	struct wait wait;
};

struct embedded_journal {
	struct embedded_segments *segments;
	struct embedded_index *index;
	uint64_t segment_bytes;
	bool no_sync;

	pthread_mutex_t lock;                     /* guards the turns and `gathering` */
	struct embedded_turn *turns, **last_turn; /* the first one has the end of the log */
	struct embedded_group *gathering;

	/* Of whose turn it is. */
	struct embedded_segment *current; /* a reference */
	uint64_t end;                     /* of the last record */
	uint64_t allocated;               /* bytes up to here have their place on the disk */
	uint64_t step;                    /* to allocate next */
	uint64_t next_seq;
	struct iovec *iov;
	size_t iov_cap;

	pthread_mutex_t apply_lock;
	struct embedded_position applied; /* under apply_lock, as the rest */
	struct embedded_position rollback;
	_Atomic bool broken; /* the index refused a group: the log is to be cut back to rollback */
	rocksdb_writebatch_t *batch;
	uint64_t unflushed; /* bytes of the log that the index has in memory only, at most */

	_Atomic bool failed;        /* no more writes */
	_Atomic bool index_damaged; /* the index refused a group because it can't read itself */
	/* When a group was last refused that others may follow (no space, or by the index),
	 * clock_mono_ms(); 0: one was taken since. */
	_Atomic int64_t refused_ms;
	_Atomic uint64_t commits, syncs, bytes_written;
};

/* The log goes on at `applied` in `current` (a reference, taken over). */
void embedded_journal_init(struct embedded_journal *journal, struct embedded_segments *segments,
	struct embedded_index *index, struct embedded_segment *current,
	struct embedded_position applied, uint64_t segment_bytes, bool no_sync);
/* Nobody commits. Gives back what was allocated ahead. */
void embedded_journal_free(struct embedded_journal *journal);

/* 0: durable and visible. Negative: nothing of it is or will be. */
int embedded_journal_commit(struct embedded_journal *journal, struct embedded_record *record,
	struct err *err) WARN_UNUSED;
/* Closes the current segment, if there is anything in it, and begins the next one. */
int embedded_journal_seal(struct embedded_journal *journal, struct err *err) WARN_UNUSED;
/* Calls `run` while nothing is written and all that was is in the index; returns what it does. */
int embedded_journal_still(
	struct embedded_journal *journal, int (*run)(void *context), void *context) WARN_UNUSED;
/* The position up to which records are applied. */
struct embedded_position embedded_journal_applied(struct embedded_journal *journal);

#endif
