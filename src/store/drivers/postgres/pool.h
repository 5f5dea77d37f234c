/* The connections of one store in this process: at most so many, made when they are needed, used
 * again, replaced when they break.
 *
 * A call that ends by itself (get, blob_read) takes one for use POSTGRES_LEAF. What lasts while the
 * caller does other things (a txn, a scan, upkeep) takes one for POSTGRES_HELD. Some are kept for
 * the first kind, so that whoever holds one can always finish what he reads meanwhile. */
#ifndef STORE_DRIVERS_POSTGRES_POOL_H
#define STORE_DRIVERS_POSTGRES_POOL_H

#include "store/drivers/postgres/link.h"

#include <pthread.h>

enum postgres_use { POSTGRES_LEAF, POSTGRES_HELD };
enum { POSTGRES_LEAVES = 4, POSTGRES_LINKS_DEFAULT = 32 };

struct postgres_pool {
	pthread_mutex_t lock; /* of all below but `place`; never held over a round trip */
	pthread_cond_t returned;
	struct postgres_place place;
	struct postgres_link *idle; /* the one used last first */
	unsigned links, held, max;  /* links: idle ones, and those in use or being made */
};

/* `place` is copied; its strings are borrowed. */
void postgres_pool_init(
	struct postgres_pool *pool, const struct postgres_place *place, unsigned max);
/* All are given back. */
void postgres_pool_free(struct postgres_pool *pool);

/* Waits at most wait_ms for a connection to be free (ERR_UNAVAILABLE, temporary); making one takes
 * as long as connect_timeout says. */
int postgres_pool_take(struct postgres_pool *pool, enum postgres_use use, int64_t wait_ms,
	struct postgres_link **ret_link, struct err *err) WARN_UNUSED;
/* A lost one is closed. It must not be inside a transaction, but one whose end was sent. */
void postgres_pool_give(struct postgres_pool *pool, struct postgres_link *link);

/* Makes a call on a connection of its own; once more on another one when the first is lost. For
 * calls that may be made twice. */
int postgres_pool_call(struct postgres_pool *pool,
	int (*call)(struct postgres_link *link, void *context, struct err *err), void *context,
	struct err *err) WARN_UNUSED;

#endif
