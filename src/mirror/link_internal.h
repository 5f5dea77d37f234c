/* What the two halves of a link share. */
#ifndef MIRROR_LINK_INTERNAL_H
#define MIRROR_LINK_INTERNAL_H

#include "mirror/link.h"

enum { LINK_BUCKETS = 256 };

/* A commit of ours on its way: its bytes are not all sent, or DONE has not come. */
struct link_commit {
	struct link_commit *next_outgoing, *next_waiting;
	uint64_t number;
	struct buf bytes;
	size_t at; /* sent up to here */
	struct mirror_shipment *shipment;
};

/* One of the other node of which parts came. */
struct link_incoming {
	struct link_incoming *next;
	uint64_t number;
	struct buf bytes;
};

struct mirror_link {
	struct mirror_link_identity identity;
	const struct mirror_link_ops *ops;
	void *context;
	pthread_mutex_t lock; /* guards the rest */
	bool ended, greeted;
	struct buf control; /* frames that go before parts */
	struct link_commit *outgoing, **last_outgoing;
	struct link_commit *waiting[LINK_BUCKETS]; /* by number */
	uint64_t last_number;
	/* Of the one who calls mirror_link_input(): one at a time, so no lock. */
	struct link_incoming *incoming;
	size_t incoming_count, incoming_bytes;
	uint64_t last_incoming;
};

void link_lock(struct mirror_link *link);
void link_unlock(struct mirror_link *link);
void link_send(struct mirror_link *link, const struct mirror_frame *frame);
/* The shipment of that number, which waits no more; NULL when none does. */
struct mirror_shipment *link_take_waiting(struct mirror_link *link, uint64_t number);
void link_drop_incoming(struct mirror_link *link);

#endif
