/* Changes that a milter asks for, done to a message. */
#include "base/test.h"
#include "filter/milter_changes.h"

/* One change, as the frame it comes in. */
static void take(struct filter_milter_changes *c, struct slice frame, struct arena *arena)
{
	struct filter_milter_frame f = {.kind = frame.ptr[0], .data = slice_from(frame, 1)};
	struct filter_milter_reply reply;
	assert_true(filter_milter_read_reply(&f, &reply));
	assert_true(filter_milter_changes_take(c, &reply, arena));
}

static const struct {
	struct slice frames[4];
	const char *expected; /* of "A: 1\r\nB: 2\r\nA: 3\r\n\r\n" */
} CASES[] = {
	{{SLICE("hC\0x\0")}, "A: 1\r\nB: 2\r\nA: 3\r\nC: x\r\n\r\n"},
	{{SLICE("i\0\0\0\0C\0x\0")}, "C: x\r\nA: 1\r\nB: 2\r\nA: 3\r\n\r\n"},
	{{SLICE("i\0\0\0\1C\0x\0")}, "A: 1\r\nC: x\r\nB: 2\r\nA: 3\r\n\r\n"},
	{{SLICE("i\0\0\0\x63"
		"C\0x\0")},
		"A: 1\r\nB: 2\r\nA: 3\r\nC: x\r\n\r\n"},
	{{SLICE("m\0\0\0\1a\0x\0")}, "a: x\r\nB: 2\r\nA: 3\r\n\r\n"},
	{{SLICE("m\0\0\0\2A\0x\0")}, "A: 1\r\nB: 2\r\nA: x\r\n\r\n"},
	{{SLICE("m\0\0\0\3A\0x\0")}, "A: 1\r\nB: 2\r\nA: 3\r\nA: x\r\n\r\n"},
	{{SLICE("m\0\0\0\1A\0\0")}, "B: 2\r\nA: 3\r\n\r\n"},
	{{SLICE("m\0\0\0\1A\0\0"), SLICE("m\0\0\0\1A\0\0")}, "B: 2\r\n\r\n"},
	{{SLICE("m\0\0\0\1Z\0\0")}, "A: 1\r\nB: 2\r\nA: 3\r\n\r\n"},
	{{SLICE("hC\0x\0"), SLICE("m\0\0\0\1C\0y\0")}, "A: 1\r\nB: 2\r\nA: 3\r\nC: y\r\n\r\n"},
	/* what would end the field or the header */
	{{SLICE("m\0\0\0\1A\0x\n y\r\n\tz\0")}, "A: x\r\n y\r\n\tz\r\nB: 2\r\nA: 3\r\n\r\n"},
	{{SLICE("m\0\0\0\1A\0x\nEvil: y\n\n \r\nbody\0")},
		"A: x\r\n\tEvil: y\r\n\tbody\r\nB: 2\r\nA: 3\r\n\r\n"},
	{{SLICE("hC: d\0x\0"), SLICE("hE\r\n\0x\0"), SLICE("hF\0\0")},
		"A: 1\r\nB: 2\r\nA: 3\r\nF: \r\n\r\n"},
};

static void fields_are_added_changed_and_taken_out(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		AUTO(buf_free) struct buf to = BUF(1000);
		struct filter_milter_changes c = {.body = BUF(0)};
		struct slice body;
		for (size_t k = 0; k < 4 && CASES[i].frames[k].len > 0; k++)
			take(&c, CASES[i].frames[k], &arena);
		assert_true(filter_milter_apply(
			&c, SLICE("A: 1\r\nB: 2\r\nA: 3\r\n\r\nbody"), &to, &body));
		assert_slice(buf_slice(&to), CASES[i].expected);
		assert_slice(body, "body");
	}
}

static void without_changes_nothing_is_copied(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf to = BUF(1000);
	struct filter_milter_changes c = {.body = BUF(0)};
	struct slice body;
	take(&c, SLICE("+<a@b>\0"), &arena);
	assert_false(filter_milter_apply(&c, SLICE("A: 1\r\n\r\nbody"), &to, &body));
	assert_int_equal(to.len, 0);
}

static void a_header_without_its_end_gets_one(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf to = BUF(1000);
	struct filter_milter_changes c = {.body = BUF(100)};
	struct slice body;
	take(&c, SLICE("hC\0x\0"), &arena);
	take(&c, SLICE("bnew"), &arena);
	take(&c, SLICE("b body"), &arena);
	assert_true(filter_milter_apply(&c, SLICE("A: 1"), &to, &body));
	assert_slice(buf_slice(&to), "A: 1\r\nC: x\r\n\r\n");
	assert_slice(body, "new body");
	filter_milter_changes_free(&c);
}

static void too_many_changes_are_refused(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_milter_changes c = {.body = BUF(10)};
	struct filter_milter_reply add = {
		.kind = MILTER_ADD_HEADER, .name = SLICE("A"), .value = SLICE("b")};
	struct filter_milter_reply body = {.kind = MILTER_REPLACE_BODY, .text = SLICE("12345678")};
	for (size_t i = 0; i < FILTER_MILTER_CHANGES_MAX; i++)
		assert_true(filter_milter_changes_take(&c, &add, &arena));
	assert_false(filter_milter_changes_take(&c, &add, &arena));
	assert_true(filter_milter_changes_take(&c, &body, &arena));
	assert_false(filter_milter_changes_take(&c, &body, &arena));
	filter_milter_changes_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_added_changed_and_taken_out),
		cmocka_unit_test(without_changes_nothing_is_copied),
		cmocka_unit_test(a_header_without_its_end_gets_one),
		cmocka_unit_test(too_many_changes_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
