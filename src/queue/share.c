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

/* So that the other one leaves it alone when it comes back. */
static int claim(struct queue *q, uint32_t shard, struct err *err)
{
	struct queue_shard *s = &q->shards[shard];
	if (s->own || s->claimed || id_is_none(queue_shard_collection(q, shard)))
		return 0;
	int r = queue_claim(q, s->account, err);
	s->claimed = r == 0;
	return r;
}

/* Not while an entry of it is tried yet, from the last time. */
static int take_up(struct queue *q, uint32_t shard, struct err *err)
{
	struct loading loading = {q, shard};
	if (claim(q, shard, err) < 0)
		return -1;
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

/* What can't be read is taken for claimed, for the moment. */
static bool is_others(struct queue *q, uint32_t shard)
{
	struct err err;
	struct id node;
	if (!q->has_claims_on_it || !q->shards[shard].own)
		return false;
	return queue_claim_read(q, q->shards[shard].account, &node, &err) < 0 ||
	       (!id_is_none(node) && q->options.is_other(q->options.context, node));
}

/* Nothing of it is under way here any more. */
static int let_go(struct queue *q, uint32_t shard, struct err *err)
{
	(void)pthread_mutex_lock(&q->lock);
	bool tries = queue_schedule_tries(q->schedule, shard);
	(void)pthread_mutex_unlock(&q->lock);
	int r = tries ? 0 : queue_unclaim(q, q->shards[shard].account, err);
	q->shards[shard].claimed = tries || r < 0;
	return r;
}

/* The two have met again since the last look. */
static void note_meeting(struct queue *q)
{
	int64_t until =
		q->options.shared_until_ms ? q->options.shared_until_ms(q->options.context) : 0;
	q->has_claims_on_it |= until != q->shared_until_ms && q->options.is_other;
	q->shared_until_ms = until;
}

/* Returns the first error; goes on with the others. */
static int share(struct queue *q, struct err *err)
{
	struct err later;
	bool claims = false;
	int r = 0;
	note_meeting(q);
	for (uint32_t i = 0; i < atomic_load(&q->shard_count); i++) {
		bool others = is_others(q, i);
		bool wanted = !others && is_wanted(q, i), worked = queue_works_on(q, i);
		claims |= others;
		if (worked && !wanted)
			put_down(q, i);
		if (wanted && !worked && take_up(q, i, r < 0 ? &later : err) < 0)
			r = -1;
		if (q->shards[i].claimed && !wanted && let_go(q, i, r < 0 ? &later : err) < 0)
			r = -1;
	}
	q->has_claims_on_it = claims;
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
	bool ready = !q->options.is_ready || q->options.is_ready(q->options.context);
	if (r < 0 || share(q, &err) < 0) /* after that: it says when the two have met */
		log_warn(NULL, "not all of the queue can be read", F_ERR(&err));
	(void)pthread_mutex_lock(&q->lock);
	q->ready = ready;
	(void)pthread_mutex_unlock(&q->lock);
}
