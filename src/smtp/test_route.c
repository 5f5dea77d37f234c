/* Where mail goes, by where users live. */
#include "smtp/route.h"

#include "base/test.h"
#include "directory/fake.h"

#define LIVES(host)                                                                                \
	{                                                                                          \
		.to_host = { host, sizeof(host) - 1 }                                              \
	}

static const struct directory_fake_user USERS[] = {
	{.name = "ann@x.test"},
	{.name = "ben@x.test", .user = LIVES("s1.test")},
	{.name = "cyd@x.test", .user = LIVES("S1.test")},
	{.name = "pat@x.test", .user = {.to_host = {"s2.test", 7}, .no_copy = true}},
	{.name = "\"q q\"@x.test", .user = LIVES("s3.test")},
	{.name = "bad@x.test", .user = LIVES("!")},
	{.name = "one@x.test", .alias_of = "ben@x.test,cyd@x.test"},
	{.name = "two@x.test", .alias_of = "ann@x.test,ben@x.test,\"q q\"@x.test"},
	{.name = "copy@x.test", .alias_of = "ben@x.test,pat@x.test"},
	{.name = "out@x.test", .alias_of = "else@y.test"},
	{.name = "mixed@x.test", .alias_of = "ben@x.test,bad@x.test"},
};

static int place_of(void *context, const struct directory_user *user, struct arena *arena,
	struct slice *ret_place, struct err *err)
{
	*ret_place = user->to_host;
	if (slice_eq(user->to_host, SLICE("!")))
		return err_temporary(err, ERR_BAD_INPUT, "no host");
	return 0;
}

/* "place:address place:address", or "!". */
static void check(const char *address, const char *expected)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf text = BUF(4096);
	const struct smtp_router router = {place_of, NULL, '+'};
	struct directory *d = directory_fake_new(USERS, ARRAY_LEN(USERS));
	struct directory_route route;
	struct smtp_destinations to;
	struct err err;
	assert_int_equal(directory_lookup(d, slice_str(address), &arena, &route, &err), 0);
	if (smtp_route(&router, &route, slice_str(address), &arena, &to, &err) < 0) {
		assert_int_equal(err.class, ERR_TEMPORARY);
		buf_add_str(&text, "!");
	} else
		for (size_t i = 0; i < to.count; i++)
			buf_printf(&text, "%s%.*s:%.*s", i > 0 ? " " : "",
				SLICE_ARG(to.items[i].place), SLICE_ARG(to.items[i].address));
	assert_string_equal(buf_cstr(&text), expected);
	directory_free(d);
}

static void all_at_one_place_are_named_as_the_client_did(void **state)
{
	check("ann@x.test", ":");
	check("ben+lists@x.test", "s1.test:");
	check("one@x.test", "s1.test:");
	check("pat@x.test", "s2.test:");
	check("out@x.test", ":");
}

static void an_alias_over_several_names_each_with_the_detail(void **state)
{
	check("two@x.test", ":ann@x.test s1.test:ben@x.test s3.test:\"q q\"@x.test");
	check("two+d@x.test", ":ann+d@x.test s1.test:ben+d@x.test s3.test:\"q q\"@x.test");
}

static void who_gets_no_copy_does_not_count_while_another_one_does(void **state)
{
	check("copy@x.test", "s1.test:");
}

static void a_host_that_is_none_is_temporary_for_all(void **state)
{
	check("bad@x.test", "!");
	check("mixed@x.test", "!");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_at_one_place_are_named_as_the_client_did),
		cmocka_unit_test(an_alias_over_several_names_each_with_the_detail),
		cmocka_unit_test(who_gets_no_copy_does_not_count_while_another_one_does),
		cmocka_unit_test(a_host_that_is_none_is_temporary_for_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
