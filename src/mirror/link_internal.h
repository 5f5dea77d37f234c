/* What the parts of a link share: link.c sends, link_input.c takes what came, link_apply.c has
 * commits that came applied. */
#ifndef MIRROR_LINK_INTERNAL_H
#define MIRROR_LINK_INTERNAL_H

#include "mirror/link.h"

enum { LINK_BUCKETS = 256 };

/* A message of ours on its way: its bytes are not all sent, or it is not answered. */
struct link_message {
	struct link_message *next_outgoing, *next_waiting;
	uint64_t number;
	struct buf bytes;
	size_t at;                        /* sent up to here */
	struct mirror_shipment *shipment; /* NULL: an answer, which is over when it is sent */
};

struct link_queue {
	struct link_message *first, **last;
};

/* One of the other node of which parts came; or all, of a commit that waits to be applied. */
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
	bool ended;
	struct buf control;         /* frames that go before parts */
	size_t control_at;          /* sent */
	struct link_queue queued;   /* not begun: no room at the other node */
	struct link_queue outgoing; /* by turns, a part each */
	size_t under_way;           /* bytes of messages that were begun and are not over */
	struct link_message *waiting[LINK_BUCKETS]; /* requests that were begun, by number */
	uint64_t last_number;
	struct link_incoming *commits, **last_commit; /* that came whole */
	unsigned appliers;
	/* Of the one who calls mirror_link_input(): one at a time, so no lock. */
	bool greeted;
	struct link_incoming *incoming;
	size_t incoming_count, incoming_bytes;
	uint64_t last_incoming;
};

void link_lock(struct mirror_link *link);
void link_unlock(struct mirror_link *link);
void link_send(struct mirror_link *link, const struct mirror_frame *frame);
void link_send_all(struct mirror_link *link, const struct mirror_frame *frames, size_t count);
/* Queues a message; takes `bytes` over. The shipment is told now or later. */
void link_send_message(
	struct mirror_link *link, struct buf *bytes, struct mirror_shipment *shipment);
/* The request of that number is over. NULL: there is none, or it was not sent. */
struct mirror_shipment *link_take_waiting(struct mirror_link *link, uint64_t number);
void link_drop_incoming(struct mirror_link *link);

/* A request that came whole, or work on commits. */
struct mirror_job {
	struct mirror_link *link;
	void (*run)(struct mirror_job *job); /* frees it */
	uint64_t number;                     /* of a request, as the next */
	struct buf bytes;
};

/* A commit came whole; takes it over. It is applied after link_apply_commits(), which the end of
 * each input calls. */
void link_add_commit(struct mirror_link *link, struct link_incoming *commit);
void link_apply_commits(struct mirror_link *link);
void link_incoming_free(struct link_incoming *incoming);

#endif
