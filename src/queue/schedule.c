/* Destinations in a hash table by name, each with a heap of its entries; and a heap of those
 * destinations that may be entered at some time, by that time. */
#include "queue/schedule.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "queue/destination.h"

enum {
	CONNECTIONS_MAX = 200,
	PER_DESTINATION_MAX = 20,
	LOCAL_MAX = 32,
	BACKOFF_FIRST_MS = 60 * 1000,
	BACKOFF_MAX_MS = 3600 * 1000,
	LOCAL_BACKOFF_MAX_MS = 5000,
	BUCKETS_FIRST = 64,
	LOOKERS_MAX = 4,
	EARLIER = 8, /* up to a part of so many, so that not all come back at once */
	WHY_MAX = 200,
};

#define NEVER INT64_MAX

struct item {
	uint32_t due_s, order; /* seconds of the monotonic clock; which was added first */
	struct queue_place place;
};

struct queue_destination {
	struct queue_destination *next; /* in its bucket */
	uint64_t hash;
	size_t ready;       /* its place among `ready`, 1 the first; 0: it is not there */
	int64_t key;        /* there */
	struct item *items; /* a heap */
	size_t count, cap;
	unsigned connections;
	bool local, met, looking;
	int64_t retry_ms, backoff_ms, look_ms;
	char why[WHY_MAX];
	size_t name_len;
	char name[];
};

struct queue_schedule {
	struct queue_schedule_options options;
	struct queue_destination **buckets;
	size_t bucket_count, destination_count;
	struct queue_destination **ready; /* a heap, from 1 on */
	size_t ready_count, ready_cap;
	struct queue_place *taken; /* in no order */
	size_t taken_count, taken_cap;
	uint32_t order;
	uint64_t entries;
	unsigned connections, lookers;
};

static unsigned or_default(unsigned value, unsigned otherwise)
{
	return value ? value : otherwise;
}

struct queue_schedule *queue_schedule_new(const struct queue_schedule_options *options)
{
	struct queue_schedule *s = ALLOC(struct queue_schedule);
	s->options = (struct queue_schedule_options){
		.connections_max = or_default(options->connections_max, CONNECTIONS_MAX),
		.per_destination_max =
			or_default(options->per_destination_max, PER_DESTINATION_MAX),
		.local_max = or_default(options->local_max, LOCAL_MAX),
		.backoff_first_ms = or_default(options->backoff_first_ms, BACKOFF_FIRST_MS),
		.backoff_max_ms = or_default(options->backoff_max_ms, BACKOFF_MAX_MS),
	};
	s->bucket_count = BUCKETS_FIRST;
	s->buckets = alloc_zero(s->bucket_count, sizeof(struct queue_destination *));
	return s;
}

static void free_destination(struct queue_destination *d)
{
	free(d->items);
	free(d);
}

void queue_schedule_free(struct queue_schedule *s)
{
	for (size_t i = 0; s && i < s->bucket_count; i++)
		for (struct queue_destination *d = s->buckets[i], *next; d; d = next) {
			next = d->next;
			free_destination(d);
		}
	if (s) {
		free(s->buckets);
		free(s->ready);
		free(s->taken);
	}
	free(s);
}

/* Destinations by name. */

static struct queue_destination *find(
	const struct queue_schedule *s, struct slice name, uint64_t hash)
{
	struct queue_destination *d = s->buckets[hash % s->bucket_count];
	while (d && !(d->hash == hash && slice_eq(queue_destination_name(d), name)))
		d = d->next;
	return d;
}

static void grow_buckets(struct queue_schedule *s)
{
	size_t count = s->bucket_count * 2;
	struct queue_destination **buckets = alloc_zero(count, sizeof(struct queue_destination *));
	for (size_t i = 0; i < s->bucket_count; i++)
		for (struct queue_destination *d = s->buckets[i], *next; d; d = next) {
			next = d->next;
			d->next = buckets[d->hash % count];
			buckets[d->hash % count] = d;
		}
	free(s->buckets);
	s->buckets = buckets;
	s->bucket_count = count;
}

static struct queue_destination *find_or_add(struct queue_schedule *s, struct slice name)
{
	uint64_t hash = bytes_hash(name);
	struct queue_destination *d = find(s, name, hash);
	struct slice place;
	if (d)
		return d;
	if (s->destination_count >= s->bucket_count)
		grow_buckets(s);
	d = alloc_zero(1, sizeof(*d) + name.len);
	d->hash = hash;
	d->name_len = name.len;
	d->local = queue_destination_is_local(name, &place);
	if (name.len > 0)
		memcpy(d->name, name.ptr, name.len);
	d->next = s->buckets[hash % s->bucket_count];
	s->buckets[hash % s->bucket_count] = d;
	s->destination_count++;
	return d;
}

static void drop(struct queue_schedule *s, struct queue_destination *d)
{
	struct queue_destination **at = &s->buckets[d->hash % s->bucket_count];
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	s->destination_count--;
	free_destination(d);
}

struct slice queue_destination_name(const struct queue_destination *d)
{
	return slice(d->name, d->name_len);
}

/* The heap of a destination's entries. */

static bool item_before(const struct item *a, const struct item *b)
{
	return a->due_s != b->due_s ? a->due_s < b->due_s : (int32_t)(a->order - b->order) < 0;
}

static void item_up(struct item *items, size_t at)
{
	while (at > 0 && item_before(&items[at], &items[(at - 1) / 2])) {
		struct item other = items[(at - 1) / 2];
		items[(at - 1) / 2] = items[at];
		items[at] = other;
		at = (at - 1) / 2;
	}
}

static void item_down(struct item *items, size_t count, size_t at)
{
	for (;;) {
		size_t least = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++)
			if (item_before(&items[child], &items[least]))
				least = child;
		if (least == at)
			return;
		struct item other = items[least];
		items[least] = items[at];
		items[at] = other;
		at = least;
	}
}

static void item_add(struct queue_destination *d, struct item item)
{
	if (d->count == d->cap) {
		d->cap = d->cap ? d->cap + d->cap / 2 + 1 : 2;
		d->items = alloc_resize(d->items, d->cap, sizeof(*d->items));
	}
	d->items[d->count] = item;
	item_up(d->items, d->count++);
}

static struct item item_take(struct queue_destination *d)
{
	struct item first = d->items[0];
	d->items[0] = d->items[--d->count];
	item_down(d->items, d->count, 0);
	if (d->cap > 64 && d->count < d->cap / 4) {
		d->cap /= 2;
		d->items = alloc_resize(d->items, d->cap, sizeof(*d->items));
	}
	return first;
}

/* The heap of destinations. */

static void put_ready(struct queue_schedule *s, struct queue_destination *d, size_t at)
{
	s->ready[at] = d;
	d->ready = at;
}

static size_t ready_up(struct queue_schedule *s, struct queue_destination *d, size_t at)
{
	for (; at > 1 && d->key < s->ready[at / 2]->key; at /= 2)
		put_ready(s, s->ready[at / 2], at);
	put_ready(s, d, at);
	return at;
}

static void ready_down(struct queue_schedule *s, struct queue_destination *d, size_t at)
{
	for (;;) {
		size_t child = 2 * at;
		if (child + 1 <= s->ready_count && s->ready[child + 1]->key < s->ready[child]->key)
			child++;
		if (child > s->ready_count || s->ready[child]->key >= d->key)
			break;
		put_ready(s, s->ready[child], at);
		at = child;
	}
	put_ready(s, d, at);
}

static void ready_remove(struct queue_schedule *s, struct queue_destination *d)
{
	size_t at = d->ready;
	struct queue_destination *last = s->ready[s->ready_count--];
	d->ready = 0;
	if (last != d && ready_up(s, last, at) == at)
		ready_down(s, last, at);
}

static unsigned limit_of(const struct queue_schedule *s, const struct queue_destination *d)
{
	if (!d->met)
		return 1;
	return d->local ? s->options.local_max : s->options.per_destination_max;
}

/* When it may be entered. */
static int64_t key_of(const struct queue_schedule *s, const struct queue_destination *d)
{
	if (d->count == 0 || d->connections >= limit_of(s, d))
		return NEVER;
	return MAX((int64_t)d->items[0].due_s * 1000, d->retry_ms);
}

/* After anything about it has changed. */
static void settle(struct queue_schedule *s, struct queue_destination *d)
{
	int64_t key = key_of(s, d);
	if (d->count == 0 && d->connections == 0) {
		if (d->ready)
			ready_remove(s, d);
		drop(s, d);
		return;
	}
	if (d->ready && (key == NEVER || key != d->key))
		ready_remove(s, d);
	d->key = key;
	if (d->ready || key == NEVER)
		return;
	if (s->ready_count + 1 >= s->ready_cap) {
		s->ready_cap = s->ready_cap ? s->ready_cap * 2 : 16;
		s->ready = alloc_resize(s->ready, s->ready_cap, sizeof(struct queue_destination *));
	}
	(void)ready_up(s, d, ++s->ready_count);
}

static bool is_place(struct queue_place a, struct queue_place b)
{
	return a.shard == b.shard && a.number == b.number;
}

/* Those taken last are looked at first; there are few. */
static size_t find_taken(const struct queue_schedule *s, struct queue_place place)
{
	size_t i = s->taken_count;
	while (i > 0 && !is_place(s->taken[i - 1], place))
		i--;
	return i;
}

static void note_taken(struct queue_schedule *s, struct queue_place place)
{
	if (s->taken_count == s->taken_cap) {
		s->taken_cap = s->taken_cap ? s->taken_cap * 2 : 64;
		s->taken = alloc_resize(s->taken, s->taken_cap, sizeof(*s->taken));
	}
	s->taken[s->taken_count++] = place;
}

void queue_schedule_drop(struct queue_schedule *s, struct queue_place place)
{
	size_t at = find_taken(s, place);
	if (at > 0)
		s->taken[at - 1] = s->taken[--s->taken_count];
}

void queue_schedule_add(struct queue_schedule *s, struct slice destination,
	struct queue_place place, int64_t due_ms)
{
	struct queue_destination *d = find_or_add(s, destination);
	queue_schedule_drop(s, place);
	item_add(d, (struct item){(uint32_t)(MAX(due_ms, 0) / 1000), s->order++, place});
	s->entries++;
	settle(s, d);
}

static size_t forget(struct queue_destination *d, uint32_t shard)
{
	size_t before = d->count;
	d->count = 0;
	for (size_t i = 0; i < before; i++)
		if (d->items[i].place.shard != shard)
			d->items[d->count++] = d->items[i];
	for (size_t i = d->count / 2; i-- > 0;)
		item_down(d->items, d->count, i);
	return before - d->count;
}

void queue_schedule_forget(struct queue_schedule *s, uint32_t shard)
{
	for (size_t i = 0; i < s->bucket_count; i++)
		for (struct queue_destination *d = s->buckets[i], *next; d; d = next) {
			next = d->next;
			s->entries -= forget(d, shard);
			settle(s, d);
		}
}

bool queue_schedule_tries(const struct queue_schedule *s, uint32_t shard)
{
	for (size_t i = 0; i < s->taken_count; i++)
		if (s->taken[i].shard == shard)
			return true;
	return false;
}

bool queue_schedule_hurry(struct queue_schedule *s, struct slice destination,
	struct queue_place place, int64_t now_ms, bool *ret_taken)
{
	struct queue_destination *d = find(s, destination, bytes_hash(destination));
	size_t i = 0;
	*ret_taken = find_taken(s, place) > 0;
	while (d && i < d->count && !is_place(d->items[i].place, place))
		i++;
	if (!d || i == d->count)
		return false;
	d->items[i].due_s = MIN(d->items[i].due_s, (uint32_t)(now_ms / 1000));
	item_up(d->items, i);
	d->retry_ms = 0;
	settle(s, d);
	return true;
}

static bool is_due(const struct queue_destination *d, int64_t now_ms)
{
	return d->count > 0 && (int64_t)d->items[0].due_s * 1000 <= now_ms && d->retry_ms <= now_ms;
}

static size_t take(struct queue_schedule *s, struct queue_destination *d, int64_t now_ms,
	struct queue_place *ret_places, size_t max)
{
	size_t count = 0;
	while (count < max && is_due(d, now_ms)) {
		struct queue_place next = d->items[0].place;
		if (count > 0 && (next.shard != ret_places[0].shard ||
					 next.number != ret_places[count - 1].number + 1))
			break;
		ret_places[count++] = item_take(d).place;
		note_taken(s, next);
	}
	s->entries -= count;
	return count;
}

size_t queue_schedule_enter(struct queue_schedule *s, int64_t now_ms,
	struct queue_destination **ret_destination, struct queue_place *ret_places, size_t max,
	int64_t *ret_next_ms)
{
	*ret_next_ms = NEVER;
	if (s->ready_count == 0 || s->connections >= s->options.connections_max)
		return 0;
	struct queue_destination *d = s->ready[1];
	if (d->key > now_ms) {
		*ret_next_ms = d->key;
		return 0;
	}
	size_t count = take(s, d, now_ms, ret_places, max);
	d->connections++;
	s->connections++;
	settle(s, d);
	*ret_destination = d;
	return count;
}

void queue_schedule_met(struct queue_schedule *s, struct queue_destination *d)
{
	d->met = true;
	d->backoff_ms = d->retry_ms = 0;
	settle(s, d);
}

size_t queue_schedule_take(struct queue_schedule *s, struct queue_destination *d, int64_t now_ms,
	struct queue_place *ret_places, size_t max)
{
	size_t count = take(s, d, now_ms, ret_places, max);
	settle(s, d);
	return count;
}

bool queue_schedule_looks(
	struct queue_schedule *s, struct queue_destination *d, int64_t now_ms, int64_t every_ms)
{
	if (d->look_ms == 0)
		d->look_ms = now_ms + 1 + (int64_t)(d->hash % (uint64_t)every_ms);
	if (now_ms < d->look_ms || d->looking || s->lookers >= LOOKERS_MAX)
		return false;
	d->look_ms = now_ms + every_ms;
	d->looking = true;
	s->lookers++;
	return true;
}

void queue_schedule_looked(struct queue_schedule *s, struct queue_destination *d)
{
	d->looking = false;
	s->lookers--;
}

static void leave_alone(
	struct queue_schedule *s, struct queue_destination *d, const char *why, int64_t now_ms)
{
	int64_t first =
		d->local ? MIN(s->options.backoff_first_ms, 1000) : s->options.backoff_first_ms;
	int64_t most = d->local ? MIN(s->options.backoff_max_ms, LOCAL_BACKOFF_MAX_MS)
				: s->options.backoff_max_ms;
	if (d->retry_ms > now_ms)
		return; /* another connection has said so */
	d->met = false;
	d->backoff_ms = d->backoff_ms ? MIN(d->backoff_ms * 2, most) : first;
	d->retry_ms = now_ms + d->backoff_ms;
	if (!d->local)
		d->retry_ms -= d->backoff_ms / EARLIER * (int64_t)(d->hash % 256) / 256;
	(void)snprintf(d->why, sizeof(d->why), "%s", why);
}

void queue_schedule_leave(struct queue_schedule *s, struct queue_destination *d, bool unreachable,
	const char *why, int64_t now_ms)
{
	d->connections--;
	s->connections--;
	if (unreachable)
		leave_alone(s, d, why, now_ms);
	settle(s, d);
}

static uint64_t flush(struct queue_schedule *s, struct queue_destination *d, int64_t now_ms)
{
	uint32_t now_s = (uint32_t)(now_ms / 1000);
	for (size_t i = 0; i < d->count; i++)
		d->items[i].due_s = MIN(d->items[i].due_s, now_s);
	for (size_t i = d->count / 2; i-- > 0;)
		item_down(d->items, d->count, i);
	d->retry_ms = d->backoff_ms = 0;
	settle(s, d);
	return d->count;
}

uint64_t queue_schedule_flush(struct queue_schedule *s, struct slice destination, int64_t now_ms)
{
	uint64_t count = 0;
	if (destination.ptr) {
		struct queue_destination *d = find(s, destination, bytes_hash(destination));
		return d && d->count > 0 ? flush(s, d, now_ms) : 0;
	}
	for (size_t i = 0; i < s->bucket_count; i++)
		for (struct queue_destination *d = s->buckets[i], *next; d; d = next) {
			next = d->next;
			count += d->count > 0 ? flush(s, d, now_ms) : 0;
		}
	return count;
}

struct queue_schedule_figures queue_schedule_figures(const struct queue_schedule *s)
{
	struct queue_schedule_figures f = {.entries = s->entries,
		.destinations = s->destination_count,
		.connections = s->connections};
	for (size_t i = 0; i < s->bucket_count; i++)
		for (const struct queue_destination *d = s->buckets[i]; d; d = d->next)
			f.unreachable += d->retry_ms != 0;
	return f;
}

void queue_schedule_list(const struct queue_schedule *s,
	void (*visit)(void *context, const struct queue_destination_figures *figures),
	void *context)
{
	for (size_t i = 0; i < s->bucket_count; i++)
		for (const struct queue_destination *d = s->buckets[i]; d; d = d->next) {
			struct queue_destination_figures f = {.name = queue_destination_name(d),
				.entries = d->count,
				.connections = d->connections,
				.retry_ms = d->retry_ms,
				.why = d->why};
			visit(context, &f);
		}
}
