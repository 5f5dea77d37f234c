/* Who is on his way is not let in, and nobody hears "no" for it. */
#include "directory/fake.h"
#include "move/barred.h"
#include "move/test_support.h"

struct fixture_barred {
	struct side side;
	struct directory_fake_user users[3];
	struct directory *fake, *barred;
	struct arena arena;
	struct err err;
};

static void begin_test(struct fixture_barred *f, enum move_state state)
{
	*f = (struct fixture_barred){
		.users = {
			{.name = "ann@example.org", .password = "secret", .user.account = id_new()},
			{.name = "bob@example.org", .password = "secret", .user.account = id_new()},
			{.name = "all@example.org",
				.alias_of = "ann@example.org,bob@example.org"}}};
	side_open(&f->side);
	f->fake = directory_fake_new(f->users, ARRAY_LEN(f->users));
	f->barred = move_barred_new(f->fake, f->side.marks);
	const struct move_mark mark = {.account = f->users[0].user.account,
		.state = state,
		.run = id_new(),
		.user = USER,
		.from = SLICE("one"),
		.to = SLICE("two"),
		.at = SLICE("")};
	done(move_marks_set(f->side.marks, &mark, BIT(MOVE_NONE), ID_NONE, &f->err));
}

static void end_test(struct fixture_barred *f)
{
	directory_free(f->barred);
	directory_free(f->fake);
	arena_free(&f->arena);
	side_close(&f->side);
}

static int check(struct fixture_barred *f, const char *user, const char *password)
{
	struct directory_user got;
	f->err = (struct err){0};
	return directory_check(f->barred, slice_str(user), slice_str(password), SLICE("192.0.2.1"),
		DIRECTORY_IMAP, &f->arena, &got, &f->err);
}

static int lookup(struct fixture_barred *f, const char *address)
{
	struct directory_route route;
	f->err = (struct err){0};
	return directory_lookup(f->barred, slice_str(address), &f->arena, &route, &f->err);
}

static void assert_not_now(const struct fixture_barred *f, int r)
{
	assert_true(r < 0);
	assert_int_equal(f->err.class, ERR_TEMPORARY);
	assert_string_equal(f->err.status, "4.2.1");
}

static void who_is_held_is_told_about_later(void **state)
{
	struct fixture_barred f;
	struct directory_user got;
	begin_test(&f, MOVE_HELD);
	assert_not_now(&f, check(&f, "ann@example.org", "secret"));
	assert_not_now(&f, lookup(&f, "ann@example.org"));
	assert_not_now(&f, lookup(&f, "all@example.org"));
	assert_not_now(&f, directory_user(f.barred, USER, DIRECTORY_IMAP, &f.arena, &got, &f.err));
	end_test(&f);
}

static void no_stays_no_and_others_are_as_they_were(void **state)
{
	struct fixture_barred f;
	begin_test(&f, MOVE_LEFT);
	assert_int_equal(check(&f, "ann@example.org", "wrong"), DIRECTORY_WRONG);
	assert_int_equal(check(&f, "zoe@example.org", "secret"), DIRECTORY_UNKNOWN);
	assert_int_equal(lookup(&f, "zoe@example.org"), DIRECTORY_UNKNOWN);
	done(check(&f, "bob@example.org", "secret"));
	done(lookup(&f, "bob@example.org"));
	done(directory_domain(f.barred, SLICE("example.org"), &f.err));
	end_test(&f);
}

static void who_has_only_begun_to_move_is_let_in(void **state)
{
	struct fixture_barred f;
	begin_test(&f, MOVE_COPYING);
	done(check(&f, "ann@example.org", "secret"));
	done(lookup(&f, "all@example.org"));
	end_test(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_held_is_told_about_later),
		cmocka_unit_test(no_stays_no_and_others_are_as_they_were),
		cmocka_unit_test(who_has_only_begun_to_move_is_let_in),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
