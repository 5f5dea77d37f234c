/* Who wants to hear of changes to which account. */
#ifndef STORE_WATCH_H
#define STORE_WATCH_H

#include "store/store.h"

#include <pthread.h>

/* Enough lists that 50,000 parked sessions make short ones, and enough locks that workers seldom
 * meet. */
enum { WATCH_LISTS = 4096, WATCH_SHARDS = 64 };

struct watch_table {
	pthread_mutex_t locks[WATCH_SHARDS]; /* of the lists whose index ends in this one's */
	struct store_watch *lists[WATCH_LISTS];
};

void watch_table_init(struct watch_table *table);
/* No watch is left. */
void watch_table_deinit(struct watch_table *table);
void watch_wake(struct watch_table *table, struct id account);

#endif
