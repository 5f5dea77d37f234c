/* The mirror's inside, for driver.c (what a store calls) and commit.c (how a write is committed).
 */
#ifndef MIRROR_DRIVER_INTERNAL_H
#define MIRROR_DRIVER_INTERNAL_H

#include "mirror/alone.h"
#include "mirror/gate.h"
#include "mirror/mirror.h"

struct store_db {
	const struct store_driver *inner;
	struct store_db *db;
	const struct mirror_peer_ops *peer;
	void *peer_context;
	struct mirror_leases leases;
	struct mirror_gate gate;
	struct store *store; /* that lies on it */
	atomic_bool paired, linked;
	atomic_bool refuses_alone; /* ack = both-or-tempfail */
	_Atomic mirror_time clock; /* the last one given out */
	atomic_uint_least64_t shipped, applied, differing, alone, ship_ns;
};

struct store_txn {
	struct store_db *mirror;
	struct store_txn *inner;
	size_t count;
	struct id *accounts; /* sorted, each once */
	bool *apart;         /* of each */
};

/* Later than all before, and never the other node's. */
mirror_time mirror_next_time(struct store_db *m);
/* The inner transaction is over then; leases are still held. */
int mirror_commit_write(
	struct store_txn *txn, const struct mirror_commit *commit, struct err *err) WARN_UNUSED;

/* Of a commit, what concerns some of its accounts: they go with their rows, and with the blobs that
 * these refer to. */
struct mirror_share {
	struct mirror_commit commit; /* points into the commit that it was taken from */
	struct store_batch batch;
	struct store_new_blob *blobs;
};
void mirror_share_take(struct mirror_share *share, const struct mirror_commit *from,
	const struct id *accounts, size_t count);
void mirror_share_free(struct mirror_share *share);

#endif
