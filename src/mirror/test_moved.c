/* What becomes of an object that is moved while two nodes are apart. */
#include "mirror/test_apart.h"
#include "mirror/test_box.h"

#include "base/clock.h"

enum { NODES = PAIR_NODES };

struct only {
	uint32_t number;
	unsigned flags;
	size_t count;
};

static bool see(void *context, const struct store_object *object)
{
	struct only *only = context;
	only->number = object->number;
	only->flags = flags_of(object);
	only->count++;
	return true;
}

static struct only only_in(struct apart *s, size_t node, struct id box)
{
	struct only only = {.count = 0};
	done(store_scan_objects(
		apart_store(s, node), s->account, box, 1, UINT32_MAX, see, &only, &s->err));
	assert_true(only.count <= 1);
	return only;
}

/* Of the one object in the mailbox; -1: there is none. */
static int flags_in(struct apart *s, const char *name)
{
	struct arena arena = ARENA_EMPTY;
	struct store_collection c;
	int r = store_find_collection(
		apart_store(s, 0), s->account, STORE_MAILBOX, slice_str(name), &arena, &c, &s->err);
	assert_true(r >= 0);
	struct only only = {.count = 0};
	if (r == 0)
		only = only_in(s, 0, c.id);
	arena_free(&arena);
	return only.count == 0 ? -1 : (int)only.flags;
}

/* A write at the node with the mailbox's only object at hand. */
static struct store_collection *begin(struct apart *s, size_t node, const char *name,
	struct store_write **ret_write, struct store_object *ret_object)
{
	struct store_collection *c = box_begin_later(s, node, name, ret_write);
	struct only only = only_in(s, node, c->id);
	assert_int_equal(only.count, 1);
	done(store_write_get_object(*ret_write, c, only.number, ret_object, &s->err));
	return c;
}

static void end(struct apart *s, struct store_write *w)
{
	done(store_write_commit(w, &s->err));
}

static void move(struct apart *s, size_t node, const char *from, const char *to)
{
	struct store_write *w;
	struct store_object object;
	struct store_collection *there, *here = begin(s, node, from, &w, &object);
	done(store_write_find_collection(
		w, s->account, STORE_MAILBOX, slice_str(to), &there, &s->err));
	box_move(s, w, here, there, &object);
	end(s, w);
}

static void copy(struct apart *s, size_t node, const char *from, const char *to)
{
	struct store_write *w;
	struct store_object object;
	struct store_collection *there;
	(void)begin(s, node, from, &w, &object);
	done(store_write_find_collection(
		w, s->account, STORE_MAILBOX, slice_str(to), &there, &s->err));
	struct store_object new = {.blob = object.blob, .flags = object.flags, .data = object.data};
	done(store_write_object_new(w, there, &new, SLICE_NONE, &s->err));
	box_recount(w, there, 0, flags_of(&object), 0);
	end(s, w);
}

static void expunge(struct apart *s, size_t node, const char *name)
{
	struct store_write *w;
	struct store_object object;
	struct store_collection *c = begin(s, node, name, &w, &object);
	box_recount(w, c, flags_of(&object), 0, 0);
	done(store_write_object_gone(w, c, &object, &s->err));
	end(s, w);
}

static void set_flags(struct apart *s, size_t node, const char *name, unsigned flags)
{
	char byte = (char)flags;
	struct store_write *w;
	struct store_object object;
	struct store_collection *c = begin(s, node, name, &w, &object);
	box_recount(w, c, flags_of(&object), flags, 0);
	object.data = slice(&byte, 1);
	done(store_write_object(w, c, &object, SLICE_NONE, &s->err));
	end(s, w);
}

static void drop_box(struct apart *s, size_t node, const char *name)
{
	struct store_write *w;
	struct store_collection *c = box_begin_later(s, node, name, &w);
	done(store_write_collection_gone(w, c, &s->err));
	end(s, w);
}

/* One message with these flags in "in", at two nodes that are apart then. */
static struct apart one_message(unsigned flags)
{
	static const char *const BOXES[] = {"in", "a", "b", "c"};
	struct apart s = apart_new(1);
	struct store_write *w;
	pair_link(s.pair);
	for (size_t i = 0; i < ARRAY_LEN(BOXES); i++)
		box_make(&s, 0, BOXES[i], 0);
	struct store_collection *c = box_begin_later(&s, 0, "in", &w);
	box_add(&s, w, c);
	end(&s, w);
	set_flags(&s, 0, "in", flags);
	apart_part(&s);
	return s;
}

static void over(struct apart *s)
{
	pair_free(s->pair);
	clock_fake(-1, -1);
}

/* A write was under way when the link was lost: only one disk has it, and nobody noted it. What was
 * noted later is newer than what the other side has, which is no change of that side. */
static void what_one_disk_only_has_holds_though_it_was_changed_to_and_fro_since(void **state)
{
	for (size_t side = 0; side < NODES; side++) {
		struct apart s = one_message(1);
		pair_link(s.pair);
		pair_refuse(s.pair, 1 - side, true);
		set_flags(&s, side, "in", 1 | 4);
		pair_refuse(s.pair, 1 - side, false);
		pair_cut(s.pair);
		set_flags(&s, side, "in", 4);
		set_flags(&s, side, "in", 1 | 4);
		apart_meet(&s);
		assert_int_equal(flags_in(&s, "in"), 1 | 4);
		over(&s);
	}
}

static void of_two_moves_the_later_holds(void **state)
{
	for (size_t early = 0; early < NODES; early++) {
		struct apart s = one_message(0);
		move(&s, early, "in", "a");
		move(&s, 1 - early, "in", "b");
		apart_meet(&s);
		assert_int_equal(flags_in(&s, "in"), -1);
		assert_int_equal(flags_in(&s, "a"), -1);
		assert_int_equal(flags_in(&s, "b"), 0);
		over(&s);
	}
}

static void two_moves_to_one_place_make_one_copy(void **state)
{
	struct apart s = one_message(2);
	move(&s, 0, "in", "a");
	move(&s, 1, "in", "a");
	apart_meet(&s);
	assert_int_equal(flags_in(&s, "a"), 2);
	over(&s);
}

static void a_message_that_was_moved_before_and_moves_on_is_one(void **state)
{
	for (size_t node = 0; node < NODES; node++) {
		struct apart s = one_message(0);
		move(&s, node, "in", "a");
		apart_meet(&s);
		pair_link(s.pair);
		apart_part(&s);
		move(&s, node, "a", "c");
		move(&s, node, "c", "in");
		move(&s, 1 - node, "a", "b");
		apart_meet(&s);
		assert_int_equal(flags_in(&s, "b"), 0);
		assert_int_equal(flags_in(&s, "in"), -1);
		assert_int_equal(flags_in(&s, "a"), -1);
		over(&s);
	}
}

static void a_copy_is_no_move(void **state)
{
	for (size_t node = 0; node < NODES; node++) {
		struct apart s = one_message(1);
		move(&s, node, "in", "a");
		copy(&s, 1 - node, "in", "b");
		apart_meet(&s);
		assert_int_equal(flags_in(&s, "in"), -1);
		assert_int_equal(flags_in(&s, "a"), 1);
		assert_int_equal(flags_in(&s, "b"), 1);
		over(&s);
	}
}

static void expunge_wins_over_a_move(void **state)
{
	for (size_t node = 0; node < NODES; node++)
		for (int moved_first = 0; moved_first < 2; moved_first++) {
			struct apart s = one_message(0);
			if (moved_first)
				move(&s, node, "in", "a");
			expunge(&s, 1 - node, "in");
			if (!moved_first)
				move(&s, node, "in", "a");
			apart_meet(&s);
			assert_int_equal(flags_in(&s, "in"), -1);
			assert_int_equal(flags_in(&s, "a"), -1);
			over(&s);
		}
}

static void expunge_wins_after_moves_at_both_sides(void **state)
{
	for (size_t node = 0; node < NODES; node++) {
		struct apart s = one_message(0);
		move(&s, node, "in", "a");
		expunge(&s, node, "a");
		move(&s, 1 - node, "in", "b");
		apart_meet(&s);
		assert_int_equal(flags_in(&s, "a"), -1);
		assert_int_equal(flags_in(&s, "b"), -1);
		over(&s);
	}
}

static void flags_go_along_with_a_move(void **state)
{
	for (size_t node = 0; node < NODES; node++) {
		struct apart s = one_message(1 | 2);
		set_flags(&s, node, "in", 1 | 2 | 4);
		move(&s, node, "in", "a");
		set_flags(&s, 1 - node, "in", 2 | 8);
		apart_meet(&s);
		assert_int_equal(flags_in(&s, "in"), -1);
		assert_int_equal(flags_in(&s, "a"), 2 | 4 | 8);
		over(&s);
	}
}

static void flags_of_both_hold_after_two_moves(void **state)
{
	for (size_t node = 0; node < NODES; node++) {
		struct apart s = one_message(1 | 2);
		move(&s, node, "in", "a");
		move(&s, 1 - node, "in", "b");
		set_flags(&s, node, "a", 1 | 2 | 4);
		set_flags(&s, 1 - node, "b", 2 | 8);
		apart_meet(&s);
		assert_int_equal(flags_in(&s, "a"), -1);
		assert_int_equal(flags_in(&s, "b"), 2 | 4 | 8);
		over(&s);
	}
}

static void what_was_moved_out_is_not_deleted_with_its_mailbox(void **state)
{
	for (size_t node = 0; node < NODES; node++) {
		struct apart s = one_message(1);
		move(&s, node, "in", "a");
		drop_box(&s, node, "in");
		drop_box(&s, 1 - node, "in");
		apart_meet(&s);
		assert_int_equal(flags_in(&s, "a"), 1);
		over(&s);
	}
}

static void of_two_moves_the_later_holds_when_its_mailbox_was_deleted_there(void **state)
{
	for (size_t node = 0; node < NODES; node++) {
		struct apart s = one_message(1);
		move(&s, node, "in", "a");
		drop_box(&s, node, "b");
		move(&s, 1 - node, "in", "b");
		apart_meet(&s);
		assert_int_equal(flags_in(&s, "a"), -1);
		assert_int_equal(flags_in(&s, "b"), 1); /* revived */
		over(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_one_disk_only_has_holds_though_it_was_changed_to_and_fro_since),
		cmocka_unit_test(of_two_moves_the_later_holds),
		cmocka_unit_test(two_moves_to_one_place_make_one_copy),
		cmocka_unit_test(a_message_that_was_moved_before_and_moves_on_is_one),
		cmocka_unit_test(a_copy_is_no_move),
		cmocka_unit_test(expunge_wins_over_a_move),
		cmocka_unit_test(expunge_wins_after_moves_at_both_sides),
		cmocka_unit_test(flags_go_along_with_a_move),
		cmocka_unit_test(flags_of_both_hold_after_two_moves),
		cmocka_unit_test(what_was_moved_out_is_not_deleted_with_its_mailbox),
		cmocka_unit_test(of_two_moves_the_later_holds_when_its_mailbox_was_deleted_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
