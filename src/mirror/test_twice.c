/* One message that both nodes delivered while they were apart, under one id (mail/delivered.c): a
 * queue was taken over by a node that could not know what the other one had sent. */
#include "mirror/test_apart.h"
#include "mirror/test_box.h"

#include "base/clock.h"

enum { NODES = PAIR_NODES, SEEN = 2, FLAGGED = 4 };

static struct apart begin(void)
{
	struct apart s = apart_new(1);
	pair_link(s.pair);
	box_make(&s, 0, "inbox", 0);
	box_make(&s, 0, "trash", 0);
	return s;
}

static void end(struct apart *s)
{
	pair_free(s->pair);
	clock_fake(-1, -1);
}

static void deliver(struct apart *s, size_t node, const char *name, struct id id)
{
	struct store_write *w;
	struct store_collection *c = box_begin_later(s, node, name, &w);
	struct store_object o = {.id = id,
		.blob = store_write_blob(w, SLICE("the message")),
		.flags = STORE_COUNTED,
		.data = SLICE("\0")};
	done(store_write_object_new(w, c, &o, SLICE("facet"), &s->err));
	done(store_write_commit(w, &s->err));
}

struct found {
	struct id id;
	uint32_t number;
};

static bool is_it(void *context, const struct store_object *object)
{
	struct found *found = context;
	if (id_eq(store_object_identity(object), found->id))
		found->number = object->number;
	return found->number == 0;
}

/* Its last one; false: there is none. */
static bool find(struct apart *s, size_t node, struct store_write *w,
	const struct store_collection *c, struct id id, struct store_object *ret_object)
{
	struct found found = {.id = id};
	assert_true(store_scan_objects(apart_store(s, node), s->account, c->id, 1, UINT32_MAX,
			    is_it, &found, &s->err) >= 0);
	return found.number != 0 && store_write_get_object(w, (struct store_collection *)c,
					    found.number, ret_object, &s->err) == 0;
}

static void flag(struct apart *s, size_t node, struct id id, unsigned flags)
{
	struct store_write *w;
	struct store_object o;
	struct store_collection *c = box_begin_later(s, node, "inbox", &w);
	char data = (char)flags;
	assert_true(find(s, node, w, c, id, &o));
	o.data = slice(&data, 1);
	done(store_write_object(w, c, &o, SLICE_NONE, &s->err));
	done(store_write_commit(w, &s->err));
}

/* To the trash, or nowhere. */
static void take_away(struct apart *s, size_t node, struct id id, bool move)
{
	struct store_write *w;
	struct store_object o;
	struct store_collection *c = box_begin_later(s, node, "inbox", &w), *trash;
	assert_true(find(s, node, w, c, id, &o));
	done(store_write_find_collection(
		w, s->account, STORE_MAILBOX, SLICE("trash"), &trash, &s->err));
	if (move)
		box_move(s, w, c, trash, &o);
	else
		done(store_write_object_gone(w, c, &o, &s->err));
	done(store_write_commit(w, &s->err));
}

/* At both; how many there are, and the flags of the last one. */
static uint64_t count(struct apart *s, const char *name, struct id id, unsigned *ret_flags)
{
	struct store_write *w;
	struct store_object o;
	struct store_collection *c = box_begin_later(s, 0, name, &w);
	*ret_flags = find(s, 0, w, c, id, &o) ? flags_of(&o) : 0;
	uint64_t result = c->count;
	store_write_abort(w);
	return result;
}

static void it_is_one_and_has_the_flags_of_both(void **state)
{
	struct apart s = begin();
	struct id id = id_new();
	unsigned flags;
	apart_part(&s);
	for (size_t i = 0; i < NODES; i++) {
		deliver(&s, i, "inbox", i == 0 ? id_new() : id);
		deliver(&s, i, "inbox", i == 0 ? id : id_new());
	}
	flag(&s, 0, id, SEEN);
	flag(&s, 1, id, FLAGGED);
	apart_meet(&s);
	assert_int_equal(count(&s, "inbox", id, &flags), 3);
	assert_int_equal(flags, SEEN | FLAGGED);
	end(&s);
}

static void where_one_side_put_it_there_it_stays(void **state)
{
	for (size_t mover = 0; mover < NODES; mover++) {
		struct apart s = begin();
		struct id id = id_new();
		unsigned flags;
		apart_part(&s);
		for (size_t i = 0; i < NODES; i++)
			deliver(&s, i, "inbox", id);
		take_away(&s, mover, id, true);
		apart_meet(&s);
		assert_int_equal(count(&s, "inbox", id, &flags), 0);
		assert_int_equal(count(&s, "trash", id, &flags), 1);
		end(&s);
	}
}

static void what_one_side_expunged_does_not_come_back(void **state)
{
	struct apart s = begin();
	struct id id = id_new();
	unsigned flags;
	apart_part(&s);
	for (size_t i = 0; i < NODES; i++)
		deliver(&s, i, "inbox", id);
	take_away(&s, 1, id, false);
	apart_meet(&s);
	assert_int_equal(count(&s, "inbox", id, &flags), 0);
	end(&s);
}

static void in_a_mailbox_that_both_made_it_is_one(void **state)
{
	struct apart s = begin();
	struct id id = id_new();
	unsigned flags;
	apart_part(&s);
	for (size_t i = 0; i < NODES; i++) {
		box_make(&s, i, "new", 0);
		deliver(&s, i, "new", id);
		deliver(&s, i, "new", id_new());
	}
	apart_meet(&s);
	assert_int_equal(count(&s, "new", id, &flags), 3);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_one_and_has_the_flags_of_both),
		cmocka_unit_test(where_one_side_put_it_there_it_stays),
		cmocka_unit_test(what_one_side_expunged_does_not_come_back),
		cmocka_unit_test(in_a_mailbox_that_both_made_it_is_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
