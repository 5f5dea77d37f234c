/* A directory around a directory that may be away: what it answered last is still true for a while.
 *
 * Every question is asked of the inner one first. Only when that can't tell, what it said about the
 * same address or domain before holds, for `keep_ms`; so a front end goes on refusing unknown
 * recipients, and taking mail for known ones, while the store is down. Logins are never answered
 * from memory. */
#ifndef DIRECTORY_CACHED_H
#define DIRECTORY_CACHED_H

#include "directory/directory.h"

struct directory_cached_options {
	struct directory *inner; /* the new one's from now on */
	size_t entries_max;      /* 0: 100,000 */
	int64_t keep_ms;         /* 0: 7 days */
};
struct directory *directory_cached_new(const struct directory_cached_options *options);
/* Answers that the inner one could not give. */
uint64_t directory_cached_used(const struct directory *cached);

#endif
