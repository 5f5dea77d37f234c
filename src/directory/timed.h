/* A directory around one that is kept elsewhere, which answers out of memory for a short time:
 * positive and negative answers each for theirs, so many entries at most. Can't tell is never kept.
 * Passwords and SCRAM keys are asked for each time. Any thread. (cached.h is for when a directory
 * is away.) */
#ifndef DIRECTORY_TIMED_H
#define DIRECTORY_TIMED_H

#include "directory/directory.h"

struct directory_timed_options {
	struct directory *inner;          /* the new one's from now on */
	int64_t positive_ms, negative_ms; /* 0: not kept */
	size_t entries_max;               /* 1 at least */
};
struct directory *directory_timed_new(const struct directory_timed_options *options);
/* Answers out of memory so far. */
uint64_t directory_timed_hits(const struct directory *timed);
/* Answers in memory now, also those whose time is over; entries_max at most. */
size_t directory_timed_kept(const struct directory *timed);

#endif
