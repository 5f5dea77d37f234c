/* The driver around a driver: begin takes leases, then the inner locks; commit goes to both disks
 * at once. Everything else is the inner driver's. */
#include "mirror/driver_internal.h"
#include "mirror/mend.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"

enum {
	WAIT_MS = 30 * 1000, /* for gate and leases, as long as a driver waits for locks */
	SKIPPED = 1024,      /* change numbers and UIDs, when an account is taken over */
};

/* A mirror is its store's database. */
static struct store_db *db_of(struct mirror *mirror)
{
	return (struct store_db *)mirror;
}

struct store_db *mirror_db(struct mirror *mirror)
{
	return db_of(mirror);
}

struct store_db *mirror_inner_db(struct store_db *db)
{
	return db->db;
}

struct mirror_leases *mirror_leases(struct mirror *mirror)
{
	return &db_of(mirror)->leases;
}

int mirror_open(const struct mirror_options *options, struct mirror **ret_mirror, struct err *err)
{
	struct store_db *m = ALLOC(struct store_db);
	m->inner = options->inner;
	m->peer = options->peer;
	m->peer_context = options->peer_context;
	int r = m->inner->open(&options->inner_options, &m->db, err);
	if (r == 0 && (r = mirror_mend_format(m, err)) < 0)
		m->inner->close(m->db);
	if (r < 0) {
		free(m);
		return r;
	}
	mirror_leases_init(&m->leases, &m->peer->lease, m->peer_context);
	mirror_gate_init(&m->gate);
	*ret_mirror = (struct mirror *)m;
	return 0;
}

static int driver_open(
	const struct store_driver_options *options, struct store_db **ret_db, struct err *err)
{
	return err_bug(err, "a mirror is opened by mirror_open()");
}

static void driver_close(struct store_db *m)
{
	m->inner->close(m->db);
	mirror_leases_deinit(&m->leases);
	mirror_gate_deinit(&m->gate);
	free(m);
}

static int by_id(const void *a, const void *b)
{
	return id_cmp(*(const struct id *)a, *(const struct id *)b);
}

static struct store_txn *new_txn(struct store_db *m, const struct id *accounts, size_t count)
{
	struct store_txn *txn = alloc_zero(
		1, sizeof(*txn) + count * (sizeof(*txn->accounts) + sizeof(*txn->apart)));
	txn->mirror = m;
	txn->accounts = (struct id *)(txn + 1);
	txn->apart = (bool *)(txn->accounts + count);
	if (count > 0)
		memcpy(txn->accounts, accounts, count * sizeof(*accounts));
	qsort(txn->accounts, count, sizeof(*accounts), by_id);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || !id_eq(txn->accounts[i], txn->accounts[i - 1]))
			txn->accounts[txn->count++] = txn->accounts[i];
	return txn;
}

static void drop_leases(struct store_txn *txn, size_t count)
{
	while (count-- > 0)
		mirror_lease_drop(&txn->mirror->leases, txn->accounts[count]);
}

void mirror_txn_end(struct store_txn *txn)
{
	drop_leases(txn, txn->count);
	mirror_gate_leave(&txn->mirror->gate);
	free(txn);
}

struct noting {
	struct store_db *m;
	struct id account;
};

static int note_skip(void *context, struct store_txn *txn, const struct store_batch *rows,
	struct store_batch *to, struct err *err)
{
	const struct noting *n = context;
	return mirror_alone_note(
		n->m->inner, n->m->db, txn, &n->account, 1, rows, mirror_next_time(n->m), to, err);
}

/* The other node may have given out numbers that we never heard of, and shown them to somebody.
 * What is noted are the rows as they were before, so that a merge knows what this node knew. */
static int take_over(struct store_db *m, struct id account, struct err *err)
{
	struct noting noting = {m, account};
	struct store_skip skip = {.account = account,
		.changes = SKIPPED,
		.numbers = SKIPPED,
		.note = note_skip,
		.context = &noting};
	if (!m->store || !atomic_load(&m->paired))
		return 0;
	return store_skip(m->store, m->inner, m->db, &skip, err);
}

static int take_leases(struct store_txn *txn, int64_t deadline, struct err *err)
{
	struct store_db *m = txn->mirror;
	for (size_t i = 0; i < txn->count; i++) {
		enum mirror_lease_way way;
		int r = mirror_lease_take(&m->leases, txn->accounts[i], deadline, &way, err);
		if (r < 0) {
			drop_leases(txn, i);
			return r;
		}
		txn->apart[i] = way != MIRROR_LEASE_LINKED;
		if (way == MIRROR_LEASE_TAKEN_OVER &&
			(r = take_over(m, txn->accounts[i], err)) < 0) {
			mirror_lease_untake(&m->leases, txn->accounts[i]);
			drop_leases(txn, i + 1);
			return r;
		}
	}
	return 0;
}

static int driver_begin(struct store_db *m, const struct id *accounts, size_t count,
	struct store_txn **ret_txn, struct err *err)
{
	int64_t deadline = clock_mono_ms() + WAIT_MS;
	for (size_t i = 0; i < count; i++) /* before it holds anything */
		mirror_await_settled(m, accounts[i]);
	if (!mirror_gate_enter(&m->gate, deadline))
		return err_temporary(err, ERR_UNAVAILABLE, "the two nodes are being compared");
	if (atomic_load(&m->refuses_alone) && !atomic_load(&m->linked)) {
		mirror_gate_leave(&m->gate);
		return err_temporary(err, ERR_UNAVAILABLE, "the other node is not there");
	}
	struct store_txn *txn = new_txn(m, accounts, count);
	int r = take_leases(txn, deadline, err);
	if (r < 0) {
		mirror_gate_leave(&m->gate);
		free(txn);
		return r;
	}
	r = m->inner->begin(m->db, txn->accounts, txn->count, &txn->inner, err);
	if (r < 0)
		mirror_txn_end(txn);
	else
		*ret_txn = txn;
	return r;
}

static void driver_abort(struct store_txn *txn)
{
	txn->mirror->inner->abort(txn->inner);
	mirror_txn_end(txn);
}

static int driver_commit(struct store_txn *txn, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t blob_count, struct err *err)
{
	struct mirror_commit commit = {txn->accounts, txn->count, batch, blobs, blob_count};
	return mirror_commit_write(txn, &commit, err);
}

static struct store_txn *inner_of(struct store_txn *txn)
{
	return txn ? txn->inner : NULL;
}

static int judge(struct store_db *m, int r, const struct err *err)
{
	if (r < 0 && err && err->kind == ERR_DAMAGED)
		atomic_store(&m->hurt, true);
	return r;
}

static int driver_get(struct store_db *m, struct store_txn *txn, struct slice key,
	struct buf *ret_value, struct err *err)
{
	return judge(m, m->inner->get(m->db, inner_of(txn), key, ret_value, err), err);
}

static int driver_scan(struct store_db *m, struct store_txn *txn, struct slice from,
	struct slice to, bool backward,
	bool (*visit)(void *context, struct slice key, struct slice value), void *context,
	struct err *err)
{
	int r = m->inner->scan(m->db, inner_of(txn), from, to, backward, visit, context, err);
	return judge(m, r, err);
}

static int driver_blob_read(struct store_db *m, struct id blob, uint64_t offset, uint64_t len,
	struct buf *to, struct err *err)
{
	int r = m->inner->blob_read(m->db, blob, offset, len, to, err);
	struct err of_place = {0};
	uint64_t all;
	/* The body itself, or the row that says where it lies? */
	if (r < 0 && err && err->kind == ERR_DAMAGED)
		(void)judge(m, m->inner->blob_len(m->db, blob, &all, &of_place), &of_place);
	return r;
}

static int driver_blob_len(struct store_db *m, struct id blob, uint64_t *ret_len, struct err *err)
{
	return judge(m, m->inner->blob_len(m->db, blob, ret_len, err), err);
}

static int driver_backup(struct store_db *m, const char *path, store_progress *progress,
	void *context, struct err *err)
{
	return m->inner->backup(m->db, path, progress, context, err);
}

static int driver_check(struct store_db *m, store_report *report, store_progress *progress,
	void *context, struct err *err)
{
	return m->inner->check(m->db, report, progress, context, err);
}

static int driver_compact(struct store_db *m, bool all, store_progress *progress, void *context,
	uint64_t *ret_freed, struct err *err)
{
	return m->inner->compact(m->db, all, progress, context, ret_freed, err);
}

static struct store_driver_figures driver_figures(struct store_db *m)
{
	return m->inner->figures(m->db);
}

/* Apart, the first node gives out even numbers and the second one odd ones: no client sees two
 * messages under one UID, whatever nodes it talks to meanwhile. */
static int driver_number_parity(struct store_txn *txn, struct id account)
{
	struct store_db *m = txn->mirror;
	if (!atomic_load(&m->paired))
		return -1;
	for (size_t i = 0; i < txn->count; i++)
		if (id_eq(txn->accounts[i], account) && !txn->apart[i])
			return -1;
	return atomic_load(&m->leases.is_first) ? 0 : 1;
}

const struct store_driver mirror_driver = {
	.name = "mirror",
	.open = driver_open,
	.close = driver_close,
	.begin = driver_begin,
	.abort = driver_abort,
	.commit = driver_commit,
	.get = driver_get,
	.scan = driver_scan,
	.blob_read = driver_blob_read,
	.blob_len = driver_blob_len,
	.backup = driver_backup,
	.check = driver_check,
	.compact = driver_compact,
	.figures = driver_figures,
	.number_parity = driver_number_parity,
	.catch_up = mirror_catch_up,
};

void mirror_attach(struct mirror *mirror, struct store *store)
{
	db_of(mirror)->store = store;
}

int mirror_hold_account(struct mirror *mirror, struct id account, int64_t deadline, bool *ret_apart,
	struct err *err)
{
	struct store_db *m = db_of(mirror);
	enum mirror_lease_way way;
	if (!mirror_gate_enter(&m->gate, deadline))
		return err_temporary(err, ERR_UNAVAILABLE, "the two nodes are being compared");
	int r = mirror_lease_take(&m->leases, account, deadline, &way, err);
	if (r < 0) {
		mirror_gate_leave(&m->gate);
		return r;
	}
	if (way == MIRROR_LEASE_TAKEN_OVER)
		mirror_lease_untake(&m->leases, account);
	*ret_apart = way != MIRROR_LEASE_LINKED;
	return 0;
}

void mirror_drop_account(struct mirror *mirror, struct id account)
{
	mirror_lease_drop(&db_of(mirror)->leases, account);
	mirror_gate_leave(&db_of(mirror)->gate);
}

void mirror_hold_writes(struct mirror *mirror)
{
	mirror_gate_shut(&db_of(mirror)->gate);
}

void mirror_let_write(struct mirror *mirror)
{
	mirror_gate_open(&db_of(mirror)->gate);
}

void mirror_pair(struct mirror *mirror, bool is_first)
{
	mirror_leases_set_side(&db_of(mirror)->leases, is_first);
	atomic_store(&db_of(mirror)->paired, true);
}

bool mirror_is_first(struct mirror *mirror)
{
	return atomic_load(&db_of(mirror)->leases.is_first);
}

void mirror_unpair(struct mirror *mirror)
{
	atomic_store(&db_of(mirror)->paired, false);
}

void mirror_refuse_alone(struct mirror *mirror, bool refuse)
{
	atomic_store(&db_of(mirror)->refuses_alone, refuse);
}

void mirror_answer_ahead(struct mirror *mirror, bool ahead)
{
	atomic_store(&db_of(mirror)->answers_ahead, ahead);
}

uint64_t mirror_linked(struct mirror *mirror, const struct id *apart, size_t count)
{
	atomic_store(&db_of(mirror)->linked_ms, clock_mono_ms());
	uint64_t linking = mirror_leases_linked(&db_of(mirror)->leases, apart, count);
	atomic_store(&db_of(mirror)->linked, true);
	return linking;
}

void mirror_alone(struct mirror *mirror)
{
	atomic_store(&db_of(mirror)->linked, false);
	mirror_leases_alone(&db_of(mirror)->leases);
}

struct mirror_commits mirror_commits(struct mirror *mirror)
{
	const struct store_db *m = db_of(mirror);
	return (struct mirror_commits){
		.shipped = atomic_load(&m->shipped),
		.applied = atomic_load(&m->applied),
		.differing = atomic_load(&m->differing),
		.alone = atomic_load(&m->alone),
		.ahead = atomic_load(&m->ahead),
		.ahead_bodies = atomic_load(&m->ahead_bodies),
		.ahead_bytes = atomic_load(&m->ahead_bytes),
	};
}

struct mirror_figures mirror_figures(struct mirror *mirror)
{
	struct store_db *m = db_of(mirror);
	return (struct mirror_figures){
		.linked = atomic_load(&m->linked),
		.leases = mirror_leases_count(&m->leases),
		.commits = mirror_commits(mirror),
		.ship_ns = atomic_load(&m->ship_ns),
	};
}
