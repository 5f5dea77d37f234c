/* Ranges of keys whose rows could not be read (salvage.c). What is asked of one fails as damage,
 * but for single rows that were written since, until somebody who has the rows from elsewhere
 * closes it. Kept in the index as
 *     !g number(be32)   counted first key, rest: the first key behind
 * Any thread. While there is none, asking costs one look at a counter. */
#ifndef STORE_DRIVERS_EMBEDDED_GAPS_H
#define STORE_DRIVERS_EMBEDDED_GAPS_H

#include "store/drivers/embedded/index.h"

#include <pthread.h>
#include <stdatomic.h>

enum { EMBEDDED_GAP_KEY_MAX = STORE_KEY_MAX + 8 };

struct embedded_gap {
	size_t from_len, to_len;
	char from[EMBEDDED_GAP_KEY_MAX], to[EMBEDDED_GAP_KEY_MAX];
};

struct embedded_gaps {
	atomic_size_t count;
	pthread_rwlock_t lock;
	struct embedded_gap *list; /* ascending, none touches another */
	size_t rows;               /* that the index has of them */
};

void embedded_gaps_init(struct embedded_gaps *gaps);
void embedded_gaps_deinit(struct embedded_gaps *gaps);
int embedded_gaps_load(
	struct embedded_gaps *gaps, struct embedded_index *index, struct err *err) WARN_UNUSED;

/* Behind all that are there, or among them. */
void embedded_gaps_add(struct embedded_gaps *gaps, struct slice from, struct slice to);
/* From now on from <= key < to is no gap. False: there was none. */
bool embedded_gaps_close(struct embedded_gaps *gaps, struct slice from, struct slice to);
/* Adds to the batch what the index is to know of them. */
void embedded_gaps_put(struct embedded_gaps *gaps, rocksdb_writebatch_t *batch);

/* The first gap that a walk over from <= key < to comes to (`backward`: the last one). False:
 * there is none. */
bool embedded_gaps_find(struct embedded_gaps *gaps, struct slice from, struct slice to,
	bool backward, struct embedded_gap *ret_gap) WARN_UNUSED;
static inline bool embedded_gaps_any(const struct embedded_gaps *gaps)
{
	return atomic_load_explicit(&gaps->count, memory_order_acquire) > 0;
}
bool embedded_gaps_hold(struct embedded_gaps *gaps, struct slice key) WARN_UNUSED;
/* ERR_DAMAGED. Returns -1. */
int embedded_gaps_err(struct err *err);

#endif
