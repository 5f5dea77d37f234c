/* Where addresses lead, by a source out of arrays. */
#include "base/test.h"
#include "directory/account.h"
#include "directory/address.h"
#include "directory/follow.h"

struct row {
	const char *name, *targets; /* of an alias, "," between; NULL: a user */
	const char *forwards;       /* of a user, the same */
	bool no_copy, suspended;
	const char *identity; /* NULL: the name */
};

static const struct row ROWS[] = {
	{"ann@here.test"},
	{"bob@here.test", .forwards = "Ann@HERE.test,x@there.test,no address"},
	{"cat@here.test", .forwards = "dog@here.test", .no_copy = true},
	{"dog@here.test", .forwards = "cat@here.test", .no_copy = true},
	{"sue@here.test", .suspended = true, .forwards = "x@there.test"},
	{"one@here.test", .identity = "same"},
	{"two@here.test", .identity = "same"},
	{"team@here.test", "ann@here.test,sue@here.test,more@here.test"},
	{"more@here.test", "bob@here.test,team@here.test"},
	{"same@here.test", "one@here.test,two@here.test"},
	{"lost@here.test", "nobody@here.test"},
	{"loud@here.test", " X.Y@There.TEST,x.y@there.test"},
	{"@catch.test", "ann@here.test"},
	{"broken@here.test", "!"},
};

static const struct row *find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++)
		if (slice_eq(slice_str(ROWS[i].name), name))
			return &ROWS[i];
	return NULL;
}

static struct slice *split(struct arena *arena, const char *text, size_t *ret_count)
{
	enum { MOST = 8 };
	struct slice *list = ARENA_ARRAY(arena, struct slice, MOST);
	*ret_count = 0;
	for (struct slice rest = slice_str(text); rest.len > 0;)
		list[(*ret_count)++] = slice_cut(&rest, ',');
	return list;
}

static int domain(void *context, struct slice name, struct err *err)
{
	return slice_eq(name, SLICE("here.test")) || slice_eq(name, SLICE("catch.test"))
		       ? 0
		       : DIRECTORY_UNKNOWN;
}

static int user(void *context, struct slice name, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	const struct row *row = find(name);
	size_t count;
	if (!row || row->targets)
		return DIRECTORY_UNKNOWN;
	const struct slice *forwards = split(arena, row->forwards, &count);
	*ret_user = (struct directory_user){.name = slice_str(row->name),
		.account =
			directory_account_of(slice_str(row->identity ? row->identity : row->name)),
		.services = DIRECTORY_ALL_SERVICES,
		.suspended = row->suspended,
		.forwards = forwards,
		.forward_count = count,
		.no_copy = row->no_copy};
	return 0;
}

static int alias(void *context, struct slice name, struct arena *arena, struct slice **ret_targets,
	size_t *ret_count, struct err *err)
{
	const struct row *row = find(name);
	if (!row || !row->targets)
		return DIRECTORY_UNKNOWN;
	if (row->targets[0] == '!')
		return err_temporary(err, ERR_UNAVAILABLE, "not now");
	*ret_targets = split(arena, row->targets, ret_count);
	return 0;
}

/* "users|elsewhere", "," between those who get it; or the outcome's name. */
static void leads_to(const char *address, const char *expected)
{
	static const struct directory_source source = {
		.plus_separator = '+', .domain = domain, .user = user, .alias = alias};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf text = BUF(4096);
	struct directory_route route;
	struct err err;
	int r = directory_follow(&source, slice_str(address), &arena, &route, &err);
	for (size_t i = 0; r == 0 && i < route.count; i++)
		if (!route.users[i].no_copy)
			buf_printf(&text, "%s%.*s", text.len ? "," : "",
				SLICE_ARG(route.users[i].name));
	for (size_t i = 0; r == 0 && i < route.elsewhere_count; i++)
		buf_printf(&text, "|%.*s", SLICE_ARG(route.elsewhere[i]));
	if (r == 0 && route.detail.len > 0)
		buf_printf(&text, "+%.*s", SLICE_ARG(route.detail));
	if (r != 0)
		buf_add_str(&text, r == DIRECTORY_UNKNOWN  ? "unknown"
				   : r == DIRECTORY_DENIED ? "denied"
							   : err.text);
	assert_slice(buf_slice(&text), expected);
}

static void users_and_strangers(void **state)
{
	leads_to("ANN@here.test", "ann@here.test");
	leads_to("nobody@here.test", "unknown");
	leads_to("ann@there.test", "unknown");
	leads_to("no address", "unknown");
	leads_to("sue@here.test", "denied");
}

static void details_and_catch_all(void **state)
{
	leads_to("ann+lists@here.test", "ann@here.test+lists");
	leads_to("whoever@catch.test", "ann@here.test");
}

static void forwards_are_followed(void **state)
{
	leads_to("bob@here.test", "bob@here.test,ann@here.test|x@there.test");
	/* each sends to the other and keeps nothing: then both keep it */
	leads_to("cat@here.test", "cat@here.test,dog@here.test");
}

static void aliases_are_followed_in_circles_once(void **state)
{
	leads_to("team@here.test", "ann@here.test,bob@here.test|x@there.test");
	leads_to("same@here.test", "one@here.test");
	leads_to("loud@here.test", "|X.Y@there.test"); /* as it was written */
}

static void mistakes_are_temporary(void **state)
{
	leads_to("lost@here.test", "alias lost@here.test leads to nobody");
	leads_to("broken@here.test", "not now");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_and_strangers),
		cmocka_unit_test(details_and_catch_all),
		cmocka_unit_test(forwards_are_followed),
		cmocka_unit_test(aliases_are_followed_in_circles_once),
		cmocka_unit_test(mistakes_are_temporary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
