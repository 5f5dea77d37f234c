/* Two nodes go apart, do what they like, and are merged: nothing is lost, nothing comes back, no
 * number names two things, and both are equal. */
#include "mirror/merge.h"
#include "mirror/test_pair.h"

#include "base/alloc.h"
#include "base/test.h"
#include "store/key.h"

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

static const struct store_merge_rule NO_RULES[] = {{0}};

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

static bool add_note(void *context, struct slice key, struct slice value)
{
	mirror_rows_add(context, key, value);
	return true;
}

static void load_notes(struct state *s, size_t node, struct mirror_rows *notes)
{
	struct store_db *db;
	struct key from, to;
	const struct store_driver *driver = store_driver_of(store_of(s, node), &db);
	key_of_account(&from, KEY_BASE, s->account);
	to = from;
	key_to_end(&to);
	done(driver->scan(
		db, NULL, key_slice(&from), key_slice(&to), false, add_note, notes, &s->err));
	mirror_rows_sort(notes);
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

static bool lives_in(const struct model *model, struct id object)
{
	for (size_t c = 0; c < model->collection_count; c++)
		for (size_t i = 0; i < model->collections[c].object_count; i++)
			if (id_eq(model->collections[c].objects[i].row.id, object))
				return true;
	return false;
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

static void assert_invariants(const struct model *common, const struct model *mine,
	const struct model *yours, const struct model *after)
{
	assert_true(after->account.change > mine->account.change);
	assert_kept(common, mine, yours, after);
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
	done(mirror_merge(&sides[0], &sides[1], NO_RULES, &merged, &s->err));
	model_write(&merged, &want);
	assert_invariants(&s->common, &models[0], &models[1], &merged);
	assert_invariants(&s->common, &models[1], &models[0], &merged);
	/* The other way round as many objects live. */
	done(mirror_merge(&sides[1], &sides[0], NO_RULES, &again, &s->err));
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

static void change_object(struct state *s, struct store_write *w, struct store_collection *c)
{
	static const struct slice NAMES[] = {{"", 0}, {"a", 1}, {"b", 1}, {"c", 1}};
	static const struct slice DATA[] = {{"x", 1}, {"y", 1}, {"z", 1}};
	uint32_t number = 1 + chance(s, c->next_number);
	struct store_object o;
	if (chance(s, 3) == 0) {
		o = (struct store_object){.blob = store_write_blob(w, SLICE("body")), .flags = 1};
		done(store_write_object_new(w, c, &o, SLICE("facet"), &s->err));
		return;
	}
	if (store_write_get_object(w, c, number, &o, &s->err) != 0)
		return;
	if (chance(s, 3) == 0) {
		done(store_write_object_gone(w, c, &o, &s->err));
		return;
	}
	o.data = DATA[chance(s, ARRAY_LEN(DATA))];
	if (c->kind == (enum store_kind)UNKNOWN_KIND)
		o.name = NAMES[chance(s, ARRAY_LEN(NAMES))];
	if (store_write_object(w, c, &o, SLICE_NONE, &s->err) != 0)
		assert_int_equal(s->err.kind, ERR_EXISTS);
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
			w, s->account, kind, slice_str(name), SLICE_NONE, &c, &s->err);
	assert_int_equal(r, 0);
	change_object(s, w, c);
	change_object(s, w, c);
	if (chance(s, 12) == 0)
		done(store_write_collection_gone(w, c, &s->err));
	else if (chance(s, 12) == 0) {
		c->name = slice_str(NAMES[chance(s, ARRAY_LEN(NAMES))]);
		store_write_collection_changed(w, c);
	}
	if (store_write_commit(w, &s->err) != 0)
		assert_int_equal(s->err.kind, ERR_EXISTS);
}

static void one_seed(unsigned seed)
{
	struct state s = {.pair = pair_new(),
		.account = id_new(),
		.seed = seed,
		.common_rows = MIRROR_ROWS_NONE};
	for (int round = 0; round < ROUNDS; round++) {
		pair_link(s.pair);
		for (int i = 0; i < STEPS; i++)
			step(&s, chance(&s, NODES));
		pair_assert_equal(s.pair);
		step(&s, chance(&s, NODES)); /* has the lease when they part */
		pair_cut(s.pair);
		load(&s, 0, &s.common_rows);
		done(model_read(&s.common_rows, &s.common, &s.err));
		for (int i = 0; i < STEPS; i++)
			step(&s, chance(&s, NODES));
		merge_and_become(&s);
		pair_assert_equal(s.pair);
		model_free(&s.common);
		mirror_rows_free(&s.common_rows);
	}
	pair_free(s.pair);
}

static void whatever_two_nodes_did_they_become_one(void **state)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++)
		one_seed(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_two_nodes_did_they_become_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
