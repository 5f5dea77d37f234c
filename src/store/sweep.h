/* Taking away all rows of a collection or an account, a bounded number at a time. A large deletion
 * marks what is gone in its own commit (the collection's row goes, a KEY_SWEEP row comes) and
 * leaves the rest to store_sweep; from then on no reader finds the rows. Not for other folders. */
#ifndef STORE_SWEEP_H
#define STORE_SWEEP_H

#include "store/internal.h"

/* Rows per piece: a few milliseconds of lock and about 1 MiB of batch. */
enum { SWEEP_PIECE = 8192 };

struct sweep {
	struct id account, collection; /* ID_NONE: all collections of the account */
	unsigned range;                /* which of the ranges it is in */
	struct key next;               /* where in it; len 0: at its start */
	bool done;
};

/* Puts the deletion of at most *room more rows into the batch and takes them off *room; sets `done`
 * when none are left. */
int sweep_piece(struct sweep *sweep, struct store *store, struct store_txn *txn,
	struct store_batch *batch, unsigned *room, struct err *err) WARN_UNUSED;
/* The KEY_SWEEP key that remembers it. */
void sweep_key(const struct sweep *sweep, struct key *ret_key);

#endif
