/* What the files of the queue share. */
#ifndef QUEUE_QUEUE_INTERNAL_H
#define QUEUE_QUEUE_INTERNAL_H

#include "queue/queue.h"
#include "queue/underway.h"

#include <pthread.h>
#include <stdatomic.h>

struct queue_shard {
	struct id account;
	struct id collection; /* none: not made yet */
	bool own;             /* this node made it */
	bool claimed;         /* by this node, of another one's (claim.c) */
	bool worked;          /* by this node: its entries are in the schedule */
	uint64_t held;        /* entries, while it is worked */
};

struct queue {
	struct queue_options options;
	struct queue_shard *shards; /* each stays where it is while the queue is open */
	atomic_size_t shard_count;
	size_t shard_cap;
	int64_t looked_ms;          /* for shards that are new; look()'s own */
	uint32_t own[QUEUE_SHARDS]; /* those that this node writes to */
	atomic_uint next_own;
	/* Guards schedule, running, and of shards all but the account; nothing waits under it. */
	pthread_mutex_t lock;
	struct queue_schedule *schedule;
	struct queue_underway *underway; /* NULL: nobody knows */
	int64_t opened_ms;               /* since 1970 */
	int64_t shared_until_ms;         /* as it was last told; look()'s own, and so is this: */
	bool has_claims_on_it;           /* maybe: own shards may be the other node's still */
	bool running, ready;
	atomic_uint_fast64_t added, delivered, delayed, failed, lost;
};

/* shards.c: all that there are, when it is opened; and those that came since. */
int queue_shards_load(struct queue *q, struct err *err) WARN_UNUSED;
int queue_shards_add_new(struct queue *q, struct err *err) WARN_UNUSED;
/* ID_NONE: it was not made yet. */
struct id queue_shard_collection(struct queue *q, uint32_t shard);
/* The shard's collection in a write that has begun; made if it is missing. */
int queue_shard_write(struct queue *q, uint32_t shard, struct store_write *write,
	struct store_collection **ret_collection, struct err *err) WARN_UNUSED;

/* claim.c: who works on a shard that is not its own. ID_NONE: nobody. */
int queue_claim_read(
	struct queue *q, struct id account, struct id *ret_node, struct err *err) WARN_UNUSED;
int queue_claim(struct queue *q, struct id account, struct err *err) WARN_UNUSED;
int queue_unclaim(struct queue *q, struct id account, struct err *err) WARN_UNUSED;

/* share.c: which shards this node works on, and whether anything may be tried now. */
int queue_share_open(struct queue *q, struct err *err) WARN_UNUSED;
void queue_share_look(struct queue *q);
WARN_UNUSED bool queue_works_on(struct queue *q, uint32_t shard);
/* Entries of a shard are held from now on; one is held no more. Of one that is not worked here
 * nobody counts. */
void queue_share_hold(struct queue *q, uint32_t shard, size_t count);
void queue_share_release(struct queue *q, uint32_t shard);

/* queue.c */
enum { QUEUE_DESTINATION_MAX = ENVELOPE_DOMAIN_MAX + sizeof(QUEUE_ANY_TLS_MARK) };
/* Under which destination it stands: "" or the recipient's domain, in lower case, and maybe the
 * mark behind it, in `room`. */
struct slice queue_destination_of(
	const struct queue_entry *entry, char room[QUEUE_DESTINATION_MAX]);
/* It waits until `due_ms`, by the wall clock. */
void queue_schedule_entry(
	struct queue *q, struct queue_place place, const struct queue_entry *entry, int64_t due_ms);
/* Begins work on what is due. */
void queue_dispatch(struct queue *q);

/* worker.c */
void queue_work(struct queue *q, struct queue_destination *destination,
	const struct queue_place *places, size_t count);
/* settle.c: writes down what became of entries. They are at `places`, of one shard; those that wait
 * on are scheduled again. */
void queue_settle(
	struct queue *q, const struct queue_place *places, const struct queue_delivery *delivery);

#endif
