/* What the two halves of the journal share: journal.c gathers groups and gives out turns,
 * journal_write.c puts a group on disk and into the index. */
#ifndef STORE_DRIVERS_EMBEDDED_JOURNAL_INTERNAL_H
#define STORE_DRIVERS_EMBEDDED_JOURNAL_INTERNAL_H

#include "store/drivers/embedded/journal.h"

/* One who commits. */
struct embedded_member {
	struct embedded_record *record;
	uint64_t offset; /* in the segment */
	struct embedded_member *next;
	struct wait done; /* of all but the leader */
};

struct embedded_group {
	struct embedded_turn turn;
	_Atomic int refs;
	struct embedded_member *first, **last;
	size_t count, iov_count;
	uint64_t bytes;
	struct embedded_position start; /* where it begins */
	struct embedded_segment *segment;
	int rc; /* valid when done, as err */
	struct err err;
};

/* Writes and syncs. The caller has the turn. */
int embedded_group_write(struct embedded_journal *journal, struct embedded_group *group,
	struct err *err) WARN_UNUSED;
/* Puts it into the index. The caller has apply_lock. */
int embedded_group_apply(struct embedded_journal *journal, struct embedded_group *group,
	struct err *err) WARN_UNUSED;
/* Begins the next segment. The caller has the turn, and apply_lock too. */
int embedded_journal_rotate(struct embedded_journal *journal, struct err *err) WARN_UNUSED;
/* Cuts a group that the index refused, and all behind it, off the log. The caller has both. */
void embedded_journal_cut(struct embedded_journal *journal);

#endif
