/* Tombstones that are forgotten. */
#include "store/forget.h"
#include "store/test_support.h"

enum { OBJECTS = 20000 };

static struct store_write *begin(struct fixture *f, struct store_collection **ret_c)
{
	struct store_write *w;
	done(store_write_begin(f->store, &f->account, 1, &w, &f->err));
	done(store_write_collection(w, f->account, f->inbox, ret_c, &f->err));
	return w;
}

/* Each by a commit of its own, and goes again. */
static void come_and_go(struct fixture *f, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct store_collection *c;
		struct store_object o = {.data = SLICE("x")};
		struct store_write *w = begin(f, &c);
		done(store_write_object_new(w, c, &o, SLICE_NONE, &f->err));
		done(store_write_commit(w, &f->err));
		w = begin(f, &c);
		done(store_write_object_gone(w, c, &o, &f->err));
		done(store_write_commit(w, &f->err));
	}
}

static void add_one(struct fixture *f)
{
	struct store_collection *c;
	struct store_object o = {.data = SLICE("stays")};
	struct store_write *w = begin(f, &c);
	done(store_write_object_new(w, c, &o, SLICE_NONE, &f->err));
	done(store_write_commit(w, &f->err));
}

struct count {
	unsigned living, gone;
};

static bool count_change(void *context, const struct store_change *change)
{
	struct count *count = context;
	count->gone += change->gone;
	count->living += !change->gone;
	return true;
}

static struct count changes(struct fixture *f)
{
	struct count count = {0};
	done(store_scan_changes(f->store, f->account, f->inbox, 0, count_change, &count, &f->err));
	return count;
}

static uint64_t look(struct store_forgetting *forgetting, bool in_step)
{
	struct err err;
	uint64_t forgotten;
	done(store_forget_gone(forgetting, in_step, NULL, NULL, &forgotten, &err));
	return forgotten;
}

static void what_was_gone_at_the_look_before_goes(void **state)
{
	struct fixture *f = *state;
	struct store_forgetting *forgetting = store_forgetting_new(f->store);
	add_one(f);
	come_and_go(f, 600);
	assert_int_equal(look(forgetting, true), 0);
	come_and_go(f, 10);
	assert_int_equal(look(forgetting, true), 600);
	assert_int_equal(changes(f).gone, 10);
	assert_int_equal(changes(f).living, 1);
	assert_int_equal(look(forgetting, true), 0); /* too few to write for */
	come_and_go(f, 600);
	(void)look(forgetting, true);
	assert_int_equal(look(forgetting, true), 610);
	store_forgetting_free(forgetting);
}

static void out_of_step_nothing_goes(void **state)
{
	struct fixture *f = *state;
	struct store_forgetting *forgetting = store_forgetting_new(f->store);
	come_and_go(f, 600);
	(void)look(forgetting, true);
	assert_int_equal(look(forgetting, false), 0);
	assert_int_equal(look(forgetting, true), 600); /* was there at the look before */
	store_forgetting_free(forgetting);
}

static void many_go_in_pieces_and_the_store_agrees_with_itself(void **state)
{
	struct fixture *f = *state;
	struct store_forgetting *forgetting = store_forgetting_new(f->store);
	struct store_collection *c;
	struct store_write *w = begin(f, &c);
	for (unsigned i = 0; i < OBJECTS; i++) {
		struct store_object o = {.data = SLICE("x")};
		done(store_write_object_new(w, c, &o, SLICE_NONE, &f->err));
	}
	done(store_write_commit(w, &f->err));
	w = begin(f, &c);
	for (uint32_t i = 1; i < OBJECTS; i++) {
		struct store_object o = {.number = i};
		done(store_write_object_gone(w, c, &o, &f->err));
	}
	done(store_write_commit(w, &f->err));
	come_and_go(f, 300);
	(void)look(forgetting, true);
	assert_int_equal(look(forgetting, true), OBJECTS - 1 + 300);
	assert_int_equal(changes(f).gone, 0);
	assert_int_equal(changes(f).living, 1);
	store_forgetting_free(forgetting);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_was_gone_at_the_look_before_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(out_of_step_nothing_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			many_go_in_pieces_and_the_store_agrees_with_itself, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
