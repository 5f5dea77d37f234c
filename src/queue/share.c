/* Which shards this node works on. Alone it is all of them; of two nodes that hold the same each
 * has its own, and takes up the other one's when that is lost. Then it reads what waits in them, as
 * at the start; what it puts down again is forgotten, and goes on at the other node as the store
 * has it. */
#include "queue/queue_internal.h"

#include "base/clock.h"
#include "base/log.h"

enum { NEW_SHARDS_MS = 5000 }; /* from one look for them to the next */

bool queue_works_on(struct queue *q, uint32_t shard)
{
	(void)pthread_mutex_lock(&q->lock);
	bool worked = q->shards[shard].worked;
	(void)pthread_mutex_unlock(&q->lock);
	return worked;
}

bool queue_is_here(struct queue *q, struct queue_place place)
{
	return place.shard < q->shard_count && queue_works_on(q, place.shard);
}

void queue_share_release(struct queue *q, uint32_t shard)
{
	(void)pthread_mutex_lock(&q->lock);
	q->shards[shard].held -= q->shards[shard].held > 0;
	(void)pthread_mutex_unlock(&q->lock);
}

void queue_share_hold(struct queue *q, uint32_t shard, size_t count)
{
	(void)pthread_mutex_lock(&q->lock);
	q->shards[shard].held += q->shards[shard].worked ? count : 0;
	(void)pthread_mutex_unlock(&q->lock);
}

struct loading {
	struct queue *q;
	uint32_t shard;
};

/* Those that can't be read stay where they are: `queue list` tells them. */
static bool load_entry(void *context, const struct store_object *object)
{
	const struct loading *l = context;
	struct queue_entry entry;
	if (!queue_entry_read(object->data, &entry))
		return true;
	if (l->q->underway)
		queue_underway_keep(l->q->underway, entry.message);
	if (entry.flags & QUEUE_HELD)
		queue_share_hold(l->q, l->shard, 1);
	else
		queue_schedule_entry(l->q, (struct queue_place){l->shard, object->number}, &entry,
			entry.next_ms ? entry.next_ms : entry.arrived_ms);
	return true;
}

static void put_down(struct queue *q, uint32_t shard)
{
	(void)pthread_mutex_lock(&q->lock);
	q->shards[shard].worked = false;
	q->shards[shard].held = 0;
	queue_schedule_forget(q->schedule, shard);
	(void)pthread_mutex_unlock(&q->lock);
}

/* Not while an entry of it is tried yet, from the last time. */
static int take_up(struct queue *q, uint32_t shard, struct err *err)
{
	struct loading loading = {q, shard};
	(void)pthread_mutex_lock(&q->lock);
	q->shards[shard].worked = !queue_schedule_tries(q->schedule, shard);
	struct id collection = q->shards[shard].collection;
	bool loads = q->shards[shard].worked && !id_is_none(collection);
	(void)pthread_mutex_unlock(&q->lock);
	int r = loads ? store_scan_objects(q->options.store, q->shards[shard].account, collection,
				1, UINT32_MAX, load_entry, &loading, err)
		      : 0;
	if (r < 0)
		put_down(q, shard);
	return r < 0 ? r : 0;
}

static bool is_wanted(const struct queue *q, uint32_t shard)
{
	return !q->options.works_on ||
	       q->options.works_on(q->options.context, q->shards[shard].account);
}

/* Returns the first error; goes on with the others. */
static int share(struct queue *q, struct err *err)
{
	struct err later;
	int r = 0;
	for (uint32_t i = 0; i < atomic_load(&q->shard_count); i++) {
		bool wanted = is_wanted(q, i), worked = queue_works_on(q, i);
		if (worked && !wanted)
			put_down(q, i);
		if (wanted && !worked && take_up(q, i, r < 0 ? &later : err) < 0)
			r = -1;
	}
	return r;
}

int queue_share_open(struct queue *q, struct err *err)
{
	q->ready = !q->options.is_ready;
	return share(q, err);
}

void queue_share_look(struct queue *q)
{
	struct err err;
	int64_t now = clock_mono_ms();
	int r = 0;
	if (!q->options.works_on && !q->options.is_ready)
		return;
	if (now - q->looked_ms >= NEW_SHARDS_MS) {
		q->looked_ms = now;
		r = queue_shards_add_new(q, &err);
	}
	if (r < 0 || share(q, &err) < 0)
		log_warn(NULL, "not all of the queue can be read", F_ERR(&err));
	bool ready = !q->options.is_ready || q->options.is_ready(q->options.context);
	(void)pthread_mutex_lock(&q->lock);
	q->ready = ready;
	(void)pthread_mutex_unlock(&q->lock);
}
