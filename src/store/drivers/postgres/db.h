/* An open store on PostgreSQL, and the calls of its driver that are files of their own.
 *
 * Nothing that is committed, and no lock, lives in this process: a store_db is a pool of
 * connections and some counters. */
#ifndef STORE_DRIVERS_POSTGRES_DB_H
#define STORE_DRIVERS_POSTGRES_DB_H

#include "store/driver.h"
#include "store/drivers/postgres/pool.h"

#include <stdatomic.h>

enum { POSTGRES_CHUNK = 64 << 10 }; /* bytes of a blob in one row, but for the last one */

struct store_db {
	struct postgres_pool pool;
	bool read_only;
	int64_t lock_wait_ms; /* begin() waits so long, for a connection and for locks together */
	int64_t fate_wait_ms; /* commit() looks so long for what became of it */
	_Atomic uint64_t commits, bytes_written, blobs_read, blob_bytes_read, trips;
};

/* A transaction of the server, on a connection of its own, with its accounts' advisory locks. */
struct store_txn {
	struct store_db *db;
	struct postgres_link *link;
};

/* See store/driver.h. */
int postgres_begin(struct store_db *db, const struct id *accounts, size_t count,
	struct store_txn **ret_txn, struct err *err) WARN_UNUSED;
void postgres_abort(struct store_txn *txn);
int postgres_commit(struct store_txn *txn, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t blob_count, struct err *err) WARN_UNUSED;
int postgres_scan(struct store_db *db, struct store_txn *txn, struct slice from, struct slice to,
	bool backward, bool (*visit)(void *context, struct slice key, struct slice value),
	void *context, struct err *err) WARN_UNUSED;
int postgres_blob_read(struct store_db *db, struct id blob, uint64_t offset, uint64_t len,
	struct buf *to, struct err *err) WARN_UNUSED;
int postgres_blob_len(
	struct store_db *db, struct id blob, uint64_t *ret_len, struct err *err) WARN_UNUSED;
int postgres_check(struct store_db *db, store_report *report, store_progress *progress,
	void *context, struct err *err) WARN_UNUSED;
int postgres_compact(struct store_db *db, bool all, store_progress *progress, void *context,
	uint64_t *ret_freed, struct err *err) WARN_UNUSED;

/* Gives the connection of a txn whose transaction is over back. */
void postgres_txn_end(struct store_txn *txn);

/* What became of the commit with this id, whose connection was lost: 0, it is done; -1, it is not
 * and never will be; STORE_UNCERTAIN, the database could not be asked. */
int postgres_fate(struct store_db *db, struct id commit, struct err *err) WARN_UNUSED;

/* The checksum of a row of store_chunks. */
uint32_t postgres_chunk_checksum(struct id blob, uint32_t number, struct slice bytes) WARN_UNUSED;

#endif
