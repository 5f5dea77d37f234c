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

/* A merge that the first node has sent to the second one and not heard of again: before it sends
 * it, it notes which, and notes from then on what was then, beside what was when they parted. The
 * second one notes which it took, with what it takes. So whether it did is known when they meet
 * again, and with it which notes hold (offer.c). */
struct mirror_offer {
	bool taken;      /* noted by the second node */
	struct id merge; /* a name of its own */
	uint64_t change; /* the account's last change number at the first node, when it was sent */
};

/* The rows to be committed with `batch`, whose locks `txn` holds. */
int mirror_alone_note(const struct store_driver *driver, struct store_db *db, struct store_txn *txn,
	const struct id *accounts, size_t count, const struct store_batch *batch, mirror_time now,
	struct store_batch *to, struct err *err) WARN_UNUSED;

void mirror_parted_add(const struct mirror_parted *parted, struct buf *to);
void mirror_offer_add(const struct mirror_offer *offer, struct buf *to);
WARN_UNUSED bool mirror_offer_read(struct slice row, struct mirror_offer *ret_offer);
WARN_UNUSED bool mirror_parted_read(struct slice row, struct mirror_parted *ret_parted);
void mirror_was_add(const struct mirror_was *was, struct buf *to);
WARN_UNUSED bool mirror_was_read(struct slice row, struct mirror_was *ret_was);

#endif
