/* What the files of the queue share. */
#ifndef QUEUE_QUEUE_INTERNAL_H
#define QUEUE_QUEUE_INTERNAL_H

#include "queue/queue.h"

#include <pthread.h>
#include <stdatomic.h>

struct queue_shard {
	struct id account;
	struct id collection; /* none: not made yet */
};

struct queue {
	struct queue_options options;
	struct queue_shard *shards; /* by account id; their order never changes while it is open */
	size_t shard_count;
	uint32_t own[QUEUE_SHARDS]; /* those that this node writes to */
	atomic_uint next_own;
	/* Guards schedule, running, collections of shards; nothing waits under it. */
	pthread_mutex_t lock;
	struct queue_schedule *schedule;
	bool running;
	atomic_uint_fast64_t held, added, delivered, delayed, failed, lost;
};

/* shards.c */
int queue_shards_load(struct queue *q, struct err *err) WARN_UNUSED;
/* ID_NONE: it was not made yet. */
struct id queue_shard_collection(struct queue *q, uint32_t shard);
/* The shard's collection in a write that has begun; made if it is missing. */
int queue_shard_write(struct queue *q, uint32_t shard, struct store_write *write,
	struct store_collection **ret_collection, struct err *err) WARN_UNUSED;

/* queue.c */
/* Under which destination it stands: "" or the recipient's domain, in lower case, in `room`. */
struct slice queue_destination_of(const struct queue_entry *entry, char room[ENVELOPE_DOMAIN_MAX]);
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
