/* The mirror's inside, for driver.c (what a store calls), commit.c (how a write is committed) and
 * ahead.c (what is answered before the other disk has it), behind.c (accounts of which the other
 * node has more). */
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
	atomic_bool looking;            /* just started: what the other node has is not known */
	atomic_int_least64_t linked_ms; /* when the two were last linked, clock_mono_ms() */
	atomic_bool hurt;               /* somebody met a row that can't be read: mend.h */
	atomic_bool refuses_alone;      /* ack = both-or-tempfail */
	atomic_bool answers_ahead;      /* ack = one */
	_Atomic mirror_time clock;      /* the last one given out */
	atomic_uint_least64_t shipped, applied, differing, alone, ship_ns;
	atomic_uint_least64_t ahead, ahead_bodies, ahead_bytes; /* right now */
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
/* Just linked again, the account may be what it was when they parted: waits until it is settled, at
 * most until the two have been linked for MIRROR_CATCHING_UP_MS. */
void mirror_await_settled(struct store_db *m, struct id account);
/* As the driver's call (store/driver.h). */
void mirror_catch_up(struct store_db *m, struct id account);
/* Gives the leases back; the inner transaction is over. Must not wait. */
void mirror_txn_end(struct store_txn *txn);
/* The transaction is over then, or will be when the other disk has it. */
int mirror_commit_write(
	struct store_txn *txn, const struct mirror_commit *commit, struct err *err) WARN_UNUSED;

/* What a commit to both disks has come to: `r` here, the shipment there. Counts it, and sees to
 * what only one of them took. */
void mirror_commit_judge(struct store_db *m, const struct mirror_shipment *shipment, int64_t since,
	int r, const struct err *err);
/* Ours was not taken, and the other one's may have been: it has numbers that we do not know. */
void mirror_commit_doubt(struct store_db *m, const struct id *accounts, size_t count, int r,
	const struct mirror_shipment *shipment);

/* ahead.c: may this write be answered before the other disk has it? Then commit it so. */
WARN_UNUSED bool mirror_may_go_ahead(
	const struct store_txn *txn, const struct mirror_commit *commit);
int mirror_commit_ahead(
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
