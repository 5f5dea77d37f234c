/* What the parts of a link share: link.c is called from outside, link_output.c says what is sent
 * next, link_input.c takes what came, link_apply.c has commits that came applied, link_pack.c says
 * what is packed. */
#ifndef MIRROR_LINK_INTERNAL_H
#define MIRROR_LINK_INTERNAL_H

#include "mirror/link.h"
#include "mirror/pack.h"

enum {
	LINK_BUCKETS = 256,
	LINK_PACKERS = 4,      /* kept, of those that were in use at once */
	LINK_ROUND_TRIPS = 16, /* looked at */
	LINK_SMALL_MAX = 1 << 20,
	LINK_LARGE_MAX = 64 << 20,
	/* Bytes of messages of a sort that are begun and not over. Of the largest sort one is. */
	LINK_SMALL_WINDOW = 64 << 20,
	LINK_LARGE_WINDOW = 128 << 20,
	/* Of both sorts that are not small; or one. */
	LINK_LARGER_WINDOW = MIRROR_MESSAGE_MAX - LINK_SMALL_WINDOW,
	/* Of the other node's, with what can't be told yet: how large a message becomes. */
	LINK_HELD_MAX = LINK_SMALL_WINDOW + LINK_LARGE_WINDOW + LINK_LARGE_MAX,
	LINK_CONTROL_MAX = 16 << 20, /* bytes of frames that wait for a node that does not read */
};

/* By size, before packing. Each sort has its own room, and its own order. */
enum link_sort { LINK_SMALL, LINK_LARGE, LINK_HUGE, LINK_SORTS };

static inline enum link_sort link_sort_of(size_t size)
{
	return size <= LINK_SMALL_MAX   ? LINK_SMALL
	       : size <= LINK_LARGE_MAX ? LINK_LARGE
					: LINK_HUGE;
}

/* A message of ours on its way: its bytes are not all sent, or it is not answered. */
struct link_message {
	struct link_message *next_outgoing, *next_waiting;
	uint64_t number;
	struct buf bytes;                 /* maybe packed */
	size_t size;                      /* before packing */
	size_t at;                        /* sent up to here */
	struct mirror_shipment *shipment; /* NULL: an answer, which is over when it is sent */
};

struct link_queue {
	struct link_message *first, **last;
};

/* One of the other node of which parts came; or all, until it is over. */
struct link_incoming {
	struct link_incoming *next;
	uint64_t number;
	struct buf bytes;
	bool begins; /* the head is read */
	struct mirror_head head;
	size_t size; /* so far; of a packed one what it will be */
};

struct mirror_link {
	struct mirror_link_options options;
	const struct mirror_link_ops *ops;
	void *context;
	pthread_mutex_t lock; /* guards the rest */
	bool ended;
	unsigned version;                     /* spoken; 0: HELLO did not come */
	struct buf control;                   /* frames that go before parts */
	size_t control_at;                    /* sent */
	struct link_queue queued[LINK_SORTS]; /* not begun */
	struct link_queue outgoing;           /* begun, and to go on; by turns */
	unsigned small_turns, other_turn;
	size_t under_way[LINK_SORTS]; /* bytes of messages that were begun and are not over */
	struct link_message *waiting[LINK_BUCKETS]; /* requests that were begun, by number */
	uint64_t last_number;
	/* Of the other node: bytes of messages that were begun and are not over, up to
	 * LINK_LARGE_MAX each; and how many are larger. */
	size_t held;
	unsigned held_huge;
	struct link_incoming *commits, **last_commit; /* that came whole */
	unsigned appliers;
	uint64_t turns, turns_at_ping;               /* of appliers */
	struct mirror_packer *packers[LINK_PACKERS]; /* that nobody uses */
	unsigned packer_count;
	int64_t round_trips_us[LINK_ROUND_TRIPS]; /* in a ring */
	uint64_t round_trip_count;
	/* Of the one who calls mirror_link_input(): one at a time, so no lock. */
	struct link_incoming *incoming;
	size_t incoming_count;
	uint64_t last_incoming;
};

void link_lock(struct mirror_link *link);
void link_unlock(struct mirror_link *link);
void link_send(struct mirror_link *link, const struct mirror_frame *frame);
void link_send_all(struct mirror_link *link, const struct mirror_frame *frames, size_t count);
/* Queues a message, packed if that is done; takes `bytes` over. The shipment is told now or later.
 * May give way. */
void link_send_message(
	struct mirror_link *link, struct buf *bytes, struct mirror_shipment *shipment);

/* link_output.c */
void link_queue_init(struct link_queue *queue);
void link_queue_add(struct link_queue *queue, struct link_message *m);
struct link_message *link_queue_take(struct link_queue *queue);
void link_message_free(struct link_message *m);
/* The request of that number is over. NULL: there is none, or it was not sent. */
struct mirror_shipment *link_take_waiting(struct mirror_link *link, uint64_t number);

/* A request that came whole, or work on commits. */
struct mirror_job {
	struct mirror_link *link;
	void (*run)(struct mirror_job *job); /* frees it, and the message */
	struct link_incoming *whole;         /* NULL: commits that wait */
};
void link_spawn(
	struct mirror_link *link, void (*run)(struct mirror_job *job), struct link_incoming *whole);

/* link_input.c: what the other node has begun. */
void link_incoming_free(struct link_incoming *incoming);
void link_drop_incoming(struct mirror_link *link);
/* It is over: before the other node can hear so. */
void link_let_go(struct mirror_link *link, struct link_incoming *incoming);

/* link_apply.c: a commit came whole; takes it over. It is applied after link_apply_commits(), which
 * the end of each input calls. */
void link_add_commit(struct mirror_link *link, struct link_incoming *commit);
void link_apply_commits(struct mirror_link *link);
/* Every MIRROR_PING_MS. */
void link_look_at_appliers(struct mirror_link *link);

/* link_pack.c */
void link_pack(struct mirror_link *link, struct buf *message);
/* What stands behind the head, plain; a packed one is replaced. Negative: the connection was told
 * that it is broken. */
int link_unpack(
	struct mirror_link *link, struct link_incoming *whole, struct slice *ret_rest) WARN_UNUSED;
/* A PONG came; by the number of its PING. */
void link_note_pong(struct mirror_link *link, uint64_t number);
uint64_t link_ping_number(void);
void link_free_packers(struct mirror_link *link);

#endif
