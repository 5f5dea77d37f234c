/* Tombstones that are forgotten (store/forget.h) at two nodes. */
#include "mirror/test_apart.h"
#include "mirror/test_box.h"

#include "base/clock.h"

enum { NODES = PAIR_NODES, OBJECTS = 20, DROPPED = 15 };

static struct store_collection *open_box(
	struct apart *s, size_t node, struct store_write **ret_write)
{
	return box_begin_later(s, node, "queue", ret_write);
}

static struct apart begin(void)
{
	struct apart s = apart_new(1);
	struct store_write *w;
	pair_link(s.pair);
	box_make(&s, 0, "queue", 0);
	for (int i = 0; i < OBJECTS; i++) {
		struct store_collection *c = open_box(&s, 0, &w);
		box_add(&s, w, c);
		done(store_write_commit(w, &s.err));
	}
	return s;
}

static void end(struct apart *s)
{
	pair_free(s->pair);
	clock_fake(-1, -1);
}

struct first {
	uint32_t numbers[OBJECTS];
	size_t count;
};

static bool take_number(void *context, const struct store_object *object)
{
	struct first *first = context;
	first->numbers[first->count++] = object->number;
	return first->count < OBJECTS;
}

static void drop(struct apart *s, size_t node, size_t count)
{
	struct store_write *w;
	struct store_object o;
	struct first first = {.count = 0};
	struct store_collection *c = open_box(s, node, &w);
	done(store_scan_objects(apart_store(s, node), s->account, c->id, 1, UINT32_MAX, take_number,
		&first, &s->err));
	for (size_t i = 0; i < count; i++) {
		done(store_write_get_object(w, c, first.numbers[i], &o, &s->err));
		box_recount(w, c, flags_of(&o), 0, 0);
		done(store_write_object_gone(w, c, &o, &s->err));
	}
	done(store_write_commit(w, &s->err));
}

static size_t forget(struct apart *s, size_t node)
{
	struct store_write *w;
	size_t count;
	struct store_collection *c = open_box(s, node, &w);
	done(store_write_forget_gone(w, c, c->change, 1000, &count, &s->err));
	done(store_write_commit(w, &s->err));
	return count;
}

static bool count_gone(void *context, const struct store_change *change)
{
	*(size_t *)context += change->gone;
	return true;
}

static size_t gone(struct apart *s, size_t node)
{
	struct store_write *w;
	size_t count = 0;
	struct store_collection *c = open_box(s, node, &w);
	done(store_scan_changes(
		apart_store(s, node), s->account, c->id, 0, count_gone, &count, &s->err));
	store_write_abort(w);
	return count;
}

static void both_forget_what_one_forgets(void **state)
{
	struct apart s = begin();
	drop(&s, 0, DROPPED);
	assert_int_equal(gone(&s, 1), DROPPED);
	assert_int_equal(forget(&s, 1), DROPPED);
	pair_assert_equal(s.pair);
	for (size_t i = 0; i < NODES; i++)
		assert_int_equal(gone(&s, i), 0);
	end(&s);
}

/* Of what was forgotten in step the other side has nothing that could come back. */
static void what_both_forgot_does_not_come_back(void **state)
{
	struct apart s = begin();
	struct box box;
	uint64_t count;
	drop(&s, 0, DROPPED);
	(void)forget(&s, 0);
	apart_part(&s);
	drop(&s, 1, 2);
	apart_meet(&s);
	assert_true(box_find(&s, "queue", &box, &count));
	assert_int_equal(count, OBJECTS - DROPPED - 2);
	end(&s);
}

/* The link was lost while it did. */
static void what_only_one_forgot_is_known_by_the_other(void **state)
{
	for (size_t node = 0; node < NODES; node++) {
		struct apart s = begin();
		struct box box;
		uint64_t count;
		drop(&s, 0, DROPPED);
		apart_part(&s);
		assert_int_equal(forget(&s, node), DROPPED);
		drop(&s, node, 1);
		drop(&s, 1 - node, 3);
		apart_meet(&s);
		assert_true(box_find(&s, "queue", &box, &count));
		assert_int_equal(count, OBJECTS - DROPPED - 3);
		end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_forget_what_one_forgets),
		cmocka_unit_test(what_both_forgot_does_not_come_back),
		cmocka_unit_test(what_only_one_forgot_is_known_by_the_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
