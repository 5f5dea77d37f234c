/* What a node that is alone notes beside its changes, so that merging with the other one has three
 * sides: as it was when they parted, mine, yours. See docs/formats/keys.md for the rows. */
#ifndef MIRROR_ALONE_H
#define MIRROR_ALONE_H

#include "store/driver.h"

/* A hybrid logical clock: milliseconds since 1970 above 16 bits that count, so that later changes
 * have later times, whatever the wall clock does. The lowest bit says which node's it is, so no two
 * are the same. */
typedef uint64_t mirror_time;

/* What was, of an account. */
struct mirror_parted {
	uint64_t change; /* the account's last change number when they parted */
	mirror_time since;
};
/* Of a collection or an object that was there then. */
struct mirror_was {
	/* The last time since. Of a collection: since its name or data changed; data that a write
	 * changes beside objects in it counts them, which is no change to the collection. */
	mirror_time changed;
	struct slice row; /* as it was */
};

/* The rows to be committed with `batch`, whose locks `txn` holds. */
int mirror_alone_note(const struct store_driver *driver, struct store_db *db, struct store_txn *txn,
	const struct id *accounts, size_t count, const struct store_batch *batch, mirror_time now,
	struct store_batch *to, struct err *err) WARN_UNUSED;

WARN_UNUSED bool mirror_parted_read(struct slice row, struct mirror_parted *ret_parted);
WARN_UNUSED bool mirror_was_read(struct slice row, struct mirror_was *ret_was);

#endif
