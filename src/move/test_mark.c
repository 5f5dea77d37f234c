/* Marks: on the disk, in memory, and as the store's gate. */
#include "move/test_support.h"

static struct move_mark mark_of(struct id account, enum move_state state)
{
	return (struct move_mark){.account = account,
		.state = state,
		.run = account,
		.user = USER,
		.from = SLICE("one"),
		.to = SLICE("two:143"),
		.at = SLICE("two:8130"),
		.since = 1700000000,
		.made_user = true,
		.sought = true};
}

static void comes_back_from_its_bytes(void **state)
{
	AUTO(buf_free) struct buf bytes = BUF(MOVE_MARK_MAX);
	struct move_mark wrote = mark_of(id_new(), MOVE_ARRIVED), read;
	move_mark_write(&wrote, &bytes);
	assert_true(move_mark_read(buf_slice(&bytes), &read));
	assert_int_equal(read.state, MOVE_ARRIVED);
	assert_true(id_eq(read.account, wrote.account) && id_eq(read.run, wrote.run));
	assert_slice(read.user, "ann@example.org");
	assert_slice(read.at, "two:8130");
	assert_true(read.made_user && !read.flipped_by_other && read.sought);
	assert_int_equal(read.since, wrote.since);
	for (size_t len = 0; len < bytes.len; len++)
		assert_false(move_mark_read(slice(bytes.data, len), &read));
	buf_add_byte(&bytes, 0);
	assert_false(move_mark_read(buf_slice(&bytes), &read));
}

static void is_changed_by_who_finds_it_as_he_left_it(void **state)
{
	struct side s;
	struct err err;
	side_open(&s);
	struct move_mark mark = mark_of(id_new(), MOVE_COPYING);
	assert_true(move_marks_set(s.marks, &mark, BIT(MOVE_HELD), ID_NONE, &err) < 0);
	assert_int_equal(err.kind, ERR_IN_USE);
	done(move_marks_set(s.marks, &mark, BIT(MOVE_NONE), ID_NONE, &err));
	mark.state = MOVE_HELD;
	assert_true(move_marks_set(s.marks, &mark, BIT(MOVE_COPYING), id_new(), &err) < 0);
	assert_int_equal(side_state(&s, mark.account), MOVE_COPYING);
	done(move_marks_set(s.marks, &mark, BIT(MOVE_COPYING), mark.run, &err));
	assert_int_equal(side_state(&s, mark.account), MOVE_HELD);
	mark.state = MOVE_NONE;
	done(move_marks_set(s.marks, &mark, BIT(MOVE_HELD), mark.run, &err));
	assert_int_equal(side_state(&s, mark.account), MOVE_NONE);
	side_close(&s);
}

static void shuts_the_account_and_no_other(void **state)
{
	static const struct {
		enum move_state state;
		bool shut, barred;
	} ALL[] = {{MOVE_COPYING, false, false}, {MOVE_HELD, true, true},
		{MOVE_FLIPPING, true, true}, {MOVE_LEFT, true, true}, {MOVE_FORGOTTEN, false, true},
		{MOVE_ARRIVING, true, true}, {MOVE_ARRIVED, true, true},
		{MOVE_LIVES, false, false}};
	struct side s;
	struct err err;
	side_open(&s);
	struct id account = side_add_user(&s), other = id_new();
	for (size_t i = 0; i < ARRAY_LEN(ALL); i++) {
		struct move_mark mark = mark_of(account, ALL[i].state);
		done(move_marks_set(s.marks, &mark, UINT32_MAX, ID_NONE, &err));
		int r = side_try_write(&s, account, &err);
		assert_int_equal(r < 0, ALL[i].shut);
		if (r < 0) {
			assert_int_equal(err.class, ERR_TEMPORARY);
			assert_int_equal(err.kind, ERR_UNAVAILABLE);
		}
		assert_int_equal(move_marks_is_barred(s.marks, account), ALL[i].barred);
		assert_false(move_marks_is_barred(s.marks, other));
		done(side_try_write(&s, other, &err));
	}
	side_close(&s);
}

/* As the other node of a mirror does: past this process' own marks. */
static void one_that_somebody_else_made_counts(void **state)
{
	struct side s;
	struct move_marks *others;
	struct err err;
	side_open(&s);
	done(move_marks_open(s.store, &others, &err));
	store_set_gate(s.store, NULL, NULL);
	struct move_mark mark = mark_of(id_new(), MOVE_HELD);
	done(move_marks_set(others, &mark, BIT(MOVE_NONE), ID_NONE, &err));
	assert_true(move_marks_is_shut(s.marks, mark.account));
	mark.state = MOVE_NONE;
	done(move_marks_set(others, &mark, BIT(MOVE_HELD), ID_NONE, &err));
	assert_false(move_marks_is_shut(s.marks, mark.account));
	move_marks_close(others);
	side_close(&s);
}

static void what_was_held_when_the_process_died_is_open_again(void **state)
{
	struct side s;
	struct err err;
	side_open(&s);
	struct move_mark held = mark_of(id_new(), MOVE_HELD);
	struct move_mark flipping = mark_of(id_new(), MOVE_FLIPPING);
	done(move_marks_set(s.marks, &held, BIT(MOVE_NONE), ID_NONE, &err));
	done(move_marks_set(s.marks, &flipping, BIT(MOVE_NONE), ID_NONE, &err));
	struct move_marks *again;
	done(move_marks_open(s.store, &again, &err));
	assert_int_equal(side_state(&s, held.account), MOVE_COPYING);
	assert_int_equal(side_state(&s, flipping.account), MOVE_FLIPPING);
	assert_false(move_marks_is_shut(again, held.account));
	assert_true(move_marks_is_shut(again, flipping.account));
	move_marks_close(again);
	side_close(&s);
}

static void all_are_listed(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct side s;
	struct move_mark *all;
	size_t count;
	struct err err;
	side_open(&s);
	done(move_marks_list(s.marks, &arena, &all, &count, &err));
	assert_int_equal(count, 0);
	for (int i = 0; i < 10; i++) {
		struct move_mark mark = mark_of(id_new(), MOVE_LEFT);
		done(move_marks_set(s.marks, &mark, BIT(MOVE_NONE), ID_NONE, &err));
		assert_true(move_marks_is_shut(s.marks, mark.account));
	}
	done(move_marks_list(s.marks, &arena, &all, &count, &err));
	assert_int_equal(count, 10);
	for (size_t i = 0; i < count; i++)
		assert_true(move_marks_is_barred(s.marks, all[i].account));
	side_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_from_its_bytes),
		cmocka_unit_test(is_changed_by_who_finds_it_as_he_left_it),
		cmocka_unit_test(shuts_the_account_and_no_other),
		cmocka_unit_test(one_that_somebody_else_made_counts),
		cmocka_unit_test(what_was_held_when_the_process_died_is_open_again),
		cmocka_unit_test(all_are_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
