/* The embedded driver: keys in RocksDB, bodies and the log in segment files, on one machine.
 *
 * A commit is one record in the journal (journal.h): synced, then applied to the index, then seen.
 * Reading is RocksDB's business, but for bodies (blobs.c). What runs beside serving is in files of
 * its own: compact.c, backup.c, check.c. */
#include "store/drivers/embedded/db.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/log.h"
#include "store/drivers/embedded/apply.h"

#include <unistd.h>

enum {
	SEGMENT_DEFAULT = 256 << 20,
	LOCK_WAIT_MS = 30000,
	REFUSED_MS = 60000,
};

struct store_txn {
	struct store_db *db;
	struct embedded_held *held;
};

static void free_db(struct store_db *db)
{
	embedded_journal_free(&db->journal);
	embedded_segments_free(&db->segments);
	embedded_index_close(&db->index);
	embedded_gaps_deinit(&db->gaps);
	embedded_places_deinit(&db->places);
	if (db->locks)
		embedded_locks_free(db->locks);
	if (db->lock_fd >= 0)
		(void)close(db->lock_fd);
	(void)pthread_mutex_destroy(&db->upkeep);
	free(db->path);
	free(db);
}

/* If even they can't be read, no more is known to be missing than what salvage finds. */
static int load_gaps(struct store_db *db, struct err *err)
{
	int r = embedded_gaps_load(&db->gaps, &db->index, err);
	db->hurt = r < 0 && err->kind == ERR_DAMAGED;
	return db->hurt ? 0 : r;
}

static int open_parts(
	struct store_db *db, const struct store_driver_options *options, struct err *err)
{
	AUTO_FREE char *keys = embedded_path(db->path, "keys");
	AUTO_FREE char *segments = embedded_path(db->path, "segments");
	struct embedded_segment *current;
	struct embedded_position applied;
	if (embedded_folder_open(db, err) < 0 || embedded_salvage_end(db, err) < 0 ||
		embedded_index_open(&db->index, keys, options->cache_bytes, err) < 0 ||
		load_gaps(db, err) < 0 ||
		embedded_segments_init(&db->segments, db->files, segments, db->tag, err) < 0 ||
		embedded_recover(db, &current, &applied, err) < 0)
		return -1;
	uint64_t segment_bytes = options->segment_bytes ? options->segment_bytes : SEGMENT_DEFAULT;
	embedded_journal_init(&db->journal, &db->segments, &db->index, current, applied,
		segment_bytes, options->no_sync);
	return db->hurt && !db->read_only ? MIN(embedded_salvage(db, err), 0) : 0;
}

int embedded_open(const struct store_driver_options *options, const struct embedded_files *files,
	struct store_db **ret_db, struct err *err)
{
	struct err own = {0};
	struct store_db *db = ALLOC(struct store_db);
	err = err ? err : &own;
	db->files = files;
	db->path = slice_dup(slice_str(options->path));
	db->lock_fd = -1;
	db->read_only = options->read_only;
	db->lock_wait_ms = LOCK_WAIT_MS;
	db->cache_bytes = options->cache_bytes;
	db->locks = embedded_locks_new();
	embedded_gaps_init(&db->gaps);
	embedded_places_init(&db->places);
	(void)pthread_mutex_init(&db->upkeep, NULL);
	if (open_parts(db, options, err) < 0) {
		free_db(db);
		return -1;
	}
	*ret_db = db;
	return 0;
}

static int driver_open(
	const struct store_driver_options *options, struct store_db **ret_db, struct err *err)
{
	return embedded_open(options, &embedded_files_system, ret_db, err);
}

static void driver_close(struct store_db *db)
{
	struct err err = {0};
	/* So that the next start has nothing to replay. */
	if (embedded_index_flush(&db->index, true, &err) < 0)
		log_warn(NULL, "key index not flushed at close", F_ERR(&err));
	free_db(db);
}

static int driver_begin(struct store_db *db, const struct id *accounts, size_t count,
	struct store_txn **ret_txn, struct err *err)
{
	struct embedded_held *held;
	if (embedded_locks_take(db->locks, accounts, count, db->lock_wait_ms, &held, err) < 0)
		return -1;
	struct store_txn *txn = ALLOC(struct store_txn);
	*txn = (struct store_txn){db, held};
	*ret_txn = txn;
	return 0;
}

static void driver_abort(struct store_txn *txn)
{
	embedded_locks_release(txn->held);
	free(txn);
}

static int commit(struct store_db *db, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t blob_count, struct err *err)
{
	struct slice bytes = buf_slice(&batch->bytes);
	struct embedded_record record;
	if (db->read_only)
		return err_temporary(err, ERR_UNAVAILABLE, "the store is open for reading only");
	if (batch->bytes.failed)
		return err_temporary(err, ERR_LIMIT, "more changes than one batch holds");
	if (!embedded_batch_valid(bytes))
		return err_bug(err, "a batch that is none, or with keys of the driver");
	if (bytes.len == 0 && blob_count == 0)
		return 0;
	if (embedded_record_init(&record, bytes, blobs, blob_count, 0, err) < 0)
		return -1;
	int rc = embedded_journal_commit(&db->journal, &record, err);
	embedded_record_free(&record);
	return rc;
}

static int driver_commit(struct store_txn *txn, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t blob_count, struct err *err)
{
	int rc = commit(txn->db, batch, blobs, blob_count, err);
	driver_abort(txn);
	return rc;
}

static bool own_key(struct slice key)
{
	return key.len > 0 && key.ptr[0] == EMBEDDED_OWN;
}

static int driver_get(struct store_db *db, struct store_txn *txn, struct slice key,
	struct buf *ret_value, struct err *err)
{
	int r = own_key(key) ? STORE_ABSENT : embedded_index_get(&db->index, key, ret_value, err);
	if (r == STORE_ABSENT && embedded_gaps_any(&db->gaps) && embedded_gaps_hold(&db->gaps, key))
		return embedded_gaps_err(err);
	return r;
}

/* A range without a gap of the index. Sets *ret_go_on to false when `visit` wants no more. */
static int scan_whole(struct store_db *db, struct slice from, struct slice to, bool backward,
	bool (*visit)(void *context, struct slice key, struct slice value), void *context,
	bool *ret_go_on, struct err *err)
{
	if (!*ret_go_on || slice_cmp(from, to) >= 0)
		return 0;
	struct embedded_walk walk;
	struct slice key, value;
	embedded_walk_init(&walk, &db->index, from, to, backward, false);
	while (*ret_go_on && embedded_walk_next(&walk, &key, &value))
		*ret_go_on = visit(context, key, value);
	return embedded_walk_free(&walk, err);
}

typedef int scan_range(struct store_db *db, struct slice from, struct slice to, bool backward,
	bool (*visit)(void *context, struct slice key, struct slice value), void *context,
	bool *ret_go_on, struct err *err);

/* As far as the first gap. */
static int scan_part(struct store_db *db, struct slice from, struct slice to, bool backward,
	bool (*visit)(void *context, struct slice key, struct slice value), void *context,
	bool *ret_go_on, struct err *err)
{
	struct embedded_gap gap;
	if (!embedded_gaps_find(&db->gaps, from, to, backward, &gap))
		return scan_whole(db, from, to, backward, visit, context, ret_go_on, err);
	struct slice begin = slice(gap.from, gap.from_len), end = slice(gap.to, gap.to_len);
	int r = scan_whole(db, backward ? end : from, backward ? to : begin, backward, visit,
		context, ret_go_on, err);
	return r == 0 && *ret_go_on ? embedded_gaps_err(err) : r;
}

/* The driver's own keys are left out. */
static int scan_by(scan_range *part, struct store_db *db, struct slice from, struct slice to,
	bool backward, bool (*visit)(void *context, struct slice key, struct slice value),
	void *context, struct err *err)
{
	static const struct slice own = {"!", 1}, behind = {"\x22", 1};
	struct slice low_to = slice_cmp(to, own) < 0 ? to : own;
	struct slice high_from = slice_cmp(from, behind) < 0 ? behind : from;
	bool go_on = true;
	int rc = backward ? part(db, high_from, to, true, visit, context, &go_on, err)
			  : part(db, from, low_to, false, visit, context, &go_on, err);
	if (rc < 0)
		return rc;
	return backward ? part(db, from, low_to, true, visit, context, &go_on, err)
			: part(db, high_from, to, false, visit, context, &go_on, err);
}

static int driver_scan(struct store_db *db, struct store_txn *txn, struct slice from,
	struct slice to, bool backward,
	bool (*visit)(void *context, struct slice key, struct slice value), void *context,
	struct err *err)
{
	return scan_by(scan_part, db, from, to, backward, visit, context, err);
}

static int scan_past_gaps(struct store_db *db, struct store_txn *txn, struct slice from,
	struct slice to, bool backward,
	bool (*visit)(void *context, struct slice key, struct slice value), void *context,
	struct err *err)
{
	return scan_by(scan_whole, db, from, to, backward, visit, context, err);
}

static bool has_gap(struct store_db *db, struct slice from, struct slice to)
{
	struct embedded_gap gap;
	return embedded_gaps_find(&db->gaps, from, to, false, &gap);
}

static const struct store_mending MENDING = {
	.salvage = embedded_salvage,
	.scan = scan_past_gaps,
	.has_gap = has_gap,
	.forget = embedded_gaps_forget,
};

/* A refusal counts for a while only: who asks may be the one who decides whether there will be
 * another write to learn from. */
static bool refuses_now(struct store_db *db)
{
	int64_t at = atomic_load(&db->journal.refused_ms);
	return at && clock_mono_ms() - at < REFUSED_MS;
}

static struct store_driver_figures driver_figures(struct store_db *db)
{
	struct store_driver_figures figures = {
		.commits = atomic_load(&db->journal.commits),
		.syncs = atomic_load(&db->journal.syncs),
		.bytes_written = atomic_load(&db->journal.bytes_written),
		.blobs_read = atomic_load(&db->blobs_read),
		.blob_bytes_read = atomic_load(&db->blob_bytes_read),
		.failed = atomic_load(&db->journal.failed) || refuses_now(db),
	};
	size_t count;
	struct embedded_segment **all = embedded_segments_all(&db->segments, &count);
	figures.segments = count;
	for (size_t i = 0; i < count; i++) {
		uint64_t size = atomic_load(&all[i]->size), live = atomic_load(&all[i]->live);
		figures.segment_bytes += size;
		if (size > live + EMBEDDED_SEGMENT_HEADER)
			figures.segment_dead_bytes += size - live - EMBEDDED_SEGMENT_HEADER;
		embedded_segments_unref(&db->segments, all[i]);
	}
	free(all);
	return figures;
}

const struct store_driver store_driver_embedded = {
	.name = "embedded",
	.open = driver_open,
	.close = driver_close,
	.begin = driver_begin,
	.abort = driver_abort,
	.commit = driver_commit,
	.get = driver_get,
	.scan = driver_scan,
	.blob_read = embedded_blob_read,
	.blob_len = embedded_blob_len,
	.backup = embedded_backup,
	.check = embedded_check,
	.compact = embedded_compact,
	.figures = driver_figures,
	.mending = &MENDING,
};
