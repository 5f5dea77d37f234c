/* What ID says. */
#include "base/test.h"
#include "imap/id.h"

static bool parse(const char *text, struct arena *arena, struct imap_id *ret_id)
{
	struct imap_parser p = {.rest = slice_str(text), .arena = arena};
	bool good = imap_parse_id(&p, ret_id);
	buf_free(&ret_id->said);
	return good;
}

static void what_a_client_says_is_kept_for_the_log(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct imap_id id;
	struct imap_parser p = {
		.rest = SLICE("(\"name\" \"Mutt\" \"version\" NIL \"os\" {2}\r\nab)"),
		.arena = &arena};
	assert_true(imap_parse_id(&p, &id));
	assert_slice(buf_slice(&id.said), "name=Mutt version= os=ab");
	assert_false(id.has_origin);
	buf_free(&id.said);
	assert_true(parse("NIL", &arena, &id));
	assert_true(parse("()", &arena, &id));
}

static void what_a_front_end_says_is_told_apart(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct imap_id id;
	struct imap_parser p = {
		.rest = SLICE("(\"x-session-id\" \"ab/c\" \"X-Originating-IP\" \"192.0.2.7\" "
			      "\"x-originating-port\" \"40000\" \"x-connected-ip\" \"192.0.2.1\" "
			      "\"x-connected-port\" \"143\" \"x-proxy-ttl\" \"4\" "
			      "\"x-forward-a\" \"b\" \"name\" \"proxy\")"),
		.arena = &arena};
	assert_true(imap_parse_id(&p, &id));
	assert_true(id.has_origin);
	assert_slice(id.origin.client, "192.0.2.7");
	assert_slice(id.origin.client_port, "40000");
	assert_slice(id.origin.local, "192.0.2.1");
	assert_slice(id.origin.local_port, "143");
	assert_slice(id.origin.session, "ab/c");
	assert_slice(id.origin.ttl, "4");
	assert_slice(buf_slice(&id.said), "name=proxy");
	buf_free(&id.said);
}

static void nonsense_is_refused(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf many = BUF(4096);
	struct imap_id id;
	static const char *const BAD[] = {"", "NILL", "NIL x", "(", "(\"a\")", "(\"a\" b)",
		"(\"a\" \"b\"", "(\"a\" \"b\") ", "(\"a\" \"b\"\"c\" \"d\")", "(NIL \"b\")"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		if (parse(BAD[i], &arena, &id))
			fail_msg("\"%s\" is taken", BAD[i]);
	buf_add_str(&many, "(");
	for (int i = 0; i <= IMAP_ID_FIELDS_MAX; i++)
		buf_add_str(&many, i > 0 ? " \"a\" \"b\"" : "\"a\" \"b\"");
	buf_add_str(&many, ")");
	assert_false(parse(buf_cstr(&many), &arena, &id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_client_says_is_kept_for_the_log),
		cmocka_unit_test(what_a_front_end_says_is_told_apart),
		cmocka_unit_test(nonsense_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
