/* What a storage engine must do: ordered keys with atomic, durable batches under account locks; and
 * blobs. Mail semantics are written once, above it (store.h), and know no engine.
 *
 * Keys are at most STORE_KEY_MAX bytes and sort as memcmp(). A driver may keep keys of its own in
 * the ranges that start with '!' (0x21); it uses the keys under STORE_KEY_BLOB_REF (see below),
 * nothing else. */
#ifndef STORE_DRIVER_H
#define STORE_DRIVER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

enum { STORE_KEY_MAX = 512 };
enum { STORE_ABSENT = 1 }; /* positive outcome: no such key, object, collection, account, blob */
/* The one failure of commit that does not say "no": see there. Passed up as any other. */
enum { STORE_UNCERTAIN = -2 };
/* So many txns may be held at once by a process. A driver may hold more; past what it does, begin
 * waits as for a lock. */
enum { STORE_TXNS = 16 };

/* A blob lives as long as at least one key begins with this byte and its id:
 *     'r' blob-id(16) anything
 * Drivers drop the blobs that have none; store_batch_release() is the hint where to look. A txn
 * that adds a reference to a blob that is there already holds the lock of an account that refers to
 * it; so none loses its last reference meanwhile. Blob ids are never used twice. */
enum { STORE_KEY_BLOB_REF = 'r' };

/* Changes to keys, applied in order, all or none. */
struct store_batch {
	struct buf bytes;    /* see docs/formats/batch.md: op, counted key, counted value */
	struct buf released; /* ids of blobs that lost a reference in this batch */
};
enum store_op { STORE_PUT = 1, STORE_DELETE = 2 };

void store_batch_init(struct store_batch *batch);
void store_batch_put(struct store_batch *batch, struct slice key, struct slice value);
void store_batch_delete(struct store_batch *batch, struct slice key);
void store_batch_release(struct store_batch *batch, struct id blob);
void store_batch_free(struct store_batch *batch);
/* Walks it: cuts the next operation off *rest (which begins as the batch's bytes). False at the
 * end; *ret_bad is set when the bytes are no batch. */
WARN_UNUSED bool store_batch_next(struct slice *rest, enum store_op *ret_op, struct slice *ret_key,
	struct slice *ret_value, bool *ret_bad);

/* A body to be stored with a batch; `bytes` are borrowed until commit returns. */
struct store_new_blob {
	struct id id;
	struct slice bytes;
};

/* One finding of a check. `object` is a name a person can act on ("blob x in segment 7 at 4096").
 */
struct store_finding {
	bool damage; /* false: remark */
	const char *object, *text;
};
typedef void store_report(void *context, const struct store_finding *finding);
/* Called now and then by long work; total 0 when unknown. Returns false to stop it. */
typedef bool store_progress(void *context, const char *what, uint64_t done, uint64_t total);

struct store_driver_options {
	const char *path; /* folder of the embedded driver; created when missing */
	/* Of the postgres driver: libpq's connection string ("host=… dbname=… user=…"). The
	 * database is this store's alone: tables are made when missing, and account locks are
	 * advisory locks of the whole database. */
	const char *database;
	/* Of the postgres driver, at most: one a txn, and 4 for readers; 0: 32, 8 at least. */
	unsigned connections;
	uint64_t segment_bytes; /* a segment file is closed at this size; 0: 256 MiB */
	uint64_t cache_bytes;   /* for keys; 0: 64 MiB */
	/* Benchmarks and tests only: answers are not durable. For the postgres driver: a server
	 * that runs without fsync is not refused. */
	bool no_sync;
	bool read_only;
};

struct store_driver_figures {
	uint64_t commits, syncs, bytes_written, blobs_read, blob_bytes_read;
	uint64_t segments, segment_bytes, segment_dead_bytes;
	uint64_t round_trips; /* waits for the answer of a server */
	bool failed; /* takes no writes, until a restart or until the disk has room again */
};

struct store_db;  /* an open database; each driver has its own */
struct store_txn; /* locks that are held; each driver has its own */

/* Of an engine on a disk of which single parts may become unreadable: see "Healing" in
 * docs/mirror.md. Keys that can't be read are a *gap*: a get in one, and a scan that comes to one,
 * fail with ERR_DAMAGED, but that a row which was written since is got. */
struct store_mending {
	/* Looks for what can't be read, and if there is any goes on without it, so that nothing
	 * else runs into it, such as the engine's own upkeep. Reads everything; writes wait while
	 * it is copied. STORE_ABSENT: everything can be read. */
	int (*salvage)(struct store_db *db, struct err *err);
	/* As store_driver.scan, but passes gaps as if nothing were in them. */
	int (*scan)(struct store_db *db, struct store_txn *txn, struct slice from, struct slice to,
		bool backward, bool (*visit)(void *context, struct slice key, struct slice value),
		void *context, struct err *err);
	bool (*has_gap)(struct store_db *db, struct slice from, struct slice to);
	/* From now on what is not there in from <= key < to is absent. STORE_ABSENT: no gap was
	 * there. */
	int (*forget)(struct store_db *db, struct slice from, struct slice to, struct err *err);
};

/* All calls may be made from any thread; a txn belongs to one thread at a time. */
struct store_driver {
	const char *name;
	/* Other nodes write to the same database: then rows are not kept in memory above it. */
	bool shared;

	/* Opens and recovers: afterwards everything that was committed before is there. ERR_IN_USE
	 * when another process has it open (not for a shared one), ERR_BAD_INPUT when a newer
	 * program made it. */
	int (*open)(const struct store_driver_options *options, struct store_db **ret_db,
		struct err *err);
	/* No call is under way and no txn is held. */
	void (*close)(struct store_db *db);

	/* Locks the accounts, in an order of the driver's own, waiting at most 30 s
	 * (ERR_TEMPORARY). Same account twice is fine. Of a shared driver, a txn whose server is
	 * lost has lost its locks: from then on its calls fail, and so does commit. */
	int (*begin)(struct store_db *db, const struct id *accounts, size_t count,
		struct store_txn **ret_txn, struct err *err);
	void (*abort)(struct store_txn *txn);
	/* When it returns 0, batch and blobs are durable and visible to every reader; a negative
	 * value means that nothing of it is or will be visible. The txn is over either way.
	 * STORE_UNCERTAIN (with a temporary err) is the exception: a server was lost in the middle
	 * and could not be reached again in time, so all of it or nothing is or will be visible.
	 * Who tries again may do it twice. */
	int (*commit)(struct store_txn *txn, const struct store_batch *batch,
		const struct store_new_blob *blobs, size_t blob_count, struct err *err);

	/* Appends the value to `ret_value`. STORE_ABSENT. txn may be NULL: latest committed state.
	 */
	int (*get)(struct store_db *db, struct store_txn *txn, struct slice key,
		struct buf *ret_value, struct err *err);
	/* Calls `visit` for keys in from <= key < to, ascending (descending if `backward`), on one
	 * consistent state, until it returns false. Slices are valid during the call only. `visit`
	 * may make other calls, on the same txn too, but not end it. */
	int (*scan)(struct store_db *db, struct store_txn *txn, struct slice from, struct slice to,
		bool backward, bool (*visit)(void *context, struct slice key, struct slice value),
		void *context, struct err *err);

	/* Appends `len` bytes (or what there is) from `offset` of a blob. STORE_ABSENT; ERR_DAMAGED
	 * when a checksum does not match: then nothing is appended. */
	int (*blob_read)(struct store_db *db, struct id blob, uint64_t offset, uint64_t len,
		struct buf *to, struct err *err);
	/* Length of a blob. STORE_ABSENT. */
	int (*blob_len)(struct store_db *db, struct id blob, uint64_t *ret_len, struct err *err);

	/* A copy in the new folder `path`, consistent at one moment, while serving. A permanent
	 * error that says what to use instead, from a driver whose engine has a backup of its own;
	 * then there is no folder. */
	int (*backup)(struct store_db *db, const char *path, store_progress *progress,
		void *context, struct err *err);
	/* Reads everything and verifies every checksum and every reference to a blob. */
	int (*check)(struct store_db *db, store_report *report, store_progress *progress,
		void *context, struct err *err);
	/* Gives space of dead blobs back, while serving; `all`: every segment with dead bytes, else
	 * the mostly dead ones. Called every few minutes and by hand. */
	int (*compact)(struct store_db *db, bool all, store_progress *progress, void *context,
		uint64_t *ret_freed, struct err *err);
	struct store_driver_figures (*figures)(struct store_db *db);
	/* Which numbers the txn may give to new objects of an account: 0 even ones, 1 odd ones,
	 * since another store may give out the others; -1 any. NULL: any. */
	int (*number_parity)(struct store_txn *txn, struct id account);
	/* NULL: what it can't read it can't mend either. */
	const struct store_mending *mending;
	/* When another store has the same: before somebody reads an account, waits until this one
	 * has what was shown of it there; afterwards, until that one has what he has read. But not
	 * for long. NULL: there is no other. */
	void (*catch_up)(struct store_db *db, struct id account);
};

extern const struct store_driver store_driver_embedded; /* RocksDB and segment files */
extern const struct store_driver store_driver_postgres; /* a server that many nodes share */
extern const struct store_driver store_driver_memory;   /* for tests; nothing survives close */

/* All of them, ended by NULL. */
extern const struct store_driver *const store_drivers[];

#endif
