/* Two nodes go apart, do what they like, and are merged. */
#include "mirror/test_apart.h"
#include "mirror/test_box.h"

#include "base/clock.h"

enum { SEEDS = 100, STEPS = 30, ROUNDS = 3, NODES = PAIR_NODES };

static const char *const NAMES[] = {"one", "two", "three", "four"};

static void set_flags(
	struct apart *s, struct store_write *w, struct store_collection *c, struct store_object *o)
{
	unsigned had = flags_of(o), has = had ^ apart_chance(s, BITS);
	char flags = (char)has;
	o->data = slice(&flags, 1);
	done(store_write_object(w, c, o, SLICE_NONE, &s->err));
	box_recount(w, c, had, has, 0);
}

static void change_named(
	struct apart *s, struct store_write *w, struct store_collection *c, struct store_object *o)
{
	static const struct slice WORDS[] = {{"", 0}, {"a", 1}, {"b", 1}, {"c", 1}};
	static const struct slice DATA[] = {{"x", 1}, {"y", 1}, {"z", 1}};
	o->data = DATA[apart_chance(s, ARRAY_LEN(DATA))];
	o->name = WORDS[apart_chance(s, ARRAY_LEN(WORDS))];
	if (store_write_object(w, c, o, SLICE_NONE, &s->err) != 0)
		assert_int_equal(s->err.kind, ERR_EXISTS);
}

static void drop_object(
	struct apart *s, struct store_write *w, struct store_collection *c, struct store_object *o)
{
	if (c->kind == STORE_MAILBOX)
		box_recount(w, c, flags_of(o), 0, 0);
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
static bool pick_object(struct apart *s, size_t node, struct store_write *w,
	struct store_collection *c, struct store_object *ret_object)
{
	struct numbers numbers = {.count = 0};
	assert_true(store_scan_objects(apart_store(s, node), s->account, c->id, 1, UINT32_MAX,
			    add_number, &numbers, &s->err) >= 0);
	return numbers.count > 0 &&
	       store_write_get_object(w, c, numbers.list[apart_chance(s, numbers.count)],
		       ret_object, &s->err) == 0;
}

static void move_object(
	struct apart *s, struct store_write *w, struct store_collection *c, struct store_object *o)
{
	struct store_collection *to;
	const char *name = NAMES[apart_chance(s, ARRAY_LEN(NAMES))];
	int r = store_write_find_collection(
		w, s->account, STORE_MAILBOX, slice_str(name), &to, &s->err);
	assert_true(r >= 0);
	if (r == 0)
		box_move(s, w, c, to, o);
}

static void change_object(
	struct apart *s, size_t node, struct store_write *w, struct store_collection *c)
{
	struct store_object o;
	if (apart_chance(s, 3) == 0)
		box_add(s, w, c);
	else if (!pick_object(s, node, w, c, &o))
		return;
	else if (apart_chance(s, 3) == 0)
		drop_object(s, w, c, &o);
	else if (c->kind == STORE_MAILBOX && apart_chance(s, 3) == 0)
		move_object(s, w, c, &o);
	else if (c->kind == STORE_MAILBOX)
		set_flags(s, w, c, &o);
	else
		change_named(s, w, c, &o);
}

static void step(struct apart *s, size_t node)
{
	enum store_kind kind = apart_chance(s, 2) ? STORE_MAILBOX : (enum store_kind)UNKNOWN_KIND;
	const char *name = NAMES[apart_chance(s, ARRAY_LEN(NAMES))];
	struct store_write *w;
	struct store_collection *c;
	done(store_write_begin(apart_store(s, node), &s->account, 1, &w, &s->err));
	int r = store_write_find_collection(w, s->account, kind, slice_str(name), &c, &s->err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(
			w, s->account, kind, slice_str(name), SLICE("\0\0"), &c, &s->err);
	assert_int_equal(r, 0);
	change_object(s, node, w, c);
	change_object(s, node, w, c);
	if (kind == STORE_MAILBOX && apart_chance(s, 6) == 0)
		box_recount(w, c, 0, 0, apart_chance(s, BITS));
	if (apart_chance(s, 12) == 0)
		done(store_write_collection_gone(w, c, &s->err));
	else if (apart_chance(s, 12) == 0) {
		c->name = slice_str(NAMES[apart_chance(s, ARRAY_LEN(NAMES))]);
		store_write_collection_changed(w, c);
	}
	if (store_write_commit(w, &s->err) != 0)
		assert_int_equal(s->err.kind, ERR_EXISTS);
}

static void one_seed(unsigned seed)
{
	struct apart s = apart_new(seed);
	for (int round = 0; round < ROUNDS; round++) {
		pair_link(s.pair);
		for (int i = 0; i < STEPS; i++)
			step(&s, apart_chance(&s, NODES));
		pair_assert_equal(s.pair);
		step(&s, apart_chance(&s, NODES)); /* has the lease when they part */
		apart_part(&s);
		for (int i = 0; i < STEPS; i++)
			step(&s, apart_chance(&s, NODES));
		apart_meet(&s);
	}
	pair_free(s.pair);
}

static void whatever_two_nodes_did_they_become_one(void **state)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++)
		one_seed(seed);
}

static void rename_later(struct apart *s, size_t node, const char *from, const char *to)
{
	struct store_write *w;
	struct store_collection *c = box_begin_later(s, node, from, &w);
	c->name = slice_str(to);
	store_write_collection_changed(w, c);
	done(store_write_commit(w, &s->err));
}

static void deliver_later(struct apart *s, size_t node, const char *name)
{
	struct store_write *w;
	struct store_collection *c = box_begin_later(s, node, name, &w);
	box_add(s, w, c);
	done(store_write_commit(w, &s->err));
}

static void of_two_new_names_the_later_holds_whatever_is_delivered(void **state)
{
	struct box box;
	uint64_t count;
	for (size_t early = 0; early < NODES; early++) {
		struct apart s = apart_new(1);
		pair_link(s.pair);
		box_make(&s, 0, "old", 0);
		apart_part(&s);
		deliver_later(&s, 1 - early, "old");
		rename_later(&s, early, "old", "early");
		rename_later(&s, 1 - early, "old", "late");
		deliver_later(&s, early, "early");
		apart_meet(&s);
		assert_true(box_find(&s, "late", &box, &count));
		assert_int_equal(count, 2);
		assert_false(box_find(&s, "early", &box, &count));
		assert_false(box_find(&s, "old", &box, &count));
		pair_free(s.pair);
		clock_fake(-1, -1);
	}
}

static void a_name_made_twice_is_one_collection_that_counts_both(void **state)
{
	struct apart s = apart_new(1);
	struct box box;
	uint64_t count;
	pair_link(s.pair);
	box_make(&s, 0, "other", 0);
	apart_part(&s);
	for (size_t i = 0; i < NODES; i++) {
		box_make(&s, i, "box", i == 0 ? 3 : 6);
		deliver_later(&s, i, "box");
		deliver_later(&s, i, "box");
	}
	apart_meet(&s);
	assert_true(box_find(&s, "box", &box, &count));
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
