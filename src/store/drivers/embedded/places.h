/* Where bodies lie, remembered: a look-up in the index costs more than reading a small body.
 *
 * What is kept may be out of date, since compaction moves bodies: then the segment it names is gone
 * and the reader asks the index. It is never wrong otherwise, for a blob's id is never used twice
 * and a segment's number neither. One place a slot, found by the id's hash; any thread. */
#ifndef STORE_DRIVERS_EMBEDDED_PLACES_H
#define STORE_DRIVERS_EMBEDDED_PLACES_H

#include "store/drivers/embedded/index.h"

#include <pthread.h>

enum { EMBEDDED_PLACES = 1 << 17, EMBEDDED_PLACES_LOCKS = 64 };

struct embedded_kept_place {
	struct id blob;
	struct embedded_position place;
};

struct embedded_places {
	struct embedded_kept_place *slots; /* 5 MiB, of which only what is used is in memory */
	pthread_mutex_t locks[EMBEDDED_PLACES_LOCKS];
};

void embedded_places_init(struct embedded_places *places);
void embedded_places_deinit(struct embedded_places *places);
bool embedded_places_find(struct embedded_places *places, struct id blob,
	struct embedded_position *ret_place) WARN_UNUSED;
void embedded_places_keep(
	struct embedded_places *places, struct id blob, const struct embedded_position *place);
void embedded_places_forget(struct embedded_places *places, struct id blob);

#endif
