/* The memory driver, for tests: a sorted map that has versions. A reader holds the version that was
 * current when it began; a commit makes the next one under a lock. Blobs lie in the same map, under
 * '!' and their id. Nothing survives close. */
#include "store/driver.h"

#include "store/drivers/memory_tree.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/must.h"

#include <pthread.h>

enum { LOCK_WAIT_S = 30, BLOB_KEY_LEN = 1 + ID_SIZE };

struct store_db {
	pthread_mutex_t lock; /* of everything here; held for a commit and for taking a version */
	pthread_cond_t unlocked;
	struct tree *now;
	struct store_txn *txns; /* open ones: whose accounts are locked */
	struct store_driver_figures figures;
	bool read_only;
};

struct store_txn {
	struct store_db *db;
	struct store_txn *next, **previous;
	size_t count;
	struct id accounts[];
};

static int memory_open(
	const struct store_driver_options *options, struct store_db **ret_db, struct err *err)
{
	struct store_db *db = ALLOC(struct store_db);
	pthread_condattr_t attr;
	must(pthread_mutex_init(&db->lock, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&db->unlocked, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
	db->read_only = options->read_only;
	*ret_db = db;
	return 0;
}

static void memory_close(struct store_db *db)
{
	must(!db->txns);
	tree_release(db->now);
	(void)pthread_cond_destroy(&db->unlocked);
	(void)pthread_mutex_destroy(&db->lock);
	free(db);
}

static void lock(struct store_db *db)
{
	must(pthread_mutex_lock(&db->lock) == 0);
}

static void unlock(struct store_db *db)
{
	must(pthread_mutex_unlock(&db->lock) == 0);
}

static int by_id(const void *a, const void *b)
{
	return id_cmp(*(const struct id *)a, *(const struct id *)b);
}

/* Both are sorted. */
static bool overlap(const struct store_txn *a, const struct store_txn *b)
{
	for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
		int order = id_cmp(a->accounts[i], b->accounts[j]);
		if (order == 0)
			return true;
		*(order < 0 ? &i : &j) += 1;
	}
	return false;
}

static bool is_free(const struct store_db *db, const struct store_txn *wanted)
{
	for (const struct store_txn *t = db->txns; t; t = t->next)
		if (overlap(t, wanted))
			return false;
	return true;
}

static int memory_begin(struct store_db *db, const struct id *accounts, size_t count,
	struct store_txn **ret_txn, struct err *err)
{
	struct store_txn *txn = alloc_zero(1, sizeof(*txn) + count * sizeof(txn->accounts[0]));
	struct timespec until;
	int waited = 0;
	txn->db = db;
	txn->count = count;
	if (count) {
		memcpy(txn->accounts, accounts, count * sizeof(*accounts));
		qsort(txn->accounts, count, sizeof(*accounts), by_id);
	}
	must(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
	until.tv_sec += LOCK_WAIT_S;
	lock(db);
	/* All or none at once: no order of locking, so no deadlock. */
	while (!is_free(db, txn) && waited == 0)
		waited = pthread_cond_timedwait(&db->unlocked, &db->lock, &until);
	if (waited != 0) {
		unlock(db);
		free(txn);
		return err_temporary(err, ERR_UNAVAILABLE, "another writer holds the account");
	}
	txn->next = db->txns;
	txn->previous = &db->txns;
	if (txn->next)
		txn->next->previous = &txn->next;
	db->txns = txn;
	unlock(db);
	*ret_txn = txn;
	return 0;
}

/* The lock is held. */
static void end(struct store_txn *txn)
{
	*txn->previous = txn->next;
	if (txn->next)
		txn->next->previous = txn->previous;
	must(pthread_cond_broadcast(&txn->db->unlocked) == 0);
	free(txn);
}

static void memory_abort(struct store_txn *txn)
{
	struct store_db *db = txn->db;
	lock(db);
	end(txn);
	unlock(db);
}

static struct slice blob_key(struct id id, char bytes[BLOB_KEY_LEN], char tag)
{
	bytes[0] = tag;
	memcpy(bytes + 1, id.bytes, ID_SIZE);
	return slice(bytes, BLOB_KEY_LEN);
}

static bool stop_at_first(void *context, struct slice key, struct slice value)
{
	*(bool *)context = true;
	return false;
}

static bool has_refs(const struct tree *version, struct id blob)
{
	char from[BLOB_KEY_LEN], to[BLOB_KEY_LEN];
	bool found = false;
	struct slice first = blob_key(blob, from, STORE_KEY_BLOB_REF);
	memcpy(to, from, BLOB_KEY_LEN);
	size_t len = BLOB_KEY_LEN;
	while ((unsigned char)to[len - 1] == 0xff)
		len--;
	to[len - 1]++;
	(void)tree_scan(version, first, slice(to, len), false, stop_at_first, &found);
	return found;
}

static struct tree *drop_unused(struct tree *version, struct id blob, uint64_t *ret_freed)
{
	char bytes[BLOB_KEY_LEN];
	struct slice key = blob_key(blob, bytes, '!'), body;
	if (has_refs(version, blob) || !tree_get(version, key, &body))
		return version;
	*ret_freed += body.len;
	return tree_delete(version, key);
}

/* Looked at whole before anything is applied, so that no commit is half done. */
static bool is_batch(const struct store_batch *batch)
{
	struct slice rest = buf_slice(&batch->bytes), key, value;
	enum store_op op;
	bool bad = false;
	while (store_batch_next(&rest, &op, &key, &value, &bad))
		;
	return !bad && !batch->bytes.failed && !batch->released.failed;
}

/* With the lock held. Versions that a reader holds stay as they are. */
static void apply(struct store_db *db, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t blob_count)
{
	struct slice rest = buf_slice(&batch->bytes), key, value;
	char bytes[BLOB_KEY_LEN];
	enum store_op op;
	uint64_t freed = 0;
	bool bad;
	for (size_t i = 0; i < blob_count; i++)
		db->now = tree_put(db->now, blob_key(blobs[i].id, bytes, '!'), blobs[i].bytes);
	while (store_batch_next(&rest, &op, &key, &value, &bad))
		db->now =
			op == STORE_PUT ? tree_put(db->now, key, value) : tree_delete(db->now, key);
	for (size_t at = 0; at + ID_SIZE <= batch->released.len; at += ID_SIZE) {
		struct id blob;
		memcpy(blob.bytes, batch->released.data + at, ID_SIZE);
		db->now = drop_unused(db->now, blob, &freed);
	}
	db->figures.commits++;
	db->figures.bytes_written += batch->bytes.len;
}

static int memory_commit(struct store_txn *txn, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t blob_count, struct err *err)
{
	struct store_db *db = txn->db;
	int r = 0;
	if (db->read_only)
		r = err_permanent(err, ERR_DENIED, "the store is open for reading only");
	else if (!is_batch(batch))
		r = err_bug(err, "the batch is no batch");
	lock(db);
	if (r == 0)
		apply(db, batch, blobs, blob_count);
	end(txn);
	unlock(db);
	return r;
}

/* The version that is current now; the caller releases it. */
static struct tree *current(struct store_db *db)
{
	lock(db);
	struct tree *version = tree_hold(db->now);
	unlock(db);
	return version;
}

static int add_bytes(struct buf *to, struct slice bytes, struct err *err)
{
	buf_add_slice(to, bytes);
	return to->failed ? err_temporary(err, ERR_LIMIT, "a value is too large for its buffer")
			  : 0;
}

static int memory_get(struct store_db *db, struct store_txn *txn, struct slice key,
	struct buf *ret_value, struct err *err)
{
	struct tree *version = current(db);
	struct slice value;
	int r = tree_get(version, key, &value) ? add_bytes(ret_value, value, err) : STORE_ABSENT;
	tree_release(version);
	return r;
}

static int memory_scan(struct store_db *db, struct store_txn *txn, struct slice from,
	struct slice to, bool backward,
	bool (*visit)(void *context, struct slice key, struct slice value), void *context,
	struct err *err)
{
	struct tree *version = current(db);
	(void)tree_scan(version, from, to, backward, visit, context);
	tree_release(version);
	return 0;
}

static int memory_blob_read(struct store_db *db, struct id blob, uint64_t offset, uint64_t len,
	struct buf *to, struct err *err)
{
	char bytes[BLOB_KEY_LEN];
	struct tree *version = current(db);
	struct slice body;
	int r = STORE_ABSENT;
	if (tree_get(version, blob_key(blob, bytes, '!'), &body))
		r = add_bytes(to, slice_sub(body, MIN(offset, body.len), MIN(len, body.len)), err);
	tree_release(version);
	return r;
}

static int memory_blob_len(struct store_db *db, struct id blob, uint64_t *ret_len, struct err *err)
{
	char bytes[BLOB_KEY_LEN];
	struct tree *version = current(db);
	struct slice body;
	bool found = tree_get(version, blob_key(blob, bytes, '!'), &body);
	if (found)
		*ret_len = body.len;
	tree_release(version);
	return found ? 0 : STORE_ABSENT;
}

static int memory_backup(struct store_db *db, const char *path, store_progress *progress,
	void *context, struct err *err)
{
	return err_permanent(err, ERR_OTHER, "a store in memory has no backup");
}

struct check {
	const struct tree *version;
	store_report *report;
	void *context;
};

static bool check_ref(void *context, struct slice key, struct slice value)
{
	struct check *c = context;
	char bytes[BLOB_KEY_LEN], text[ID_TEXT_SIZE + 1], object[ID_TEXT_SIZE + 8];
	struct slice body;
	struct id blob;
	if (key.len < BLOB_KEY_LEN)
		return true;
	memcpy(blob.bytes, key.ptr + 1, ID_SIZE);
	if (tree_get(c->version, blob_key(blob, bytes, '!'), &body))
		return true;
	id_to_text(blob, text);
	(void)snprintf(object, sizeof(object), "blob %s", text);
	c->report(c->context,
		&(struct store_finding){true, object, "is referred to and does not exist"});
	return true;
}

static int memory_check(struct store_db *db, store_report *report, store_progress *progress,
	void *context, struct err *err)
{
	struct tree *version = current(db);
	struct check c = {version, report, context};
	char from = STORE_KEY_BLOB_REF, to = STORE_KEY_BLOB_REF + 1;
	(void)tree_scan(version, slice(&from, 1), slice(&to, 1), false, check_ref, &c);
	tree_release(version);
	return 0;
}

struct drop {
	struct tree *next;
	uint64_t freed;
};

static bool drop_blob(void *context, struct slice key, struct slice value)
{
	struct drop *d = context;
	struct id blob;
	if (key.len != BLOB_KEY_LEN)
		return true;
	memcpy(blob.bytes, key.ptr + 1, ID_SIZE);
	d->next = drop_unused(d->next, blob, &d->freed);
	return true;
}

static int memory_compact(struct store_db *db, bool all, store_progress *progress, void *context,
	uint64_t *ret_freed, struct err *err)
{
	char from = '!', to = '!' + 1;
	lock(db);
	struct tree *before = db->now;
	struct drop d = {tree_hold(before), 0};
	(void)tree_scan(before, slice(&from, 1), slice(&to, 1), false, drop_blob, &d);
	db->now = d.next;
	tree_release(before);
	unlock(db);
	*ret_freed = d.freed;
	return 0;
}

static struct store_driver_figures memory_figures(struct store_db *db)
{
	lock(db);
	struct store_driver_figures figures = db->figures;
	unlock(db);
	return figures;
}

const struct store_driver store_driver_memory = {
	.name = "memory",
	.open = memory_open,
	.close = memory_close,
	.begin = memory_begin,
	.abort = memory_abort,
	.commit = memory_commit,
	.get = memory_get,
	.scan = memory_scan,
	.blob_read = memory_blob_read,
	.blob_len = memory_blob_len,
	.backup = memory_backup,
	.check = memory_check,
	.compact = memory_compact,
	.figures = memory_figures,
};
