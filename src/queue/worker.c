/* A worker: one connection to one destination, for as long as something is due there. */
#include "queue/queue_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

enum {
	LOOK_THROUGH_MS = 10 * 60 * 1000, /* entries of a destination that can't be reached */
	MESSAGE_MAX = 1 << 30,
	LATER_MS = 1000, /* so that a look through all of them ends */
};

/* Entries of one shard, read from the store. */
struct batch {
	struct arena arena;
	struct queue_place places[QUEUE_BATCH_MAX];
	struct queue_entry entries[QUEUE_BATCH_MAX];
	struct queue_outcome outcomes[QUEUE_BATCH_MAX];
	struct id blobs[QUEUE_BATCH_MAX];
	uint64_t blob_lens[QUEUE_BATCH_MAX];
	size_t count;
};

static void give_back(struct queue *q, const struct queue_place *places,
	const struct queue_entry *entries, size_t count, int64_t due_ms)
{
	for (size_t i = 0; i < count; i++)
		queue_schedule_entry(q, places[i], &entries[i], due_ms);
}

/* One that is gone, held, or to be tried later is not among them. */
static int read_entry(struct queue *q, struct queue_place place, struct batch *b, struct err *err)
{
	struct store_object object;
	struct queue_entry *entry = &b->entries[b->count];
	bool here = queue_works_on(q, place.shard);
	int r = !here ? STORE_ABSENT
		      : store_get_object(q->options.store, q->shards[place.shard].account,
				queue_shard_collection(q, place.shard), place.number, &b->arena,
				&object, err);
	bool waits = r == 0 && queue_entry_read(object.data, entry) && !(entry->flags & QUEUE_HELD);
	if (!waits) {
		(void)pthread_mutex_lock(&q->lock);
		queue_schedule_drop(q->schedule, place);
		(void)pthread_mutex_unlock(&q->lock);
		return r < 0 ? r : 0;
	}
	b->places[b->count] = place;
	b->blobs[b->count] = object.blob;
	b->blob_lens[b->count] = object.blob_len;
	b->count++;
	return 0;
}

static bool one_message(const struct batch *b, size_t i, size_t j)
{
	return id_eq(b->entries[i].message, b->entries[j].message) &&
	       id_eq(b->blobs[i], b->blobs[j]);
}

/* What can't be read now is tried again with the next retry; it stays in the store. */
static void put_off(
	struct queue *q, const struct batch *b, size_t from, size_t count, const struct err *err)
{
	log_error(NULL, "queue entries can't be read", F_ERR(err));
	give_back(q, b->places + from, b->entries + from, count,
		clock_wall_ms() + q->options.retry_ms[0]);
}

/* Outcomes of all that the transport had no word for. */
static void set_all(struct queue_delivery *d, int result, const struct err *err)
{
	for (size_t i = 0; i < d->count; i++) {
		d->outcomes[i] = (struct queue_outcome){.result = result};
		if (result < 0)
			d->outcomes[i].err = *err;
	}
}

/* Whether some of its recipients may have it: it was tried, by us or by the other node, or was
 * under way when an earlier process was killed. */
static bool is_in_doubt(
	struct queue *q, const struct queue_place *places, const struct queue_delivery *d)
{
	const struct queue_entry *first = &d->entries[0];
	const struct queue_options *o = &q->options;
	if (!queue_is_shard_of(q->shards[places[0].shard].account, o->node) ||
		(o->shared_until_ms && first->arrived_ms < o->shared_until_ms(o->context)))
		return true;
	if (first->arrived_ms < q->opened_ms &&
		(!q->underway || queue_underway_is_blank(q->underway)))
		return true;
	bool again = q->underway && queue_underway_was(q->underway, first->message);
	for (size_t i = 0; i < d->count; i++)
		again |= d->entries[i].attempts > 0;
	return again;
}

static int send_noted(struct queue *q, void *peer, const struct queue_place *places,
	struct queue_delivery *d, struct err *err)
{
	bool noted = q->underway && d->entries[0].flags & QUEUE_LOCAL;
	d->again = is_in_doubt(q, places, d);
	if (noted)
		queue_underway_begin(q->underway, d->entries[0].message);
	int r = q->options.transport->send(peer, d, err);
	if (r < 0)
		give_back(q, places, d->entries, d->count, clock_wall_ms());
	else
		queue_settle(q, places, d);
	if (noted)
		queue_underway_end(q->underway, d->entries[0].message);
	return r;
}

/* 0; QUEUE_PEER_GONE; or negative: the destination can't be reached any more. */
static int send_one(
	struct queue *q, void *peer, struct batch *b, size_t from, size_t count, struct err *err)
{
	AUTO(buf_free) struct buf message = BUF(MESSAGE_MAX);
	struct queue_delivery d = {
		.entries = b->entries + from, .outcomes = b->outcomes + from, .count = count};
	struct err unread = {.text = "no memory for the message"};
	int r = store_read_blob(
		q->options.store, b->blobs[from], 0, b->blob_lens[from], &message, &unread);
	if (r < 0 || message.failed) {
		put_off(q, b, from, count, &unread);
		return 0;
	}
	d.message = buf_slice(&message);
	set_all(&d, 0, NULL);
	return send_noted(q, peer, b->places + from, &d, err);
}

/* Sends what was taken, message by message; what is left when the connection can't be used any more
 * is given back. As send_one(). */
static int send_batch(struct queue *q, void *peer, const struct queue_place *places, size_t count,
	struct err *err)
{
	struct batch *b = ALLOC(struct batch);
	struct err unread;
	int r = 0;
	for (size_t i = 0; i < count; i++)
		if (read_entry(q, places[i], b, &unread) < 0)
			log_error(NULL, "a queue entry can't be read", F_ERR(&unread));
	for (size_t i = 0, same; i < b->count; i += same) {
		for (same = 1; i + same < b->count && one_message(b, i, i + same); same++)
			;
		if (r == 0)
			r = send_one(q, peer, b, i, same, err);
		else
			give_back(q, b->places + i, b->entries + i, same, clock_wall_ms());
	}
	arena_free(&b->arena);
	free(b);
	return r;
}

/* What a report returns of it; without it the report goes all the same. */
static void fail_one(struct queue *q, struct batch *b, size_t i, const struct err *why)
{
	AUTO(buf_free) struct buf message = BUF(MESSAGE_MAX);
	struct queue_delivery d = {
		.entries = &b->entries[i], .outcomes = &b->outcomes[i], .count = 1};
	struct err err;
	set_all(&d, -1, why);
	if (store_read_blob(q->options.store, b->blobs[i], 0, b->blob_lens[i], &message, &err) ==
			0 &&
		!message.failed)
		d.message = buf_slice(&message);
	queue_settle(q, &b->places[i], &d);
}

/* Who lives at another place by now: his mail goes there. */
static bool move(struct queue *q, struct batch *b, size_t i)
{
	struct queue_outcome *o = &b->outcomes[i];
	struct queue_delivery d = {.entries = &b->entries[i], .outcomes = o, .count = 1};
	struct err err;
	if (!q->options.transport->place || !(d.entries->flags & QUEUE_LOCAL))
		return false;
	*o = (struct queue_outcome){.moved = true};
	if (q->options.transport->place(q->options.context, d.entries, o->place, &err) < 0 ||
		slice_eq(slice_str(o->place), d.entries->place))
		return false;
	queue_settle(q, &b->places[i], &d);
	return true;
}

/* Why a destination can't be reached is the outcome of entries that are over their time, or whose
 * senders are to hear of it; the others wait on. For good: of all. */
static void fail_batch(
	struct queue *q, const struct queue_place *places, size_t count, const struct err *why)
{
	struct batch *b = ALLOC(struct batch);
	struct err err;
	int64_t now = clock_wall_ms();
	for (size_t i = 0; i < count; i++)
		if (read_entry(q, places[i], b, &err) < 0)
			log_error(NULL, "a queue entry can't be read", F_ERR(&err));
	for (size_t i = 0; i < b->count; i++) {
		const struct queue_entry *e = &b->entries[i];
		if (move(q, b, i))
			continue;
		bool late = now - e->arrived_ms >= q->options.delay_ms &&
			    !(e->flags & QUEUE_DELAY_TOLD);
		if (why->class != ERR_PERMANENT && !late &&
			now - e->arrived_ms < q->options.lifetime_ms) {
			queue_schedule_entry(q, b->places[i], e, now + LATER_MS);
			continue;
		}
		fail_one(q, b, i, why);
	}
	arena_free(&b->arena);
	free(b);
}

static size_t take(struct queue *q, struct queue_destination *destination, int64_t now_ms,
	struct queue_place places[QUEUE_BATCH_MAX])
{
	(void)pthread_mutex_lock(&q->lock);
	size_t count = q->running && q->ready ? queue_schedule_take(q->schedule, destination,
							now_ms, places, QUEUE_BATCH_MAX)
					      : 0;
	(void)pthread_mutex_unlock(&q->lock);
	return count;
}

static void leave(
	struct queue *q, struct queue_destination *destination, bool unreachable, const char *why)
{
	(void)pthread_mutex_lock(&q->lock);
	queue_schedule_leave(q->schedule, destination, unreachable, why, clock_mono_ms());
	(void)pthread_mutex_unlock(&q->lock);
	queue_dispatch(q);
}

static void fail(struct queue *q, struct queue_destination *destination,
	const struct queue_place *places, size_t count, const struct err *why)
{
	struct queue_place more[QUEUE_BATCH_MAX];
	int64_t now = clock_mono_ms();
	log_info(NULL, "destination can't be reached",
		F_SLICE("destination", queue_destination_name(destination)), F_ERR(why));
	fail_batch(q, places, count, why);
	(void)pthread_mutex_lock(&q->lock);
	bool looks = queue_schedule_looks(q->schedule, destination, now, LOOK_THROUGH_MS);
	(void)pthread_mutex_unlock(&q->lock);
	bool all = looks || why->class == ERR_PERMANENT;
	while (all && (count = take(q, destination, now, more)) > 0)
		fail_batch(q, more, count, why);
	if (looks) {
		(void)pthread_mutex_lock(&q->lock);
		queue_schedule_looked(q->schedule, destination);
		(void)pthread_mutex_unlock(&q->lock);
	}
	leave(q, destination, why->class != ERR_PERMANENT, why->text);
}

void queue_work(struct queue *q, struct queue_destination *destination,
	const struct queue_place *places, size_t count)
{
	struct queue_place more[QUEUE_BATCH_MAX];
	const struct queue_transport *transport = q->options.transport;
	struct err err = {0};
	void *peer;
	if (transport->open(q->options.context, queue_destination_name(destination), &peer, &err) <
		0) {
		fail(q, destination, places, count, &err);
		return;
	}
	(void)pthread_mutex_lock(&q->lock);
	queue_schedule_met(q->schedule, destination);
	(void)pthread_mutex_unlock(&q->lock);
	queue_dispatch(q); /* more connections, when more is due */
	int r = send_batch(q, peer, places, count, &err);
	while (r == 0 && (count = take(q, destination, clock_mono_ms(), more)) > 0)
		r = send_batch(q, peer, more, count, &err);
	transport->close(peer);
	leave(q, destination, r < 0, r < 0 ? err.text : "");
}
