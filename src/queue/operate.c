/* What operators do with entries. */
#include "queue/queue_internal.h"

#include "base/clock.h"

void queue_place_name(struct queue_place place, char ret_name[QUEUE_NAME_SIZE])
{
	(void)snprintf(ret_name, QUEUE_NAME_SIZE, "%u.%u", place.shard, place.number);
}

static bool cut_number(struct slice text, uint32_t *ret_number)
{
	uint64_t value = 0;
	if (text.len == 0 || text.len > 10)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		value = value * 10 + (unsigned)(text.ptr[i] - '0');
	}
	*ret_number = (uint32_t)value;
	return value <= UINT32_MAX;
}

bool queue_place_read(struct slice name, struct queue_place *ret_place)
{
	struct slice shard = slice_cut(&name, '.');
	return cut_number(shard, &ret_place->shard) && cut_number(name, &ret_place->number);
}

struct scanning {
	uint32_t shard;
	bool (*visit)(void *context, struct queue_place place, const struct queue_entry *entry,
		uint64_t bytes, bool here);
	void *context;
	bool here, stopped;
};

static bool visit_object(void *context, const struct store_object *object)
{
	struct scanning *s = context;
	struct queue_entry entry;
	if (!queue_entry_read(object->data, &entry))
		entry = (struct queue_entry){.recipient = SLICE("(damaged)")};
	s->stopped = !s->visit(s->context, (struct queue_place){s->shard, object->number}, &entry,
		object->blob_len, s->here);
	return !s->stopped;
}

int queue_scan(struct queue *q,
	bool (*visit)(void *context, struct queue_place place, const struct queue_entry *entry,
		uint64_t bytes, bool here),
	void *context, struct err *err)
{
	struct scanning s = {.visit = visit, .context = context};
	int r = 0;
	for (; r >= 0 && s.shard < q->shard_count && !s.stopped; s.shard++) {
		struct id collection = queue_shard_collection(q, s.shard);
		s.here = queue_works_on(q, s.shard);
		if (!id_is_none(collection))
			r = store_scan_objects(q->options.store, q->shards[s.shard].account,
				collection, 1, UINT32_MAX, visit_object, &s, err);
	}
	return r < 0 ? r : 0;
}

int queue_get(struct queue *q, struct queue_place place, struct arena *arena,
	struct queue_entry *ret_entry, struct buf *ret_message, struct err *err)
{
	struct store_object object;
	if (place.shard >= q->shard_count)
		return STORE_ABSENT;
	int r = store_get_object(q->options.store, q->shards[place.shard].account,
		queue_shard_collection(q, place.shard), place.number, arena, &object, err);
	if (r != 0)
		return r;
	if (!queue_entry_read(object.data, ret_entry))
		return err_temporary(err, ERR_DAMAGED, "the queue entry is damaged");
	return ret_message ? store_read_blob(q->options.store, object.blob, 0, object.blob_len,
				     ret_message, err)
			   : 0;
}

static int change_entry(struct store_write *write, struct store_collection *c,
	struct store_object *object, enum queue_change change, struct queue_entry *entry,
	bool *ret_was_held, struct err *err)
{
	AUTO(buf_free) struct buf data = BUF(QUEUE_ENTRY_MAX);
	if (!queue_entry_read(object->data, entry)) {
		*ret_was_held = false;
		return change == QUEUE_REMOVE
			       ? store_write_object_gone(write, c, object, err)
			       : err_temporary(err, ERR_DAMAGED, "the queue entry is damaged");
	}
	*ret_was_held = entry->flags & QUEUE_HELD;
	if (change == QUEUE_REMOVE)
		return store_write_object_gone(write, c, object, err);
	if (change == QUEUE_HOLD)
		entry->flags |= QUEUE_HELD;
	if (change == QUEUE_RELEASE)
		entry->flags &= ~(unsigned)QUEUE_HELD;
	entry->next_ms = change == QUEUE_RETRY ? 0 : entry->next_ms;
	queue_entry_write(entry, object->data, &data);
	object->data = buf_slice(&data);
	return store_write_object(write, c, object, SLICE_NONE, err);
}

/* What the schedule hears of it. One that is tried at this moment goes back there, or is done. */
static void tell(struct queue *q, struct queue_place place, const struct queue_entry *entry,
	enum queue_change change, bool was_held)
{
	char room[QUEUE_DESTINATION_MAX];
	bool taken, waits = !(entry->flags & QUEUE_HELD);
	if (was_held && (change == QUEUE_RELEASE || change == QUEUE_REMOVE))
		queue_share_release(q, place.shard);
	if (!was_held && change == QUEUE_HOLD)
		queue_share_hold(q, place.shard, 1);
	if (!waits || (change != QUEUE_RETRY && change != QUEUE_RELEASE))
		return;
	struct slice destination = queue_destination_of(entry, room);
	(void)pthread_mutex_lock(&q->lock);
	int64_t now = clock_mono_ms();
	if (!queue_schedule_hurry(q->schedule, destination, place, now, &taken) && !taken)
		queue_schedule_add(q->schedule, destination, place, now);
	(void)pthread_mutex_unlock(&q->lock);
	queue_dispatch(q);
}

int queue_change(
	struct queue *q, struct queue_place place, enum queue_change change, struct err *err)
{
	struct store_write *write;
	struct store_collection *c;
	struct store_object object;
	struct queue_entry entry = {0};
	bool was_held = false;
	if (place.shard >= q->shard_count)
		return STORE_ABSENT;
	if ((change == QUEUE_RETRY || change == QUEUE_RELEASE) && !queue_works_on(q, place.shard))
		return err_temporary(err, ERR_UNAVAILABLE,
			"the other node of the mirror works on that entry: do it there");
	int r = store_write_begin(
		q->options.store, &q->shards[place.shard].account, 1, &write, err);
	if (r < 0)
		return r;
	r = queue_shard_write(q, place.shard, write, &c, err);
	if (r == 0)
		r = store_write_get_object(write, c, place.number, &object, err);
	if (r == 0)
		r = change_entry(write, c, &object, change, &entry, &was_held, err);
	if (r != 0) {
		store_write_abort(write);
		return r;
	}
	/* Its slices live as long as the write. */
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	entry.recipient = arena_copy(&arena, entry.recipient);
	r = store_write_commit(write, err);
	if (r == 0)
		tell(q, place, &entry, change, was_held);
	return r;
}

uint64_t queue_flush(struct queue *q, struct slice destination)
{
	(void)pthread_mutex_lock(&q->lock);
	uint64_t count = queue_schedule_flush(q->schedule, destination, clock_mono_ms());
	(void)pthread_mutex_unlock(&q->lock);
	queue_dispatch(q);
	return count;
}

void queue_list_destinations(struct queue *q,
	void (*visit)(void *context, const struct queue_destination_figures *figures),
	void *context)
{
	(void)pthread_mutex_lock(&q->lock);
	queue_schedule_list(q->schedule, visit, context);
	(void)pthread_mutex_unlock(&q->lock);
}
