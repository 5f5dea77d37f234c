/* Opening, adding, and beginning work. */
#include "queue/queue_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"
#include "queue/destination.h"

enum {
	MINUTE_MS = 60 * 1000,
	HOUR_MS = 60 * MINUTE_MS,
	DAY_MS = 24 * HOUR_MS,
	LIFETIME_DAYS = 5,
	DELAY_HOURS = 4,
	LOOK_MS = 250,
};

static const unsigned RETRIES[] = {
	5 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS, 2 * HOUR_MS, 4 * HOUR_MS};

static void set_defaults(struct queue_options *o)
{
	if (o->retry_count == 0) {
		o->retry_count = ARRAY_LEN(RETRIES);
		memcpy(o->retry_ms, RETRIES, sizeof(RETRIES));
	}
	o->lifetime_ms = o->lifetime_ms ? o->lifetime_ms : (int64_t)LIFETIME_DAYS * DAY_MS;
	o->delay_ms = o->delay_ms ? o->delay_ms : (int64_t)DELAY_HOURS * HOUR_MS;
}

void queue_schedule_entry(
	struct queue *q, struct queue_place place, const struct queue_entry *entry, int64_t due_ms)
{
	char room[QUEUE_DESTINATION_MAX];
	int64_t due = clock_mono_ms() + due_ms - clock_wall_ms();
	struct slice destination = queue_destination_of(entry, room);
	(void)pthread_mutex_lock(&q->lock);
	if (q->shards[place.shard].worked)
		queue_schedule_add(q->schedule, destination, place, due);
	else
		queue_schedule_drop(q->schedule, place);
	(void)pthread_mutex_unlock(&q->lock);
}

int queue_open(const struct queue_options *options, struct queue **ret_queue, struct err *err)
{
	struct queue *q = ALLOC(struct queue);
	q->options = *options;
	set_defaults(&q->options);
	must(pthread_mutex_init(&q->lock, NULL) == 0);
	q->schedule = queue_schedule_new(&options->schedule);
	q->opened_ms = clock_wall_ms();
	if ((options->underway &&
		    queue_underway_open(options->underway, options->boot, &q->underway, err) < 0) ||
		queue_shards_load(q, err) < 0 || queue_share_open(q, err) < 0) {
		queue_close(q);
		return -1;
	}
	if (q->underway)
		queue_underway_forget_others(q->underway);
	*ret_queue = q;
	return 0;
}

void queue_close(struct queue *q)
{
	if (!q)
		return;
	queue_schedule_free(q->schedule);
	queue_underway_close(q->underway);
	(void)pthread_mutex_destroy(&q->lock);
	free(q->shards);
	free(q);
}

static void look(void *context)
{
	queue_share_look(context);
	queue_dispatch(context);
}

static void set_running(struct queue *q, bool running)
{
	(void)pthread_mutex_lock(&q->lock);
	q->running = running;
	(void)pthread_mutex_unlock(&q->lock);
}

void queue_start(struct queue *q)
{
	set_running(q, true);
	queue_share_look(q);
	net_loop_every(q->options.loop, LOOK_MS, look, q);
}

void queue_stop(struct queue *q)
{
	set_running(q, false);
}

struct job {
	struct queue *q;
	struct queue_destination *destination;
	size_t count;
	struct queue_place places[QUEUE_BATCH_MAX];
};

static void run_job(void *context)
{
	struct job *job = context;
	queue_work(job->q, job->destination, job->places, job->count);
	free(job);
}

void queue_dispatch(struct queue *q)
{
	struct job *job = NULL;
	for (;;) {
		int64_t next;
		if (!job)
			job = ALLOC(struct job);
		job->q = q;
		(void)pthread_mutex_lock(&q->lock);
		job->count = q->running && q->ready ? queue_schedule_enter(q->schedule,
							      clock_mono_ms(), &job->destination,
							      job->places, QUEUE_BATCH_MAX, &next)
						    : 0;
		(void)pthread_mutex_unlock(&q->lock);
		if (job->count == 0)
			break;
		net_loop_spawn(q->options.loop, run_job, job);
		job = NULL;
	}
	free(job);
}

static int by_address(const void *a, const void *b)
{
	const struct queue_recipient *x = *(const struct queue_recipient *const *)a,
				     *y = *(const struct queue_recipient *const *)b;
	int order = slice_cmp(x->address, y->address);
	return order ? order : x < y ? -1 : x > y;
}

/* Of equals the first one stays. */
static void drop_doubles(struct queue_message *m, struct arena *arena)
{
	const struct queue_recipient **sorted =
		ARENA_ARRAY(arena, const struct queue_recipient *, m->count);
	struct queue_recipient *kept = ARENA_ARRAY(arena, struct queue_recipient, m->count);
	size_t count = 0;
	for (size_t i = 0; i < m->count; i++)
		sorted[i] = &m->recipients[i];
	qsort(sorted, m->count, sizeof(*sorted), by_address);
	for (size_t i = 0; i < m->count; i++)
		if (i == 0 || !slice_eq(sorted[i]->address, sorted[i - 1]->address))
			kept[count++] = *sorted[i];
	m->recipients = kept;
	m->count = count;
}

static void fill(
	const struct queue_message *m, const struct queue_recipient *r, struct queue_entry *entry)
{
	entry->recipient = r->address;
	entry->notify = r->notify;
	entry->orcpt = r->orcpt;
	entry->place = r->local ? r->place : SLICE("");
	entry->flags = (r->local ? QUEUE_LOCAL : 0u) | (m->requiretls ? QUEUE_REQUIRETLS : 0u) |
		       (m->tls_optional && !m->requiretls ? QUEUE_TLS_OPTIONAL : 0u) |
		       (m->held.len > 0 ? QUEUE_HELD : 0u);
}

static int write_entries(struct store_write *write, struct store_collection *c,
	const struct queue_message *m, struct queue_entry *entry, struct slice message,
	uint32_t *numbers, struct err *err)
{
	AUTO(buf_free) struct buf data = BUF(QUEUE_ENTRY_MAX);
	struct id blob = store_write_blob(write, message);
	for (size_t i = 0; i < m->count; i++) {
		fill(m, &m->recipients[i], entry);
		buf_clear(&data);
		queue_entry_write(entry, SLICE(""), &data);
		if (data.failed)
			return err_permanent(err, ERR_LIMIT, "the envelope is too long");
		struct store_object object = {.blob = blob, .data = buf_slice(&data)};
		int r = store_write_object_new(write, c, &object, SLICE_NONE, err);
		if (r < 0)
			return r;
		numbers[i] = object.number;
	}
	return 0;
}

static int write_message(struct queue *q, uint32_t shard, const struct queue_message *m,
	struct queue_entry *entry, struct slice message, uint32_t *numbers, struct err *err)
{
	struct store_write *write;
	struct store_collection *c;
	const struct id accounts[] = {
		q->shards[shard].account, m->also ? m->also->account : ID_NONE};
	int r = store_write_begin(q->options.store, accounts, m->also ? 2 : 1, &write, err);
	if (r < 0)
		return r;
	r = queue_shard_write(q, shard, write, &c, err);
	if (r == 0)
		r = write_entries(write, c, m, entry, message, numbers, err);
	if (r == 0 && m->also)
		r = m->also->write(m->also->context, write, err);
	if (r == 0)
		return store_write_commit(write, err);
	store_write_abort(write);
	return r;
}

/* What all entries of a message have in common. */
static struct queue_entry first_entry(const struct queue_message *m)
{
	int64_t now = clock_wall_ms();
	bool tried = !id_is_none(m->id);
	return (struct queue_entry){.message = tried ? m->id : id_new(),
		.arrived_ms = now,
		.attempts = tried,
		.tried_ms = tried ? now : 0,
		.sender = m->sender,
		.body = m->body,
		.ret = m->ret,
		.smtputf8 = m->smtputf8,
		.envid = m->envid,
		.user = m->user,
		.session = m->session,
		.reason = m->held};
}

static int add(struct queue *q, const struct queue_message *m, struct err *err)
{
	AUTO(buf_free) struct buf whole = BUF(m->head.len + m->text.len + 1);
	struct slice message = m->head.len == 0 ? m->text : m->head;
	uint32_t shard = q->own[atomic_fetch_add(&q->next_own, 1) % QUEUE_SHARDS];
	struct queue_entry entry = first_entry(m);
	if (m->head.len > 0 && m->text.len > 0) {
		buf_add_slice(&whole, m->head);
		buf_add_slice(&whole, m->text);
		if (whole.failed)
			return err_temporary(err, ERR_LIMIT, "no memory for the message");
		message = buf_slice(&whole);
	}
	uint32_t *numbers = alloc_zero(m->count, sizeof(*numbers));
	int r = write_message(q, shard, m, &entry, message, numbers, err);
	if (r == 0 && m->held.len > 0)
		queue_share_hold(q, shard, m->count);
	for (size_t i = 0; r == 0 && m->held.len == 0 && i < m->count; i++) {
		fill(m, &m->recipients[i], &entry);
		queue_schedule_entry(
			q, (struct queue_place){shard, numbers[i]}, &entry, entry.arrived_ms);
	}
	free(numbers);
	if (r == 0) {
		(void)atomic_fetch_add(&q->added, m->count);
		queue_dispatch(q);
	}
	return r;
}

int queue_add(struct queue *q, const struct queue_message *message, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct queue_message distinct = *message;
	if (message->count == 0 || message->count > QUEUE_RECIPIENTS_MAX)
		return err_permanent(err, ERR_LIMIT, "%zu recipients", message->count);
	if (message->count > 1)
		drop_doubles(&distinct, &arena);
	return add(q, &distinct, err);
}

struct queue_figures queue_figures(struct queue *q)
{
	(void)pthread_mutex_lock(&q->lock);
	struct queue_schedule_figures s = queue_schedule_figures(q->schedule);
	uint64_t held = 0;
	for (size_t i = 0; i < q->shard_count; i++)
		held += q->shards[i].held;
	(void)pthread_mutex_unlock(&q->lock);
	return (struct queue_figures){.entries = s.entries,
		.destinations = s.destinations,
		.connections = s.connections,
		.unreachable = s.unreachable,
		.held = held,
		.added = atomic_load(&q->added),
		.delivered = atomic_load(&q->delivered),
		.delayed = atomic_load(&q->delayed),
		.failed = atomic_load(&q->failed),
		.lost = atomic_load(&q->lost)};
}
