/* A commit is visible from one moment on, which lies between two random times: before it a crash
 * may or may not let it through, afterwards it is durable though nobody was told yet. */
#include "mirror/sim/disk.h"

#include "mirror/sim/lie.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/wait.h"
#include "store/key.h"
#include "store/row.h"

enum { LOCK_WAIT_MS = 30 * 1000, PATH_SIZE = 16 };

struct sim_disk {
	char path[PATH_SIZE];
	struct sim *sim;
	struct store_db *inner;
	struct store_txn *held, *waiting, **last; /* locks */
	struct store_db *db;                      /* of the process that has it open */
	bool full, refuses_locks;
	int64_t refused_until; /* in its own opinion, virtual time */
	int64_t slow_before, slow_after;
	unsigned slow_reads;
	struct store_batch undo; /* of the last commit; when it forgets */
};

struct store_db {
	struct sim_disk *disk;
	bool dead; /* with its process */
};

struct store_txn {
	struct store_db *db;
	struct store_txn *next;
	struct wait granted;
	bool is_held, failed;
	/* While it is committed: what, and whether it was decided already. */
	const struct store_batch *batch;
	const struct store_new_blob *blobs;
	size_t blob_count;
	bool decided;
	size_t count;
	struct id accounts[];
};

static const struct store_driver *const INNER = &store_driver_memory;

static int is_dead(struct err *err)
{
	return err_temporary(err, ERR_UNAVAILABLE, "this process is dead");
}

static void put_down(struct sim_disk *disk, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t blob_count)
{
	struct store_txn *inner;
	struct err err;
	int r = INNER->begin(disk->inner, NULL, 0, &inner, &err);
	must(r == 0);
	r = INNER->commit(inner, batch, blobs, blob_count, &err);
	must(r == 0);
}

/* A node that refuses to write alone is not one that begins with an empty disk. */
static void write_format(struct sim_disk *disk)
{
	const char version = ROW_VERSION;
	struct store_batch batch;
	struct key key;
	key_of_tag(&key, KEY_FORMAT);
	store_batch_init(&batch);
	store_batch_put(&batch, key_slice(&key), slice(&version, 1));
	put_down(disk, &batch, NULL, 0);
	store_batch_free(&batch);
}

struct sim_disk *sim_disk_new(struct sim *sim, unsigned number)
{
	struct sim_disk *disk = ALLOC(struct sim_disk);
	struct store_driver_options options = {0};
	struct err err;
	(void)snprintf(disk->path, PATH_SIZE, "disk %u", number);
	disk->sim = sim;
	disk->last = &disk->waiting;
	disk->slow_before = 1 + (int64_t)sim_small(sim->sched, 12);
	disk->slow_after = 1 + (int64_t)sim_small(sim->sched, 6);
	disk->slow_reads = 20 + (unsigned)sim_random(sim->sched, 500);
	store_batch_init(&disk->undo);
	int r = INNER->open(&options, &disk->inner, &err);
	must(r == 0);
	if (sim->always_both || sim_once_in(sim->sched, 2))
		write_format(disk);
	return disk;
}

void sim_disk_free(struct sim_disk *disk)
{
	must(!disk->db);
	INNER->close(disk->inner);
	store_batch_free(&disk->undo);
	free(disk);
}

const char *sim_disk_path(const struct sim_disk *disk)
{
	return disk->path;
}

struct store_db *sim_disk_inner(struct sim_disk *disk, const struct store_driver **ret_driver)
{
	*ret_driver = INNER;
	return disk->inner;
}

static int disk_open(
	const struct store_driver_options *options, struct store_db **ret_db, struct err *err)
{
	struct sim_disk *disk = (struct sim_disk *)options->path; /* it begins with it */
	_Static_assert(offsetof(struct sim_disk, path) == 0, "the path leads to the disk");
	must(!disk->db);
	disk->db = ALLOC(struct store_db);
	disk->db->disk = disk;
	disk->refused_until = 0;
	*ret_db = disk->db;
	return 0;
}

static void disk_close(struct store_db *db)
{
	must(!db->disk->held && !db->disk->waiting);
	db->disk->db = NULL;
	free(db);
}

/* Reading takes time now and then. */
static void pass_time(struct sim_disk *disk)
{
	struct sim_sched *sched = disk->sim->sched;
	if (sim_is_frozen(sched))
		return;
	if (sim_once_in(sched, disk->slow_reads))
		sim_sleep(sched, 1 + (int64_t)sim_small(sched, 10));
	else
		sim_maybe_switch(sched);
}

static bool is_locked(const struct store_txn *txn, struct id account)
{
	for (size_t i = 0; i < txn->count; i++)
		if (id_eq(txn->accounts[i], account))
			return true;
	return false;
}

static bool is_free(const struct sim_disk *disk, const struct store_txn *wanted)
{
	for (const struct store_txn *t = disk->held; t; t = t->next)
		for (size_t i = 0; i < wanted->count; i++)
			if (is_locked(t, wanted->accounts[i]))
				return false;
	return true;
}

static void hold(struct sim_disk *disk, struct store_txn *txn)
{
	txn->is_held = true;
	txn->next = disk->held;
	disk->held = txn;
}

static void take_out(struct store_txn **list, struct store_txn *txn)
{
	while (*list != txn)
		list = &(*list)->next;
	*list = txn->next;
}

static void leave_queue(struct sim_disk *disk, struct store_txn *txn)
{
	take_out(&disk->waiting, txn);
	disk->last = &disk->waiting;
	while (*disk->last)
		disk->last = &(*disk->last)->next;
}

/* Those who wait and need not any more. */
static void grant(struct sim_disk *disk)
{
	struct store_txn *t = disk->waiting, *next;
	for (; t; t = next) {
		next = t->next;
		if (!t->db->dead && !is_free(disk, t))
			continue;
		leave_queue(disk, t);
		t->failed = t->db->dead;
		if (!t->failed)
			hold(disk, t);
		wait_done(&t->granted);
	}
}

static void end(struct store_txn *txn)
{
	struct sim_disk *disk = txn->db->disk;
	take_out(&disk->held, txn);
	free(txn);
	grant(disk);
}

static int wait_for_locks(struct sim_disk *disk, struct store_txn *txn, struct err *err)
{
	txn->next = NULL;
	*disk->last = txn;
	disk->last = &txn->next;
	bool granted = wait_until(&txn->granted, clock_mono_ms() + LOCK_WAIT_MS);
	if (txn->is_held)
		return 0;
	if (!granted && !txn->failed)
		leave_queue(disk, txn);
	return txn->failed
		       ? is_dead(err)
		       : err_temporary(err, ERR_UNAVAILABLE, "another writer holds the account");
}

static int refuse(struct sim_disk *disk, struct err *err)
{
	struct sim_sched *sched = disk->sim->sched;
	disk->refused_until = sim_now(sched) + (int64_t)sim_small(sched, 3000);
	return err_temporary(err, ERR_LIMIT, "the disk is full");
}

static int disk_begin(struct store_db *db, const struct id *accounts, size_t count,
	struct store_txn **ret_txn, struct err *err)
{
	struct sim_disk *disk = db->disk;
	pass_time(disk);
	if (db->dead)
		return is_dead(err);
	if (disk->full && disk->refuses_locks)
		return refuse(disk, err);
	struct store_txn *txn = alloc_zero(1, sizeof(*txn) + count * sizeof(txn->accounts[0]));
	txn->db = db;
	txn->count = count;
	if (count > 0)
		memcpy(txn->accounts, accounts, count * sizeof(*accounts));
	if (is_free(disk, txn)) {
		hold(disk, txn);
	} else if (wait_for_locks(disk, txn, err) < 0) {
		free(txn);
		return -1;
	}
	*ret_txn = txn;
	return 0;
}

static void disk_abort(struct store_txn *txn)
{
	end(txn);
}

/* It is on the disk from here on. */
static void apply(struct sim_disk *disk, const struct store_txn *txn)
{
	struct sim *sim = disk->sim;
	struct store_batch without;
	if (sim_lie_drops(sim, INNER, disk->inner, txn->batch))
		return;
	if (sim->lie == SIM_FORGETS)
		sim_lie_undo(INNER, disk->inner, txn->batch, &disk->undo);
	if (sim->lie != SIM_NO_NOTES) {
		put_down(disk, txn->batch, txn->blobs, txn->blob_count);
		return;
	}
	store_batch_init(&without);
	sim_lie_leave_out_notes(txn->batch, &without);
	put_down(disk, &without, txn->blobs, txn->blob_count);
	store_batch_free(&without);
}

/* Time in which the process may die. */
static void take_time(struct sim_disk *disk, int64_t most)
{
	struct sim_sched *sched = disk->sim->sched;
	if (!sim_is_frozen(sched))
		sim_sleep(sched, (int64_t)sim_small(sched, (uint64_t)most));
}

static int commit(struct store_txn *txn, struct err *err)
{
	struct store_db *db = txn->db;
	struct sim_disk *disk = db->disk;
	if (db->dead)
		return is_dead(err);
	take_time(disk, disk->slow_before);
	if (!txn->decided && !db->dead && disk->full)
		return refuse(disk, err);
	if (!txn->decided)
		apply(disk, txn);
	txn->decided = true;
	take_time(disk, disk->slow_after);
	return db->dead ? is_dead(err) : 0;
}

static int disk_commit(struct store_txn *txn, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t blob_count, struct err *err)
{
	txn->batch = batch;
	txn->blobs = blobs;
	txn->blob_count = blob_count;
	int r = commit(txn, err);
	end(txn);
	return r;
}

void sim_disk_crash(struct sim_disk *disk)
{
	struct sim_sched *sched = disk->sim->sched;
	disk->db->dead = true;
	for (struct store_txn *t = disk->held; t; t = t->next) {
		if (t->batch && !t->decided && !disk->full && sim_once_in(sched, 2))
			apply(disk, t);
		t->decided = true;
	}
	if (disk->sim->lie == SIM_FORGETS && disk->undo.bytes.len > 0)
		put_down(disk, &disk->undo, NULL, 0);
	grant(disk);
}

void sim_disk_fill(struct sim_disk *disk, bool full)
{
	disk->full = full;
	disk->refuses_locks = full && sim_once_in(disk->sim->sched, 4);
}

static int disk_get(struct store_db *db, struct store_txn *txn, struct slice key,
	struct buf *ret_value, struct err *err)
{
	pass_time(db->disk);
	return db->dead ? is_dead(err) : INNER->get(db->disk->inner, NULL, key, ret_value, err);
}

static int disk_scan(struct store_db *db, struct store_txn *txn, struct slice from, struct slice to,
	bool backward, bool (*visit)(void *context, struct slice key, struct slice value),
	void *context, struct err *err)
{
	pass_time(db->disk);
	if (db->dead)
		return is_dead(err);
	return INNER->scan(db->disk->inner, NULL, from, to, backward, visit, context, err);
}

static int disk_blob_read(struct store_db *db, struct id blob, uint64_t offset, uint64_t len,
	struct buf *to, struct err *err)
{
	pass_time(db->disk);
	if (db->dead)
		return is_dead(err);
	return INNER->blob_read(db->disk->inner, blob, offset, len, to, err);
}

static int disk_blob_len(struct store_db *db, struct id blob, uint64_t *ret_len, struct err *err)
{
	pass_time(db->disk);
	return db->dead ? is_dead(err) : INNER->blob_len(db->disk->inner, blob, ret_len, err);
}

static int disk_backup(struct store_db *db, const char *path, store_progress *progress,
	void *context, struct err *err)
{
	return err_permanent(err, ERR_OTHER, "nobody backs this up");
}

static int disk_check(struct store_db *db, store_report *report, store_progress *progress,
	void *context, struct err *err)
{
	if (db->dead)
		return is_dead(err);
	return INNER->check(db->disk->inner, report, progress, context, err);
}

static int disk_compact(struct store_db *db, bool all, store_progress *progress, void *context,
	uint64_t *ret_freed, struct err *err)
{
	pass_time(db->disk);
	if (db->dead)
		return is_dead(err);
	return INNER->compact(db->disk->inner, all, progress, context, ret_freed, err);
}

static struct store_driver_figures disk_figures(struct store_db *db)
{
	struct store_driver_figures figures = INNER->figures(db->disk->inner);
	figures.failed = sim_now(db->disk->sim->sched) < db->disk->refused_until;
	return figures;
}

const struct store_driver sim_disk_driver = {
	.name = "simulation",
	.open = disk_open,
	.close = disk_close,
	.begin = disk_begin,
	.abort = disk_abort,
	.commit = disk_commit,
	.get = disk_get,
	.scan = disk_scan,
	.blob_read = disk_blob_read,
	.blob_len = disk_blob_len,
	.backup = disk_backup,
	.check = disk_check,
	.compact = disk_compact,
	.figures = disk_figures,
};
