/* Two nodes go apart, do what they like, and are merged: nothing is lost, nothing comes back, no
 * number names two things, and both are equal. Of a kind with rules each bit that a side changed
 * holds, and counters agree with what is there. */
#include "mirror/merge.h"
#include "mirror/test_box.h"
#include "mirror/test_pair.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/test.h"

#define done(call) assert_int_equal((call), 0)

enum { SEEDS = 100, STEPS = 30, ROUNDS = 3, NODES = PAIR_NODES, UNKNOWN_KIND = 99 };

struct state {
	struct pair *pair;
	struct id account;
	unsigned seed;
	struct mirror_rows common_rows;
	struct model common; /* when they parted */
	struct err err;
};

static struct store *store_of(struct state *s, size_t node)
{
	return pair_node(s->pair, node)->store;
}

static void load(struct state *s, size_t node, struct mirror_rows *rows)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(store_of(s, node), &db);
	done(mirror_rows_load(driver, db, NULL, s->account, rows, &s->err));
}

static void load_notes(struct state *s, size_t node, struct mirror_rows *notes)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(store_of(s, node), &db);
	done(mirror_rows_load_notes(driver, db, NULL, s->account, notes, &s->err));
}

struct blobs {
	struct state *s;
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
	if (store_read_blob(store_of(b->s, b->from), blob, 0, 1000, body, &b->s->err) != 0)
		return; /* it is here already */
	b->list[b->count++] = (struct store_new_blob){blob, buf_slice(body)};
}

/* Makes the node hold `want`, and forget what it noted. */
static void become(struct state *s, size_t node, const struct mirror_rows *have,
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

static bool gone_in(const struct model_collection *c, struct id object)
{
	for (size_t i = 0; i < c->gone_count; i++)
		if (id_eq(c->gone[i].id, object))
			return true;
	return false;
}

/* What one side has lives on, unless the other had it once and has it no more. */
static void assert_kept(const struct model *common, const struct model *mine,
	const struct model *yours, const struct model *after)
{
	for (size_t c = 0; c < mine->collection_count; c++) {
		const struct model_collection *here = &mine->collections[c];
		const struct model_collection *there = model_find_collection(yours, here->row.id);
		bool collection_gone = false;
		for (size_t i = 0; i < yours->gone_count; i++)
			collection_gone |= id_eq(yours->gone[i].id, here->row.id);
		for (size_t i = 0; i < here->object_count; i++) {
			struct id id = here->objects[i].row.id;
			bool expunged = there && gone_in(there, id);
			if (expunged)
				assert_false(lives_in(after, id));
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
			assert_int_equal(
				flags_of(o), expected_flags(find_in(common, o->id),
						     find_in(mine, o->id), find_in(yours, o->id)));
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

static void merge_and_become(struct state *s)
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

static unsigned chance(struct state *s, unsigned of)
{
	return (unsigned)rand_r(&s->seed) / 7 % of; /* the lowest bits come in turn */
}

/* The collection counts what has become of an object's flags. */
static void recount(struct store_write *w, struct store_collection *c, unsigned had, unsigned has,
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

static void add_object(struct state *s, struct store_write *w, struct store_collection *c)
{
	char flags = (char)chance(s, BITS);
	struct store_object o = {.blob = store_write_blob(w, SLICE("body")),
		.flags = STORE_COUNTED,
		.data = slice(&flags, 1)};
	done(store_write_object_new(w, c, &o, SLICE("facet"), &s->err));
	if (c->kind == STORE_MAILBOX)
		recount(w, c, 0, (unsigned)flags, 0);
}

static void set_flags(
	struct state *s, struct store_write *w, struct store_collection *c, struct store_object *o)
{
	unsigned had = flags_of(o), has = had ^ chance(s, BITS);
	char flags = (char)has;
	o->data = slice(&flags, 1);
	done(store_write_object(w, c, o, SLICE_NONE, &s->err));
	recount(w, c, had, has, 0);
}

static void change_named(
	struct state *s, struct store_write *w, struct store_collection *c, struct store_object *o)
{
	static const struct slice NAMES[] = {{"", 0}, {"a", 1}, {"b", 1}, {"c", 1}};
	static const struct slice DATA[] = {{"x", 1}, {"y", 1}, {"z", 1}};
	o->data = DATA[chance(s, ARRAY_LEN(DATA))];
	o->name = NAMES[chance(s, ARRAY_LEN(NAMES))];
	if (store_write_object(w, c, o, SLICE_NONE, &s->err) != 0)
		assert_int_equal(s->err.kind, ERR_EXISTS);
}

static void drop_object(
	struct state *s, struct store_write *w, struct store_collection *c, struct store_object *o)
{
	if (c->kind == STORE_MAILBOX)
		recount(w, c, flags_of(o), 0, 0);
	done(store_write_object_gone(w, c, o, &s->err));
}

struct numbers {
	uint32_t list[1000];
	unsigned count;
};

static bool add_number(void *context, const struct store_object *object)
{
	struct numbers *numbers = context;
	numbers->list[numbers->count++] = object->number;
	return numbers->count < ARRAY_LEN(numbers->list);
}

/* One that the node had before this write, if it had any and still has this one. */
static bool pick_object(struct state *s, size_t node, struct store_write *w,
	struct store_collection *c, struct store_object *ret_object)
{
	struct numbers numbers = {.count = 0};
	assert_true(store_scan_objects(store_of(s, node), s->account, c->id, 1, UINT32_MAX,
			    add_number, &numbers, &s->err) >= 0);
	return numbers.count > 0 &&
	       store_write_get_object(
		       w, c, numbers.list[chance(s, numbers.count)], ret_object, &s->err) == 0;
}

static void change_object(
	struct state *s, size_t node, struct store_write *w, struct store_collection *c)
{
	struct store_object o;
	if (chance(s, 3) == 0)
		add_object(s, w, c);
	else if (!pick_object(s, node, w, c, &o))
		return;
	else if (chance(s, 3) == 0)
		drop_object(s, w, c, &o);
	else if (c->kind == STORE_MAILBOX)
		set_flags(s, w, c, &o);
	else
		change_named(s, w, c, &o);
}

static void step(struct state *s, size_t node)
{
	static const char *const NAMES[] = {"one", "two", "three", "four"};
	enum store_kind kind = chance(s, 2) ? STORE_MAILBOX : (enum store_kind)UNKNOWN_KIND;
	const char *name = NAMES[chance(s, ARRAY_LEN(NAMES))];
	struct store_write *w;
	struct store_collection *c;
	done(store_write_begin(store_of(s, node), &s->account, 1, &w, &s->err));
	int r = store_write_find_collection(w, s->account, kind, slice_str(name), &c, &s->err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(
			w, s->account, kind, slice_str(name), SLICE("\0\0"), &c, &s->err);
	assert_int_equal(r, 0);
	change_object(s, node, w, c);
	change_object(s, node, w, c);
	if (kind == STORE_MAILBOX && chance(s, 6) == 0)
		recount(w, c, 0, 0, chance(s, BITS));
	if (chance(s, 12) == 0)
		done(store_write_collection_gone(w, c, &s->err));
	else if (chance(s, 12) == 0) {
		c->name = slice_str(NAMES[chance(s, ARRAY_LEN(NAMES))]);
		store_write_collection_changed(w, c);
	}
	if (store_write_commit(w, &s->err) != 0)
		assert_int_equal(s->err.kind, ERR_EXISTS);
}

static struct state state_new(unsigned seed)
{
	return (struct state){.pair = pair_new(),
		.account = id_new(),
		.seed = seed,
		.common_rows = MIRROR_ROWS_NONE};
}

static void part(struct state *s)
{
	pair_cut(s->pair);
	load(s, 0, &s->common_rows);
	done(model_read(&s->common_rows, &s->common, &s->err));
}

static void meet(struct state *s)
{
	merge_and_become(s);
	pair_assert_equal(s->pair);
	model_free(&s->common);
	mirror_rows_free(&s->common_rows);
}

static void one_seed(unsigned seed)
{
	struct state s = state_new(seed);
	for (int round = 0; round < ROUNDS; round++) {
		pair_link(s.pair);
		for (int i = 0; i < STEPS; i++)
			step(&s, chance(&s, NODES));
		pair_assert_equal(s.pair);
		step(&s, chance(&s, NODES)); /* has the lease when they part */
		part(&s);
		for (int i = 0; i < STEPS; i++)
			step(&s, chance(&s, NODES));
		meet(&s);
	}
	pair_free(s.pair);
}

static void whatever_two_nodes_did_they_become_one(void **state)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++)
		one_seed(seed);
}

/* Writes at these nodes, each a second after the one before. */
static struct store_collection *begin_later(
	struct state *s, size_t node, const char *name, struct store_write **ret_write)
{
	struct store_collection *c;
	clock_fake(-1, clock_wall_ms() + 1000);
	done(store_write_begin(store_of(s, node), &s->account, 1, ret_write, &s->err));
	done(store_write_find_collection(
		*ret_write, s->account, STORE_MAILBOX, slice_str(name), &c, &s->err));
	return c;
}

static void rename_later(struct state *s, size_t node, const char *from, const char *to)
{
	struct store_write *w;
	struct store_collection *c = begin_later(s, node, from, &w);
	c->name = slice_str(to);
	store_write_collection_changed(w, c);
	done(store_write_commit(w, &s->err));
}

static void deliver_later(struct state *s, size_t node, const char *name)
{
	struct store_write *w;
	struct store_collection *c = begin_later(s, node, name, &w);
	add_object(s, w, c);
	done(store_write_commit(w, &s->err));
}

static void make_box(struct state *s, size_t node, const char *name, unsigned bits)
{
	AUTO(buf_free) struct buf data = BUF(20);
	struct store_write *w;
	struct store_collection *c;
	add_box(&data, &(struct box){bits, 0});
	done(store_write_begin(store_of(s, node), &s->account, 1, &w, &s->err));
	done(store_write_collection_new(
		w, s->account, STORE_MAILBOX, slice_str(name), buf_slice(&data), &c, &s->err));
	done(store_write_commit(w, &s->err));
}

/* False when there is none of that name. */
static bool find_box(struct state *s, const char *name, struct box *ret_box, uint64_t *ret_count)
{
	struct arena arena = ARENA_EMPTY;
	struct store_collection c;
	int r = store_find_collection(
		store_of(s, 0), s->account, STORE_MAILBOX, slice_str(name), &arena, &c, &s->err);
	assert_true(r >= 0);
	if (r == 0) {
		*ret_box = read_box(c.data);
		*ret_count = c.count;
	}
	arena_free(&arena);
	return r == 0;
}

static void of_two_new_names_the_later_holds_whatever_is_delivered(void **state)
{
	struct box box;
	uint64_t count;
	for (size_t early = 0; early < NODES; early++) {
		struct state s = state_new(1);
		pair_link(s.pair);
		make_box(&s, 0, "old", 0);
		part(&s);
		deliver_later(&s, 1 - early, "old");
		rename_later(&s, early, "old", "early");
		rename_later(&s, 1 - early, "old", "late");
		deliver_later(&s, early, "early");
		meet(&s);
		assert_true(find_box(&s, "late", &box, &count));
		assert_int_equal(count, 2);
		assert_false(find_box(&s, "early", &box, &count));
		assert_false(find_box(&s, "old", &box, &count));
		pair_free(s.pair);
		clock_fake(-1, -1);
	}
}

static void a_name_made_twice_is_one_collection_that_counts_both(void **state)
{
	struct state s = state_new(1);
	struct box box;
	uint64_t count;
	pair_link(s.pair);
	make_box(&s, 0, "other", 0);
	part(&s);
	for (size_t i = 0; i < NODES; i++) {
		make_box(&s, i, "box", i == 0 ? 3 : 6);
		deliver_later(&s, i, "box");
		deliver_later(&s, i, "box");
	}
	meet(&s);
	assert_true(find_box(&s, "box", &box, &count));
	assert_int_equal(count, 4);
	assert_int_equal(box.bits, 7);
	pair_free(s.pair);
	clock_fake(-1, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_two_new_names_the_later_holds_whatever_is_delivered),
		cmocka_unit_test(a_name_made_twice_is_one_collection_that_counts_both),
		cmocka_unit_test(whatever_two_nodes_did_they_become_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
