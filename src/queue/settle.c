/* What became of entries, written down: those that are done go, the others are told when they are
 * to be tried again. A report is in the queue before the entry that it is about goes. */
#include "queue/queue_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

enum { LOST_RETRY_MS = 5000 };

/* One transaction's entries. */
struct settling {
	struct queue *q;
	const struct queue_place *places;
	const struct queue_delivery *d;
	int64_t now_ms;
	struct fate {
		bool done;    /* it goes */
		int64_t next; /* else it waits until then */
	} * fates;
};

static bool is_over(const struct settling *s, size_t i)
{
	return s->now_ms - s->d->entries[i].arrived_ms >= s->q->options.lifetime_ms;
}

static bool is_delayed(const struct settling *s, size_t i)
{
	const struct queue_entry *e = &s->d->entries[i];
	return s->now_ms - e->arrived_ms >= s->q->options.delay_ms &&
	       !(e->flags & QUEUE_DELAY_TOLD);
}

/* Our own store is back soon, and what it did not answer for it may not have. */
static int64_t next_try(const struct settling *s, size_t i)
{
	const struct queue_options *o = &s->q->options;
	const struct queue_entry *e = &s->d->entries[i];
	if (s->d->outcomes[i].lost && (e->flags & QUEUE_LOCAL))
		return s->now_ms + LOST_RETRY_MS;
	size_t at = MIN((size_t)e->attempts, o->retry_count - 1);
	return s->now_ms + o->retry_ms[at];
}

static bool has_failed(const struct settling *s, size_t i)
{
	const struct queue_outcome *o = &s->d->outcomes[i];
	return o->result < 0 && (o->err.class == ERR_PERMANENT || is_over(s, i));
}

/* Whether that is what became of it. */
static bool is_so(const struct settling *s, size_t i, enum queue_report_action action)
{
	const struct queue_outcome *o = &s->d->outcomes[i];
	if (o->moved)
		return false;
	switch (action) {
	case QUEUE_REPORT_FAILED:
		return has_failed(s, i);
	case QUEUE_REPORT_DELAYED:
		return o->result < 0 && !has_failed(s, i) && is_delayed(s, i);
	case QUEUE_REPORT_RELAYED:
		return o->result == 0 && o->relayed;
	case QUEUE_REPORT_DELIVERED:
		return o->result == 0 && (s->d->entries[i].flags & QUEUE_LOCAL);
	case QUEUE_REPORT_EXPANDED:
		break;
	}
	return false;
}

/* Those of one kind in one report. False: it could not be written. */
static bool report(struct settling *s, enum queue_report_action action)
{
	const struct queue_delivery *d = s->d;
	struct queue_entry *entries = alloc_zero(d->count, sizeof(*entries));
	struct queue_outcome *outcomes = alloc_zero(d->count, sizeof(*outcomes));
	struct queue_delivery some = {
		.entries = entries, .outcomes = outcomes, .message = d->message};
	struct err err = {0};
	int r = 0;
	for (size_t i = 0; i < d->count; i++)
		if (is_so(s, i, action) &&
			queue_report_wanted(d->entries[i].sender, d->entries[i].notify, action)) {
			entries[some.count] = d->entries[i];
			outcomes[some.count++] = d->outcomes[i];
		}
	if (some.count > 0)
		r = s->q->options.transport->report(s->q->options.context, action, &some, &err);
	if (r < 0)
		log_error(NULL, "a report could not be written", F_ERR(&err));
	free(entries);
	free(outcomes);
	return r == 0;
}

static void decide(struct settling *s)
{
	bool failures_told = report(s, QUEUE_REPORT_FAILED);
	(void)report(s, QUEUE_REPORT_DELAYED); /* these are told best as can be */
	(void)report(s, QUEUE_REPORT_RELAYED);
	(void)report(s, QUEUE_REPORT_DELIVERED);
	for (size_t i = 0; i < s->d->count; i++) {
		const struct queue_outcome *o = &s->d->outcomes[i];
		s->fates[i].done =
			!o->moved && (o->result == 0 || (has_failed(s, i) && failures_told));
		s->fates[i].next = o->moved ? s->now_ms : next_try(s, i);
	}
}

static void describe(const struct settling *s, size_t i, struct queue_entry *e)
{
	const struct queue_outcome *o = &s->d->outcomes[i];
	e->attempts++;
	e->tried_ms = s->now_ms;
	e->next_ms = s->fates[i].next;
	e->status = slice_str(o->err.status);
	e->reason = slice_str(o->err.text);
	e->host = slice_str(o->host);
	if (is_delayed(s, i))
		e->flags |= QUEUE_DELAY_TOLD;
}

static int write_one(struct settling *s, struct store_write *write, struct store_collection *c,
	size_t i, struct err *err)
{
	AUTO(buf_free) struct buf data = BUF(QUEUE_ENTRY_MAX);
	struct store_object object;
	struct queue_entry entry;
	int r = store_write_get_object(write, c, s->places[i].number, &object, err);
	if (r != 0)
		return r < 0 ? r : 0; /* an operator has removed it meanwhile */
	if (s->fates[i].done)
		return store_write_object_gone(write, c, &object, err);
	if (!queue_entry_read(object.data, &entry))
		return 0;
	if (s->d->outcomes[i].moved)
		entry.place = slice_str(s->d->outcomes[i].place);
	else
		describe(s, i, &entry);
	queue_entry_write(&entry, object.data, &data);
	object.data = buf_slice(&data);
	return data.failed ? 0 : store_write_object(write, c, &object, SLICE_NONE, err);
}

static int write_all(struct settling *s, struct err *err)
{
	struct queue *q = s->q;
	uint32_t shard = s->places[0].shard;
	struct store_write *write;
	struct store_collection *c;
	int r = store_write_begin(q->options.store, &q->shards[shard].account, 1, &write, err);
	if (r < 0)
		return r;
	r = queue_shard_write(q, shard, write, &c, err);
	for (size_t i = 0; r >= 0 && i < s->d->count; i++)
		r = write_one(s, write, c, i, err);
	if (r >= 0)
		return store_write_commit(write, err);
	store_write_abort(write);
	return r;
}

static void count(struct settling *s)
{
	struct queue *q = s->q;
	for (size_t i = 0; i < s->d->count; i++) {
		const struct queue_outcome *o = &s->d->outcomes[i];
		if (o->moved)
			continue;
		(void)atomic_fetch_add(o->result == 0     ? &q->delivered
				       : s->fates[i].done ? &q->failed
							  : &q->delayed,
			1);
		(void)atomic_fetch_add(&q->lost, o->lost);
	}
}

static void log_one(const struct settling *s, size_t i)
{
	const struct queue_entry *e = &s->d->entries[i];
	const struct queue_outcome *o = &s->d->outcomes[i];
	const char *what = o->moved           ? "queued message goes to another back end"
			   : o->result == 0   ? "queued message delivered"
			   : s->fates[i].done ? "queued message failed"
					      : "queued message delayed";
	log_info(NULL, what, F_SLICE("id", e->session), F_SLICE("sender", e->sender),
		F_SLICE("recipient", e->recipient), F_STR("host", o->moved ? o->place : o->host),
		F_UINT("attempts", e->attempts + !o->moved),
		F_STR("why", o->result < 0 ? o->err.text : ""));
}

static void drop(struct queue *q, struct queue_place place)
{
	(void)pthread_mutex_lock(&q->lock);
	queue_schedule_drop(q->schedule, place);
	(void)pthread_mutex_unlock(&q->lock);
}

void queue_settle(struct queue *q, const struct queue_place *places, const struct queue_delivery *d)
{
	struct settling s = {q, places, d, clock_wall_ms(), alloc_zero(d->count, sizeof(*s.fates))};
	struct err err = {0};
	decide(&s);
	bool written = write_all(&s, &err) == 0;
	if (!written)
		log_error(NULL, "the queue could not be written: messages may go out twice",
			F_ERR(&err));
	for (size_t i = 0; i < d->count; i++) {
		struct queue_entry entry = d->entries[i];
		if (d->outcomes[i].moved)
			entry.place = slice_str(d->outcomes[i].place);
		log_one(&s, i);
		if (!written || !s.fates[i].done)
			queue_schedule_entry(q, places[i], &entry, s.fates[i].next);
		else
			drop(q, places[i]);
	}
	count(&s);
	free(s.fates);
}
