/* Rows that nearly every request reads (accounts, collections and their names, all of the
 * directory), kept as bytes in front of the driver, whose look-up in an ordered index of everything
 * costs twenty times as much.
 *
 * Never stale: while a commit that changes a slot's row is under way the slot is empty and stays
 * so, and its version grows when one begins. A row that was read is kept only if no commit was
 * under way when the reading began and its slot has the version it had then; what a commit wrote is
 * kept only if no other commit began since. So all changes of rows must go through
 * row_cache_commit(), and a driver that other nodes write to as well has no row cache
 * (store_driver.shared).
 *
 * Bounded: ROW_CACHE_SLOTS rows of ROW_CACHE_VALUE_MAX bytes; a row takes its slot from the one
 * before. All functions may be called by any thread. */
#ifndef STORE_ROW_CACHE_H
#define STORE_ROW_CACHE_H

#include "store/driver.h"

#include <pthread.h>

enum { ROW_CACHE_SLOTS = 8192, ROW_CACHE_LOCKS = 64, ROW_CACHE_VALUE_MAX = 1024 };

struct row_cache_slot {
	uint64_t version;  /* how many commits have begun to change it */
	uint32_t changing; /* how many of them are under way; then `row` is NULL */
	struct row_cache_row *row;
};

struct row_cache {
	pthread_mutex_t locks[ROW_CACHE_LOCKS]; /* of the slots whose index ends in this one's */
	struct row_cache_slot slots[ROW_CACHE_SLOTS];
};

/* NULL for a driver that other nodes write to. */
struct row_cache *row_cache_new(const struct store_driver *driver);
void row_cache_free(struct row_cache *cache);

/* store_driver.get(), by way of the cache (which may be NULL). */
int row_cache_get(struct row_cache *cache, const struct store_driver *driver, struct store_db *db,
	struct store_txn *txn, struct slice key, struct buf *ret_value,
	struct err *err) WARN_UNUSED;

/* store_driver.commit(). */
int row_cache_commit(struct row_cache *cache, const struct store_driver *driver,
	struct store_txn *txn, const struct store_batch *batch, const struct store_new_blob *blobs,
	size_t blob_count, struct err *err) WARN_UNUSED;

#endif
