/* A table of names; each has a ring of the last fields of that name. */
#include "filter/dkim_fields.h"

#include "base/bytes.h"
#include "base/must.h"

enum { BUCKETS = 512 };

struct wanted {
	struct slice name;
	uint64_t list;              /* the list that `count` is of */
	size_t count;               /* wanted, or taken, in that list */
	size_t max;                 /* the most that a list wants */
	uint64_t seen;              /* fields of that name so far */
	struct message_field *ring; /* `max` of them, once the walk has begun */
	struct wanted *next;
};

struct filter_dkim_fields {
	struct arena *arena;
	uint64_t list;
	struct wanted *buckets[BUCKETS];
};

/* Of the whole name: who sends it must not be able to put many into one bucket. */
static size_t bucket_of(struct slice name)
{
	char lower[64];
	uint64_t hash = name.len;
	while (name.len > 0) {
		size_t n = MIN(name.len, sizeof(lower));
		for (size_t i = 0; i < n; i++)
			lower[i] = slice_lower(name.ptr[i]);
		hash = hash * 31 + bytes_hash(slice(lower, n));
		name = slice_from(name, n);
	}
	return hash % BUCKETS;
}

static struct wanted *find(const struct filter_dkim_fields *f, struct slice name)
{
	for (struct wanted *w = f->buckets[bucket_of(name)]; w; w = w->next)
		if (slice_eq_nocase(w->name, name))
			return w;
	return NULL;
}

struct filter_dkim_fields *filter_dkim_fields_new(struct arena *arena)
{
	struct filter_dkim_fields *f = ARENA_NEW(arena, struct filter_dkim_fields);
	f->arena = arena;
	return f;
}

void filter_dkim_fields_begin(struct filter_dkim_fields *f)
{
	f->list++;
}

/* How many of that name the list has so far. */
static size_t *count_in_list(struct filter_dkim_fields *f, struct wanted *w)
{
	if (w->list != f->list) {
		w->list = f->list;
		w->count = 0;
	}
	return &w->count;
}

void filter_dkim_fields_want(struct filter_dkim_fields *f, struct slice name, size_t count)
{
	struct wanted *w = find(f, name);
	if (!w) {
		struct wanted **bucket = &f->buckets[bucket_of(name)];
		w = ARENA_NEW(f->arena, struct wanted);
		*w = (struct wanted){.name = name, .next = *bucket};
		*bucket = w;
	}
	must(!w->ring);
	size_t *in_list = count_in_list(f, w);
	*in_list += count;
	w->max = MAX(w->max, *in_list);
}

void filter_dkim_fields_scan(struct filter_dkim_fields *f, struct slice header)
{
	struct message_field field;
	while (message_next_field(&header, &field)) {
		struct wanted *w = find(f, field.name);
		if (!w || field.name.len == 0)
			continue;
		if (!w->ring)
			w->ring = ARENA_ARRAY(f->arena, struct message_field, w->max);
		w->ring[w->seen++ % w->max] = field;
	}
}

const struct message_field *filter_dkim_fields_take(struct filter_dkim_fields *f, struct slice name)
{
	struct wanted *w = find(f, name);
	if (!w)
		return NULL;
	size_t *taken = count_in_list(f, w);
	if (*taken >= w->seen || *taken >= w->max)
		return NULL;
	++*taken;
	return &w->ring[(w->seen - *taken) % w->max];
}

uint64_t filter_dkim_fields_count(const struct filter_dkim_fields *f, struct slice name)
{
	const struct wanted *w = find(f, name);
	return w ? w->seen : 0;
}
