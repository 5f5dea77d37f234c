/* Two nodes apart: merged as settling does it, and what must hold then. */
#include "mirror/test_apart.h"

#include "mirror/merge.h"
#include "mirror/test_box.h"

#include "base/alloc.h"
#include "base/clock.h"

enum { NODES = PAIR_NODES };

struct store *apart_store(struct apart *s, size_t node)
{
	return pair_node(s->pair, node)->store;
}

static void load(struct apart *s, size_t node, struct mirror_rows *rows)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(apart_store(s, node), &db);
	done(mirror_rows_load(driver, db, NULL, s->account, rows, &s->err));
}

static void load_notes(struct apart *s, size_t node, struct mirror_rows *notes)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(apart_store(s, node), &db);
	done(mirror_rows_load_notes(driver, db, NULL, s->account, notes, &s->err));
}

struct blobs {
	struct apart *s;
	size_t from, count;
	struct store_new_blob list[5000];
	struct buf bodies[5000];
};

static void take_blob(void *context, struct id blob)
{
	struct blobs *b = context;
	assert_true(b->count < ARRAY_LEN(b->list));
	struct buf *body = &b->bodies[b->count];
	*body = BUF(1000);
	if (store_read_blob(apart_store(b->s, b->from), blob, 0, 1000, body, &b->s->err) != 0)
		return; /* it is here already */
	b->list[b->count++] = (struct store_new_blob){blob, buf_slice(body)};
}

/* Makes the node hold `want`, and forget what it noted. */
static void become(struct apart *s, size_t node, const struct mirror_rows *have,
	const struct mirror_rows *notes, const struct mirror_rows *want)
{
	struct blobs *blobs = ALLOC(struct blobs);
	struct store_batch batch;
	blobs->s = s;
	blobs->from = 1 - node;
	store_batch_init(&batch);
	mirror_rows_diff(have, want, &batch, take_blob, blobs);
	for (size_t i = 0; i < notes->count; i++)
		store_batch_delete(&batch, notes->list[i].key);
	struct mirror_commit commit = {&s->account, 1, &batch, blobs->list, blobs->count};
	struct mirror *mirror = pair_node(s->pair, node)->mirror;
	done(mirror_apply(mirror, mirror_leases(mirror)->epoch, &commit, &s->err));
	store_batch_free(&batch);
	for (size_t i = 0; i < blobs->count; i++)
		buf_free(&blobs->bodies[i]);
	free(blobs);
}

/* What a number stands for on one side: an object that lives, or one that is gone. */
static bool names(
	const struct model_collection *c, uint32_t number, struct id *ret_id, bool *ret_lives)
{
	struct model_object *object = model_find_object(c, number);
	*ret_lives = object != NULL;
	if (object) {
		*ret_id = object->row.id;
		return true;
	}
	for (size_t i = 0; i < c->gone_count; i++)
		if (c->gone[i].number == number) {
			*ret_id = c->gone[i].id;
			return true;
		}
	return false;
}

static void assert_numbers(const struct model_collection *before,
	const struct model_collection *after, const struct model *was)
{
	assert_true(after->row.next_number >= before->row.next_number);
	assert_true(after->row.change >= before->row.change);
	for (size_t i = 0; i < after->object_count; i++) {
		const struct store_object *o = &after->objects[i].row;
		struct id id;
		bool lives;
		if (!names(before, o->number, &id, &lives)) {
			/* New to this side: not below what it has announced. */
			assert_true(o->number >= before->row.next_number);
			assert_true(o->change > was->account.change);
			continue;
		}
		assert_true(lives && id_eq(id, o->id));
	}
}

static const struct store_object *find_in(const struct model *model, struct id object)
{
	for (size_t c = 0; c < model->collection_count; c++)
		for (size_t i = 0; i < model->collections[c].object_count; i++)
			if (id_eq(model->collections[c].objects[i].row.id, object))
				return &model->collections[c].objects[i].row;
	return NULL;
}

static bool lives_in(const struct model *model, struct id object)
{
	return find_in(model, object) != NULL;
}

/* However often it was moved. *ret_count: how many there are of it. */
static const struct store_object *find_same(
	const struct model *model, const struct store_object *object, size_t *ret_count)
{
	const struct store_object *found = NULL;
	struct id identity = store_object_identity(object);
	*ret_count = 0;
	for (size_t c = 0; c < model->collection_count; c++)
		for (size_t i = 0; i < model->collections[c].object_count; i++) {
			const struct store_object *o = &model->collections[c].objects[i].row;
			if (!id_eq(store_object_identity(o), identity))
				continue;
			found = o;
			++*ret_count;
		}
	return found;
}

/* One that was moved need not live if it lives where the other side has moved it to, or if that
 * side had it once and has it no more. */
static bool is_moved_away(const struct model *common, const struct model *yours,
	const struct model *after, const struct store_object *object)
{
	size_t count;
	if (id_is_none(object->origin))
		return false;
	return find_same(after, object, &count) != NULL ||
	       (find_same(common, object, &count) && !find_same(yours, object, &count));
}

static bool gone_in(const struct model_collection *c, struct id object)
{
	for (size_t i = 0; i < c->gone_count; i++)
		if (id_eq(c->gone[i].id, object))
			return true;
	return false;
}

/* What one side has lives on, unless the other had it once and has it no more. Of subscriptions
 * that say the same one does: see test_names.c. */
static void assert_kept(const struct model *common, const struct model *mine,
	const struct model *yours, const struct model *after)
{
	for (size_t c = 0; c < mine->collection_count; c++) {
		const struct model_collection *here = &mine->collections[c];
		const struct model_collection *there = model_find_collection(yours, here->row.id);
		bool collection_gone = false;
		if (here->row.kind == STORE_SUBSCRIPTIONS)
			continue;
		for (size_t i = 0; i < yours->gone_count; i++)
			collection_gone |= id_eq(yours->gone[i].id, here->row.id);
		for (size_t i = 0; i < here->object_count; i++) {
			const struct store_object *o = &here->objects[i].row;
			struct id id = o->id;
			bool expunged = there && gone_in(there, id);
			if (expunged)
				assert_false(lives_in(after, id));
			else if (!lives_in(after, id) && is_moved_away(common, yours, after, o))
				continue;
			else if (collection_gone) /* what came meanwhile is revived */
				assert_true(lives_in(after, id) != lives_in(common, id));
			else
				assert_true(lives_in(after, id));
		}
	}
}

static unsigned expected_flags(const struct store_object *was, const struct store_object *mine,
	const struct store_object *yours)
{
	if (!mine || !yours)
		return flags_of(mine ? mine : yours);
	return merge_bits(was ? flags_of(was) : 0, flags_of(mine), flags_of(yours));
}

static unsigned expected_bits(const struct model *common, const struct model_collection *mine,
	const struct model_collection *yours)
{
	const struct model_collection *was;
	if (!mine || !yours)
		return read_box((mine ? mine : yours)->row.data).bits;
	was = model_find_collection(common, mine->row.id);
	return merge_bits(was ? read_box(was->row.data).bits : 0, read_box(mine->row.data).bits,
		read_box(yours->row.data).bits);
}

/* Every bit that a side changed is as it wants it, and the marked ones are counted. */
static void assert_ruled(const struct model *common, const struct model *mine,
	const struct model *yours, const struct model *after)
{
	for (size_t c = 0; c < after->collection_count; c++) {
		const struct model_collection *now = &after->collections[c];
		if (now->row.kind != STORE_MAILBOX)
			continue;
		struct box box = read_box(now->row.data);
		unsigned bits = expected_bits(common, model_find_collection(mine, now->row.id),
			model_find_collection(yours, now->row.id));
		assert_int_equal(box.bits & bits, bits); /* more: it was joined with another */
		for (size_t i = 0; i < now->object_count; i++) {
			const struct store_object *o = &now->objects[i].row;
			size_t count;
			assert_int_equal(flags_of(o),
				expected_flags(find_same(common, o, &count),
					find_same(mine, o, &count), find_same(yours, o, &count)));
			(void)find_same(after, o, &count);
			assert_int_equal(count, 1);
			box.marked -= flags_of(o) & MARKED;
		}
		assert_int_equal(box.marked, 0);
	}
}

static bool has_row(const struct model_collection *c, uint32_t number, uint64_t change)
{
	const struct model_object *object = c ? model_find_object(c, number) : NULL;
	if (object)
		return object->row.change == change;
	for (size_t i = 0; c && i < c->gone_count; i++)
		if (c->gone[i].number == number && c->gone[i].change == change)
			return true;
	return false;
}

/* A client that knows all up to the last change of its side hears of what is otherwise now; also
 * when its side had deleted the collection. */
static void assert_told(
	const struct model *common, const struct model *mine, const struct model *after)
{
	for (size_t c = 0; c < after->collection_count; c++) {
		const struct model_collection *now = &after->collections[c];
		const struct model_collection *here = model_find_collection(mine, now->row.id);
		if (!here)
			here = model_find_collection(common, now->row.id);
		for (size_t i = 0; here && i < now->object_count; i++)
			assert_true(now->objects[i].row.change > mine->account.change ||
				    has_row(here, now->objects[i].row.number,
					    now->objects[i].row.change));
		for (size_t i = 0; here && i < now->gone_count; i++)
			assert_true(now->gone[i].change > mine->account.change ||
				    has_row(here, now->gone[i].number, now->gone[i].change));
	}
}

static void assert_invariants(const struct model *common, const struct model *mine,
	const struct model *yours, const struct model *after)
{
	assert_true(after->account.change > mine->account.change);
	assert_kept(common, mine, yours, after);
	assert_ruled(common, mine, yours, after);
	assert_told(common, mine, after);
	for (size_t c = 0; c < mine->collection_count; c++) {
		const struct model_collection *now =
			model_find_collection(after, mine->collections[c].row.id);
		if (now)
			assert_numbers(&mine->collections[c], now, mine);
	}
}

static void merge_and_become(struct apart *s)
{
	struct mirror_rows rows[NODES] = {MIRROR_ROWS_NONE, MIRROR_ROWS_NONE},
			   notes[NODES] = {MIRROR_ROWS_NONE, MIRROR_ROWS_NONE},
			   want = MIRROR_ROWS_NONE, other = MIRROR_ROWS_NONE;
	struct model models[NODES], merged, again;
	struct merge_side sides[NODES];
	for (size_t i = 0; i < NODES; i++) {
		load(s, i, &rows[i]);
		load_notes(s, i, &notes[i]);
		done(model_read(&rows[i], &models[i], &s->err));
		sides[i] = (struct merge_side){&models[i], &notes[i]};
	}
	done(mirror_merge(&sides[0], &sides[1], BOX_RULES, &merged, &s->err));
	model_write(&merged, &want);
	assert_invariants(&s->common, &models[0], &models[1], &merged);
	assert_invariants(&s->common, &models[1], &models[0], &merged);
	/* The other way round as many objects live. */
	done(mirror_merge(&sides[1], &sides[0], BOX_RULES, &again, &s->err));
	model_write(&again, &other);
	assert_int_equal(other.count, want.count);
	for (size_t i = 0; i < NODES; i++)
		become(s, i, &rows[i], &notes[i], &want);
	model_free(&merged);
	model_free(&again);
	for (size_t i = 0; i < NODES; i++) {
		model_free(&models[i]);
		mirror_rows_free(&rows[i]);
		mirror_rows_free(&notes[i]);
	}
	mirror_rows_free(&want);
	mirror_rows_free(&other);
}

struct apart apart_new(unsigned seed)
{
	return (struct apart){.pair = pair_new(),
		.account = id_new(),
		.seed = seed,
		.common_rows = MIRROR_ROWS_NONE};
}

void apart_part(struct apart *s)
{
	pair_cut(s->pair);
	load(s, 0, &s->common_rows);
	done(model_read(&s->common_rows, &s->common, &s->err));
}

void apart_meet(struct apart *s)
{
	merge_and_become(s);
	pair_assert_equal(s->pair);
	model_free(&s->common);
	mirror_rows_free(&s->common_rows);
}

unsigned apart_chance(struct apart *s, unsigned of)
{
	return (unsigned)rand_r(&s->seed) / 7 % of; /* the lowest bits come in turn */
}

void box_recount(struct store_write *w, struct store_collection *c, unsigned had, unsigned has,
	unsigned bits)
{
	AUTO(buf_free) struct buf data = BUF(20);
	struct box box = read_box(c->data);
	box.marked += (has & MARKED) - (uint64_t)(had & MARKED);
	box.bits ^= bits;
	add_box(&data, &box);
	c->data = buf_slice(&data);
	store_write_collection_changed(w, c);
}

void box_add(struct apart *s, struct store_write *w, struct store_collection *c)
{
	char flags = (char)apart_chance(s, BITS);
	struct store_object o = {.blob = store_write_blob(w, SLICE("body")),
		.flags = STORE_COUNTED,
		.data = slice(&flags, 1)};
	done(store_write_object_new(w, c, &o, SLICE("facet"), &s->err));
	if (c->kind == STORE_MAILBOX)
		box_recount(w, c, 0, (unsigned)flags, 0);
}

void box_move(struct apart *s, struct store_write *w, struct store_collection *from,
	struct store_collection *to, const struct store_object *object)
{
	struct store_object moved = {.origin = store_object_identity(object),
		.blob = object->blob,
		.flags = object->flags,
		.data = object->data};
	unsigned flags = flags_of(object);
	done(store_write_object_new(w, to, &moved, SLICE("facet"), &s->err));
	box_recount(w, to, 0, flags, 0);
	box_recount(w, from, flags, 0, 0);
	done(store_write_object_gone(w, from, object, &s->err));
}

struct store_collection *box_begin_later(
	struct apart *s, size_t node, const char *name, struct store_write **ret_write)
{
	struct store_collection *c;
	clock_fake(-1, clock_wall_ms() + 1000);
	done(store_write_begin(apart_store(s, node), &s->account, 1, ret_write, &s->err));
	done(store_write_find_collection(
		*ret_write, s->account, STORE_MAILBOX, slice_str(name), &c, &s->err));
	return c;
}

void box_make(struct apart *s, size_t node, const char *name, unsigned bits)
{
	AUTO(buf_free) struct buf data = BUF(20);
	struct store_write *w;
	struct store_collection *c;
	add_box(&data, &(struct box){bits, 0});
	done(store_write_begin(apart_store(s, node), &s->account, 1, &w, &s->err));
	done(store_write_collection_new(
		w, s->account, STORE_MAILBOX, slice_str(name), buf_slice(&data), &c, &s->err));
	done(store_write_commit(w, &s->err));
}

/* False when there is none of that name. */
bool box_find(struct apart *s, const char *name, struct box *ret_box, uint64_t *ret_count)
{
	struct arena arena = ARENA_EMPTY;
	struct store_collection c;
	int r = store_find_collection(
		apart_store(s, 0), s->account, STORE_MAILBOX, slice_str(name), &arena, &c, &s->err);
	assert_true(r >= 0);
	if (r == 0) {
		*ret_box = read_box(c.data);
		*ret_count = c.count;
	}
	arena_free(&arena);
	return r == 0;
}
