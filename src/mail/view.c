/* Views: rows in shared chunks, looked up by sequence number and UID. */
#include "mail/view_internal.h"

#include "base/alloc.h"
#include "base/must.h"

enum { FIRST_ROWS = 16 };

static size_t chunk_size(uint32_t rows)
{
	return sizeof(struct view_chunk) + sizeof(struct mail_row) * rows;
}

static struct view_chunk *chunk_new(uint32_t room)
{
	struct view_chunk *chunk = alloc(chunk_size(room));
	atomic_init(&chunk->refs, 1);
	chunk->count = 0;
	chunk->room = room;
	return chunk;
}

/* Nobody else has it yet. */
static struct view_chunk *chunk_resize(struct view_chunk *chunk, uint32_t room)
{
	chunk = alloc_resize(chunk, chunk_size(room), 1);
	chunk->room = room;
	return chunk;
}

static void chunk_unref(struct view_chunk *chunk)
{
	if (atomic_fetch_sub_explicit(&chunk->refs, 1, memory_order_acq_rel) == 1)
		free(chunk);
}

static void push(struct view_builder *builder, struct view_chunk *chunk, bool ours)
{
	if (builder->count == builder->room) {
		builder->room = builder->room ? builder->room * 2 : 1;
		builder->chunks =
			alloc_resize(builder->chunks, builder->room, sizeof(struct view_chunk *));
	}
	builder->chunks[builder->count++] = chunk;
	builder->last_is_ours = ours;
}

/* The last chunk gives back what it does not need: most mailboxes are smaller than a chunk. */
static void trim_last(struct view_builder *builder)
{
	if (builder->count == 0 || !builder->last_is_ours)
		return;
	struct view_chunk **last = &builder->chunks[builder->count - 1];
	if ((*last)->count < (*last)->room)
		*last = chunk_resize(*last, (*last)->count);
}

/* The last chunk, fit to be added to, or NULL when it is full or there is none. */
static struct view_chunk *open_chunk(struct view_builder *builder)
{
	if (builder->count == 0)
		return NULL;
	struct view_chunk **last = &builder->chunks[builder->count - 1];
	uint32_t count = (*last)->count;
	if (count == VIEW_CHUNK_ROWS)
		return NULL;
	if (!builder->last_is_ours) {
		struct view_chunk *copy =
			chunk_new(MIN(count + FIRST_ROWS, (uint32_t)VIEW_CHUNK_ROWS));
		copy->count = count;
		memcpy(copy->rows, (*last)->rows, sizeof(copy->rows[0]) * count);
		chunk_unref(*last);
		*last = copy;
		builder->last_is_ours = true;
	}
	if (count == (*last)->room)
		*last = chunk_resize(*last, MIN(count * 2, (uint32_t)VIEW_CHUNK_ROWS));
	return *last;
}

void view_builder_add(struct view_builder *builder, const struct mail_row *row)
{
	struct view_chunk *chunk = open_chunk(builder);
	if (!chunk) {
		chunk = chunk_new(FIRST_ROWS);
		push(builder, chunk, true);
	}
	chunk->rows[chunk->count++] = *row;
}

void view_builder_share(struct view_builder *builder, struct view_chunk *chunk)
{
	if (builder->count > 0 && builder->last_is_ours) {
		struct view_chunk **last = &builder->chunks[builder->count - 1];
		uint32_t count = (*last)->count + chunk->count;
		if (count <= VIEW_CHUNK_ROWS) {
			if (count > (*last)->room)
				*last = chunk_resize(*last, count);
			memcpy(&(*last)->rows[(*last)->count], chunk->rows,
				sizeof(chunk->rows[0]) * chunk->count);
			(*last)->count = count;
			return;
		}
	}
	trim_last(builder);
	atomic_fetch_add_explicit(&chunk->refs, 1, memory_order_relaxed);
	push(builder, chunk, false);
}

struct mail_view *view_builder_finish(struct view_builder *builder, uint32_t uid_validity,
	uint32_t uid_next, uint64_t change, struct keyword_table *keywords)
{
	trim_last(builder);
	struct mail_view *view =
		alloc_zero(1, sizeof(*view) + sizeof(uint32_t) * ((size_t)builder->count + 1));
	view->magic = VIEW_MAGIC;
	atomic_init(&view->refs, 1);
	atomic_init(&view->first_unseen, UINT32_MAX);
	view->uid_validity = uid_validity;
	view->uid_next = uid_next;
	view->change = change;
	view->keywords = keyword_table_ref(keywords);
	view->chunks = builder->chunks;
	view->chunk_count = builder->count;
	for (uint32_t i = 0; i < view->chunk_count; i++) {
		view->starts[i] = view->count;
		view->count += view->chunks[i]->count;
	}
	view->starts[view->chunk_count] = view->count;
	*builder = (struct view_builder){0};
	return view;
}

void view_builder_free(struct view_builder *builder)
{
	for (uint32_t i = 0; i < builder->count; i++)
		chunk_unref(builder->chunks[i]);
	free(builder->chunks);
	*builder = (struct view_builder){0};
}

bool view_place_skip_shared(struct view_place *a, struct view_place *b)
{
	if (a->row != 0 || b->row != 0 || view_place_end(a) || view_place_end(b) ||
		a->view->chunks[a->chunk] != b->view->chunks[b->chunk])
		return false;
	a->chunk++;
	b->chunk++;
	return true;
}

struct mail_view *mail_view_ref(struct mail_view *view)
{
	must(view->magic == VIEW_MAGIC);
	atomic_fetch_add_explicit(&view->refs, 1, memory_order_relaxed);
	return view;
}

void mail_view_unref(struct mail_view *view)
{
	if (!view)
		return;
	must(view->magic == VIEW_MAGIC);
	if (atomic_fetch_sub_explicit(&view->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (uint32_t i = 0; i < view->chunk_count; i++)
		chunk_unref(view->chunks[i]);
	keyword_table_unref(view->keywords);
	view->magic = 0;
	free(view->chunks);
	free(view);
}

uint32_t mail_view_count(const struct mail_view *view)
{
	return view->count;
}

uint32_t mail_view_uid_validity(const struct mail_view *view)
{
	return view->uid_validity;
}

uint32_t mail_view_uid_next(const struct mail_view *view)
{
	return view->uid_next;
}

uint64_t mail_view_change(const struct mail_view *view)
{
	return view->change;
}

const struct mail_row *mail_view_row(const struct mail_view *view, uint32_t seq)
{
	must(seq >= 1 && seq <= view->count);
	uint32_t index = seq - 1;
	/* No chunk holds more than VIEW_CHUNK_ROWS: the row is in this chunk or a later one. */
	uint32_t low = index / VIEW_CHUNK_ROWS, high = view->chunk_count - 1;
	if (view->starts[low + 1] <= index) {
		low++;
		while (low < high) {
			uint32_t middle = low + (high - low) / 2;
			if (view->starts[middle + 1] <= index)
				low = middle + 1;
			else
				high = middle;
		}
	}
	return &view->chunks[low]->rows[index - view->starts[low]];
}

uint32_t mail_view_seq_from(const struct mail_view *view, uint32_t uid)
{
	uint32_t low = 0, high = view->chunk_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct view_chunk *chunk = view->chunks[middle];
		if (chunk->rows[chunk->count - 1].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == view->chunk_count)
		return view->count + 1;
	const struct view_chunk *chunk = view->chunks[low];
	uint32_t first = 0, end = chunk->count;
	while (first < end) {
		uint32_t middle = first + (end - first) / 2;
		if (chunk->rows[middle].uid < uid)
			first = middle + 1;
		else
			end = middle;
	}
	return view->starts[low] + first + 1;
}

uint32_t mail_view_seq(const struct mail_view *view, uint32_t uid)
{
	uint32_t seq = mail_view_seq_from(view, uid);
	return seq <= view->count && mail_view_row(view, seq)->uid == uid ? seq : 0;
}

const struct mail_keywords *mail_view_keywords(const struct mail_view *view, uint32_t keywords)
{
	return keyword_table_get(view->keywords, keywords);
}

/* Marks the sets that rows use; returns how many there are. */
static size_t mark_used(const struct mail_view *view, bool *used)
{
	size_t count = 0;
	for (uint32_t c = 0; c < view->chunk_count; c++) {
		const struct view_chunk *chunk = view->chunks[c];
		for (uint32_t r = 0; r < chunk->count; r++) {
			uint32_t number = chunk->rows[r].keywords;
			count += number != 0 && !used[number];
			used[number] = true;
		}
	}
	return count;
}

static int compare_names(const void *a, const void *b)
{
	return mail_keyword_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

void mail_view_all_keywords(
	const struct mail_view *view, struct arena *arena, struct mail_keywords *ret_keywords)
{
	/* Sets that others add meanwhile are not of this view. */
	uint32_t sets = keyword_table_count(view->keywords);
	AUTO_FREE bool *used = alloc_zero((size_t)sets + 1, sizeof(*used));
	*ret_keywords = (struct mail_keywords){0};
	if (sets == 0 || mark_used(view, used) == 0)
		return;
	size_t total = 0, kept = 0;
	for (uint32_t number = 1; number <= sets; number++)
		total += used[number] ? mail_view_keywords(view, number)->count : 0;
	AUTO_FREE struct slice *names = alloc_zero(total, sizeof(*names));
	total = 0;
	for (uint32_t number = 1; number <= sets; number++) {
		const struct mail_keywords *set = mail_view_keywords(view, number);
		for (uint32_t i = 0; used[number] && i < set->count; i++)
			names[total++] = set->names[i];
	}
	qsort(names, total, sizeof(*names), compare_names);
	for (size_t i = 0; i < total; i++)
		if (kept == 0 || mail_keyword_cmp(names[kept - 1], names[i]) != 0)
			names[kept++] = names[i];
	struct slice *copies = ARENA_ARRAY(arena, struct slice, kept);
	for (size_t i = 0; i < kept; i++)
		copies[i] = arena_copy(arena, names[i]);
	*ret_keywords = (struct mail_keywords){.count = (uint32_t)kept, .names = copies};
}

uint32_t mail_view_first_unseen(const struct mail_view *view)
{
	atomic_uint *known = &((struct mail_view *)view)->first_unseen;
	uint32_t seq = atomic_load_explicit(known, memory_order_relaxed);
	if (seq != UINT32_MAX)
		return seq;
	seq = 0;
	for (uint32_t c = 0; seq == 0 && c < view->chunk_count; c++) {
		const struct view_chunk *chunk = view->chunks[c];
		for (uint32_t r = 0; seq == 0 && r < chunk->count; r++)
			if (!(chunk->rows[r].flags & MAIL_SEEN))
				seq = view->starts[c] + r + 1;
	}
	atomic_store_explicit(known, seq, memory_order_relaxed);
	return seq;
}
