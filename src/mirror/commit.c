/* How a write is committed: on both disks at once, or here alone with what merging will need to
 * know; or, when only some of its accounts are apart, both. And commits of the other node. */
#include "mirror/driver_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

mirror_time mirror_next_time(struct store_db *m)
{
	mirror_time wall = (mirror_time)clock_wall_ms() << 16, last = atomic_load(&m->clock), next;
	do {
		next = MAX(wall, last + 2) / 2 * 2 + m->leases.is_first;
	} while (!atomic_compare_exchange_weak(&m->clock, &last, next));
	return next;
}

static int commit_here(struct store_txn *txn, const struct mirror_commit *commit,
	const struct store_batch *batch, struct err *err)
{
	return txn->mirror->inner->commit(
		txn->inner, batch, commit->blobs, commit->blob_count, err);
}

/* With notes about `accounts`. */
static int commit_noted(struct store_txn *txn, const struct mirror_commit *commit,
	const struct id *accounts, size_t count, struct err *err)
{
	struct store_db *m = txn->mirror;
	struct store_batch both;
	store_batch_init(&both);
	buf_add_slice(&both.bytes, buf_slice(&commit->batch->bytes));
	buf_add_slice(&both.released, buf_slice(&commit->batch->released));
	int r = mirror_alone_note(m->inner, m->db, txn->inner, accounts, count, commit->batch,
		mirror_next_time(m), &both, err);
	if (r < 0)
		m->inner->abort(txn->inner);
	else
		r = commit_here(txn, commit, &both, err);
	store_batch_free(&both);
	if (r == 0)
		(void)atomic_fetch_add(&m->alone, 1);
	return r;
}

void mirror_shipment_tell(struct mirror_shipment *shipment)
{
	if (shipment->over)
		shipment->over(shipment);
	else
		wait_done(&shipment->done);
}

/* What only one of them took is told apart when the two meet again. */
void mirror_commit_judge(struct store_db *m, const struct mirror_shipment *shipment, int64_t since,
	int r, const struct err *err)
{
	(void)atomic_fetch_add(&m->shipped, 1);
	(void)atomic_fetch_add(&m->ship_ns, (uint64_t)(clock_mono_ns() - since));
	if ((r == 0) == (shipment->rc == 0))
		return;
	(void)atomic_fetch_add(&m->differing, 1);
	if (!shipment->lost)
		m->peer->differ(m->peer_context, r < 0 ? err : &shipment->err);
}

/* Waits for the other disk; `r` is what ours said. */
static int both_done(struct store_db *m, struct mirror_shipment *shipment, int64_t since, int r,
	const struct err *err)
{
	wait_for(&shipment->done);
	mirror_commit_judge(m, shipment, since, r, err);
	return r;
}

/* Both disks, always: what only this one has is not acknowledged. */
static int one_only(
	struct store_db *m, int r, const struct mirror_shipment *shipment, struct err *err)
{
	if (r != 0 || shipment->rc == 0 || !atomic_load(&m->refuses_alone))
		return r;
	(void)err_temporary(err, ERR_UNAVAILABLE, "the other node may not have it");
	return STORE_UNCERTAIN;
}

void mirror_commit_doubt(struct store_db *m, const struct id *accounts, size_t count, int r,
	const struct mirror_shipment *shipment)
{
	for (size_t i = 0; r < 0 && (shipment->rc == 0 || shipment->lost) && i < count; i++)
		mirror_lease_doubt(&m->leases, accounts[i]);
}

static int commit_both(struct store_txn *txn, const struct mirror_commit *commit, struct err *err)
{
	struct store_db *m = txn->mirror;
	struct mirror_shipment shipment = {.rc = -1};
	int64_t since = clock_mono_ns();
	m->peer->ship(m->peer_context, commit, &shipment);
	int r = commit_here(txn, commit, commit->batch, err);
	r = both_done(m, &shipment, since, r, err);
	mirror_commit_doubt(m, commit->accounts, commit->account_count, r, &shipment);
	return one_only(m, r, &shipment, err);
}

/* Some accounts are linked, some apart. */
static int commit_mixed(struct store_txn *txn, const struct mirror_commit *commit,
	const struct id *linked, size_t linked_count, const struct id *apart, size_t apart_count,
	struct err *err)
{
	struct store_db *m = txn->mirror;
	struct mirror_shipment shipment = {.rc = -1};
	struct mirror_share share;
	int64_t since = clock_mono_ns();
	mirror_share_take(&share, commit, linked, linked_count);
	m->peer->ship(m->peer_context, &share.commit, &shipment);
	int r = commit_noted(txn, commit, apart, apart_count, err);
	r = both_done(m, &shipment, since, r, err);
	mirror_commit_doubt(m, linked, linked_count, r, &shipment);
	mirror_share_free(&share);
	return r;
}

static int commit_and_wait(
	struct store_txn *txn, const struct mirror_commit *commit, struct err *err)
{
	struct store_db *m = txn->mirror;
	bool all_apart = !atomic_load(&m->linked);
	size_t linked_count = 0, apart_count = 0;
	if (!atomic_load(&m->paired))
		return commit_here(txn, commit, commit->batch, err);
	if (all_apart && atomic_load(&m->refuses_alone)) {
		m->inner->abort(txn->inner);
		return err_temporary(err, ERR_UNAVAILABLE, "the other node is not there");
	}
	if (all_apart)
		return commit_noted(txn, commit, txn->accounts, txn->count, err);
	struct id *linked = alloc_zero(2 * txn->count + 1, sizeof(*linked));
	struct id *apart = linked + txn->count;
	for (size_t i = 0; i < txn->count; i++)
		if (txn->apart[i])
			apart[apart_count++] = txn->accounts[i];
		else
			linked[linked_count++] = txn->accounts[i];
	if (apart_count > 0 && atomic_load(&m->refuses_alone)) {
		m->inner->abort(txn->inner);
		free(linked);
		return err_temporary(err, ERR_UNAVAILABLE, "the two nodes are being merged");
	}
	int r = apart_count == 0 ? commit_both(txn, commit, err)
		: linked_count == 0
			? commit_noted(txn, commit, apart, apart_count, err)
			: commit_mixed(txn, commit, linked, linked_count, apart, apart_count, err);
	free(linked);
	return r;
}

int mirror_commit_write(struct store_txn *txn, const struct mirror_commit *commit, struct err *err)
{
	if (mirror_may_go_ahead(txn, commit))
		return mirror_commit_ahead(txn, commit, err);
	for (size_t i = 0; i < txn->count; i++)
		if (!txn->apart[i])
			mirror_lease_commits(&txn->mirror->leases, txn->accounts[i]);
	int r = commit_and_wait(txn, commit, err);
	mirror_txn_end(txn);
	return r;
}

struct linking {
	struct mirror_leases *leases;
	uint64_t epoch;
};

static bool is_still_linked(void *context)
{
	const struct linking *linking = context;
	return atomic_load(&linking->leases->epoch) == linking->epoch;
}

int mirror_apply(struct mirror *mirror, uint64_t linking, const struct mirror_commit *commit,
	struct err *err)
{
	struct store_db *m = (struct store_db *)mirror;
	struct linking still = {&m->leases, linking};
	struct store_apply apply = {.accounts = commit->accounts,
		.account_count = commit->account_count,
		.batch = commit->batch,
		.blobs = commit->blobs,
		.blob_count = commit->blob_count,
		.may = is_still_linked,
		.context = &still};
	int r = store_apply(m->store, m->inner, m->db, &apply, err);
	if (r == 0)
		(void)atomic_fetch_add(&m->applied, MAX(commit->joined, (size_t)1));
	return r;
}
