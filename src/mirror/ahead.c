/* ack = one: a write that is answered when this disk has it, while it is on its way to the other
 * one.
 *
 * Its accounts' leases stay held until both have it, so all that is promised of a lease holds: it
 * moves to the other node with everything that was committed before, and an account has one commit
 * under way at most. The next writer to the account waits for that; other accounts go on. Who would
 * have too much under way waits for both disks like anybody else. */
#include "mirror/driver_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

enum { AHEAD_MAX = 64 << 20 }; /* bytes that are answered and not on the other disk */

/* Over when both disks have said what became of it. */
struct ahead {
	struct mirror_shipment shipment;
	struct store_txn *txn;
	atomic_uint left; /* disks */
	int64_t since;
	uint64_t bodies, bytes;
	int r; /* of this disk, as the next */
	struct err err;
};

bool mirror_may_go_ahead(const struct store_txn *txn, const struct mirror_commit *commit)
{
	struct store_db *m = txn->mirror;
	if (!atomic_load(&m->answers_ahead) || !atomic_load(&m->paired) || !atomic_load(&m->linked))
		return false;
	for (size_t i = 0; i < txn->count; i++)
		if (txn->apart[i])
			return false;
	return atomic_load(&m->ahead_bytes) < AHEAD_MAX;
}

static void count(struct store_db *m, const struct ahead *ahead, bool begins)
{
	uint64_t sign = begins ? 1 : UINT64_MAX; /* minus one */
	(void)atomic_fetch_add(&m->ahead, sign);
	(void)atomic_fetch_add(&m->ahead_bodies, sign * ahead->bodies);
	(void)atomic_fetch_add(&m->ahead_bytes, sign * ahead->bytes);
}

/* Of one disk; the second one ends it. */
static void finish(struct ahead *ahead)
{
	if (atomic_fetch_sub(&ahead->left, 1) != 1)
		return;
	struct store_txn *txn = ahead->txn;
	struct store_db *m = txn->mirror;
	count(m, ahead, false);
	if (ahead->shipment.lost && ahead->r == 0)
		(void)atomic_fetch_add(&m->alone, 1);
	mirror_commit_judge(m, &ahead->shipment, ahead->since, ahead->r, &ahead->err);
	mirror_commit_doubt(m, txn->accounts, txn->count, ahead->r, &ahead->shipment);
	mirror_txn_end(txn);
	free(ahead);
}

static void over(struct mirror_shipment *shipment)
{
	finish(CONTAINER_OF(shipment, struct ahead, shipment));
}

int mirror_commit_ahead(struct store_txn *txn, const struct mirror_commit *commit, struct err *err)
{
	struct store_db *m = txn->mirror;
	struct ahead *ahead = ALLOC(struct ahead);
	ahead->shipment = (struct mirror_shipment){.rc = -1, .over = over};
	ahead->txn = txn;
	atomic_init(&ahead->left, 2);
	ahead->since = clock_mono_ns();
	ahead->bodies = commit->blob_count;
	ahead->bytes = commit->batch->bytes.len;
	for (size_t i = 0; i < commit->blob_count; i++)
		ahead->bytes += commit->blobs[i].bytes.len;
	count(m, ahead, true);
	m->peer->ship(m->peer_context, commit, &ahead->shipment);
	int r = m->inner->commit(txn->inner, commit->batch, commit->blobs, commit->blob_count, err);
	ahead->r = r;
	if (r < 0)
		ahead->err = *err;
	finish(ahead);
	return r;
}
