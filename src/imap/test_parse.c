/* The pure parts: collecting commands, the grammar's items, FETCH and SEARCH, patterns of LIST. */
#include "base/test.h"
#include "imap/collect.h"
#include "imap/fetch_internal.h"
#include "imap/list_internal.h"
#include "imap/search_internal.h"

struct fixture {
	struct arena arena;
	struct imap_parser p;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->p.arena = &f->arena;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	arena_free(&f->arena);
	free(f);
	return 0;
}

static struct imap_parser *parsing(void **state, const char *text)
{
	struct fixture *f = *state;
	f->p.rest = slice_str(text);
	f->p.error = NULL;
	return &f->p;
}

/* Feeds the bytes in two pieces cut at `cut`; returns how the command ended and where. */
static enum imap_collected collect(struct slice bytes, size_t cut, size_t *ret_len)
{
	struct imap_collect c = {0};
	enum imap_collected got = imap_collect_step(&c, slice(bytes.ptr, cut));
	for (;;) {
		if (got == IMAP_LITERAL && !imap_collect_literal(&c))
			return IMAP_TOO_LONG;
		if (got == IMAP_COMMAND || got == IMAP_TOO_LONG)
			break;
		enum imap_collected next = imap_collect_step(&c, bytes);
		if (next == IMAP_NEED_MORE)
			return next;
		got = next;
	}
	*ret_len = c.at;
	return got;
}

static void cutting_a_command_anywhere_changes_nothing(void **state)
{
	const char *const commands[] = {"a NOOP\r\n", "a LOGIN {3}\r\nann {6+}\r\nsecret\r\n",
		"a X {0}\r\n\r\n", "a X {5}\r\n{9}\r\n \r\n", "a NOOP\n"};
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		struct slice bytes = slice_str(commands[i]);
		for (size_t cut = 0; cut <= bytes.len; cut++) {
			size_t len = 0;
			assert_int_equal(collect(bytes, cut, &len), IMAP_COMMAND);
			assert_int_equal(len, bytes.len);
		}
	}
}

static void what_looks_like_a_literal_inside_a_line_is_none(void **state)
{
	size_t len;
	struct slice bytes = SLICE("a X {3} b\r\n");
	assert_int_equal(collect(bytes, 0, &len), IMAP_COMMAND);
	bytes = SLICE("a X {3x}\r\n");
	assert_int_equal(collect(bytes, 0, &len), IMAP_COMMAND);
}

static void lines_and_literals_past_their_limits_are_refused(void **state)
{
	size_t len;
	static char line[IMAP_LINE_MAX + 100];
	memset(line, 'x', sizeof(line));
	assert_int_equal(collect(slice(line, sizeof(line)), 10, &len), IMAP_TOO_LONG);
	assert_int_equal(collect(SLICE("a X {10737418240}\r\n"), 0, &len), IMAP_TOO_LONG);
	assert_int_equal(
		collect(SLICE("a X {99999999999999999999999}\r\n"), 0, &len), IMAP_TOO_LONG);
}

static void strings_come_in_three_forms(void **state)
{
	struct slice s;
	assert_true(imap_astring(parsing(state, "abc]d rest"), &s));
	assert_slice(s, "abc]d");
	assert_true(imap_astring(parsing(state, "\"a\\\"b\\\\c\" rest"), &s));
	assert_slice(s, "a\"b\\c");
	assert_true(imap_astring(parsing(state, "{3+}\r\na\rb rest"), &s));
	assert_slice(s, "a\rb");
	assert_false(imap_astring(parsing(state, "\"a\r\nb\""), &s));
	assert_false(imap_astring(parsing(state, "\"ab"), &s));
	assert_false(imap_astring(parsing(state, "\"a\\b\""), &s));
	assert_false(imap_astring(parsing(state, "{9}\r\nabc"), &s));
	assert_false(imap_astring(parsing(state, ""), &s));
}

static void names_are_told_in_utf7_and_kept_in_utf8(void **state)
{
	struct slice s;
	assert_true(imap_mailbox(parsing(state, "Entw&APw-rfe"), &s));
	assert_slice(s, "Entw\xc3\xbcrfe");
	assert_true(imap_mailbox(parsing(state, "inbox/Work"), &s));
	assert_slice(s, "INBOX/Work");
	assert_true(imap_mailbox(parsing(state, "inboxes"), &s));
	assert_slice(s, "inboxes");
	assert_false(imap_mailbox(parsing(state, "&broken"), &s));
}

static void flags_are_system_ones_or_keywords(void **state)
{
	uint8_t flags;
	struct mail_keywords keywords;
	assert_true(imap_flags(
		parsing(state, "(\\Seen $Work \\DELETED $work)"), false, &flags, &keywords));
	assert_int_equal(flags, MAIL_SEEN | MAIL_DELETED);
	assert_int_equal(keywords.count, 1);
	assert_true(imap_flags(parsing(state, "()"), false, &flags, &keywords));
	assert_int_equal(flags, 0);
	assert_true(imap_flags(parsing(state, "\\Seen \\Draft"), true, &flags, &keywords));
	assert_int_equal(flags, MAIL_SEEN | MAIL_DRAFT);
	assert_false(imap_flags(parsing(state, "\\Seen"), false, &flags, &keywords));
	assert_false(imap_flags(parsing(state, "(\\Unheard)"), false, &flags, &keywords));
}

static void fetch_items_keep_the_label_of_their_answer(void **state)
{
	struct imap_fetch_request q;
	assert_true(imap_fetch_items(
		parsing(state, "(UID BODY.PEEK[1.2.HEADER.FIELDS (From To)]<5.10> BODY)"), &q));
	assert_int_equal(q.count, 3);
	const struct imap_fetch_item *item = q.items->next;
	assert_slice(item->label, "BODY[1.2.HEADER.FIELDS (From To)]<5>");
	assert_int_equal(item->section, IMAP_SECTION_FIELDS);
	assert_int_equal(item->number_count, 2);
	assert_int_equal(item->partial_from, 5);
	assert_int_equal(item->partial_len, 10);
	assert_true(item->peek);
	assert_int_equal(item->next->kind, IMAP_FETCH_STRUCTURE);
	assert_false(q.sets_seen);
	assert_true(imap_fetch_items(parsing(state, "BODY[TEXT]"), &q));
	assert_true(q.sets_seen);
	assert_true(imap_fetch_items(parsing(state, "RFC822.HEADER"), &q));
	assert_false(q.sets_seen);
	assert_slice(q.items->label, "RFC822.HEADER");
	assert_true(imap_fetch_items(parsing(state, "FULL"), &q));
	assert_int_equal(q.count, 5);
}

static void fetch_labels_are_quoted_or_bare_however_the_names_came(void **state)
{
	struct imap_fetch_request q;
	assert_true(imap_fetch_items(
		parsing(state, "BODY[2.header.fields.not ({4}\r\nFrom \"To\" \"x(y\")]"), &q));
	assert_slice(q.items->label, "BODY[2.HEADER.FIELDS.NOT (From To \"x(y\")]");
	assert_false(imap_fetch_items(parsing(state, "BODY[HEADER.FIELDS ({3}\r\na\r\n)]"), &q));
}

static void fetch_items_that_are_none_are_refused(void **state)
{
	const char *const bad[] = {"()", "(FLAGS", "BODY[", "BODY[1.]", "BODY[0]", "BODY[MIME]",
		"BODY[]<1.0>", "BODY[]<1>", "BODY[HEADER.FIELDS]", "BODY[HEADER.FIELDS ()]",
		"BODYX", "BINARY[1.TEXT]", "RFC822.NONE"};
	struct imap_fetch_request q;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct imap_parser *p = parsing(state, bad[i]);
		if (imap_fetch_items(p, &q) && imap_end(p))
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static struct mail_search *search(void **state, const char *text, struct imap_search_parse *q)
{
	static const struct mail_set none;
	*q = (struct imap_search_parse){
		.count = 10, .largest_uid = 100, .recent_from = 90, .found = &none};
	return imap_search_keys(q, parsing(state, text));
}

static void search_keys_become_a_program(void **state)
{
	struct imap_search_parse q;
	const struct mail_search *all =
		search(state, "UNSEEN OR FROM ann (LARGER 5 NOT SUBJECT \"x y\") 2:*", &q);
	assert_non_null(all);
	assert_int_equal(all->op, MAIL_SEARCH_AND);
	const struct mail_search *unseen = all->children, * or = unseen->next, *set = or->next;
	assert_int_equal(unseen->op, MAIL_SEARCH_NOT);
	assert_int_equal(unseen->children->number, MAIL_SEEN);
	assert_int_equal(or->op, MAIL_SEARCH_OR);
	assert_slice(or->children->name, "From");
	assert_slice(or->children->text, "ann");
	assert_int_equal(or->children->next->op, MAIL_SEARCH_AND);
	assert_int_equal(set->op, MAIL_SEARCH_SEQ);
	assert_int_equal(set->set.ranges[0].last, 10);
	assert_null(set->next);
	imap_search_free(&q);
}

static void search_keys_that_are_none_are_refused(void **state)
{
	const char *const bad[] = {"", "SEEN ", "NOT", "OR SEEN", "(SEEN", "FROM",
		"SINCE 99-Feb-2020", "SINCE 1-Foo-2020", "LARGER x", "YOUNGER 0", "HEADER x", "UID",
		"1:", "MODSEQ x", "THREADID"};
	struct imap_search_parse q;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (search(state, bad[i], &q))
			fail_msg("\"%s\" was taken", bad[i]);
		imap_search_free(&q);
	}
}

static void a_search_too_deep_is_refused(void **state)
{
	struct imap_search_parse q;
	char text[1000] = "";
	for (size_t i = 0; i < 200; i++)
		text[i] = '(';
	assert_null(search(state, text, &q));
	imap_search_free(&q);
	for (size_t i = 0; i < 200; i++)
		memcpy(text + 4 * i, "NOT ", 4);
	assert_null(search(state, text, &q));
	imap_search_free(&q);
}

static void patterns_match_by_level_or_by_all(void **state)
{
	const struct {
		const char *pattern, *name;
		bool match;
	} cases[] = {
		{"*", "a/b/c", true},
		{"%", "a", true},
		{"%", "a/b", false},
		{"a/%", "a/b", true},
		{"a/%", "a/b/c", false},
		{"a/%/c", "a/b/c", true},
		{"%/c", "a/b/c", false},
		{"*/c", "a/b/c", true},
		{"*b%", "a/bx", true},
		{"*b%", "a/b/x", false},
		{"a*%c", "a/b/c", true},
		{"", "a", false},
		{"inbox", "INBOX", true},
		{"inbox*", "INBOX/x", true},
		{"a", "A", false},
		{"%*%*%*%*%*%*%*%*%*x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (imap_list_match(slice_str(cases[i].pattern), slice_str(cases[i].name)) !=
			cases[i].match)
			fail_msg("\"%s\" against \"%s\"", cases[i].pattern, cases[i].name);
}

#define WITH_PARSER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cutting_a_command_anywhere_changes_nothing),
		cmocka_unit_test(what_looks_like_a_literal_inside_a_line_is_none),
		cmocka_unit_test(lines_and_literals_past_their_limits_are_refused),
		WITH_PARSER(strings_come_in_three_forms),
		WITH_PARSER(names_are_told_in_utf7_and_kept_in_utf8),
		WITH_PARSER(flags_are_system_ones_or_keywords),
		WITH_PARSER(fetch_items_keep_the_label_of_their_answer),
		WITH_PARSER(fetch_labels_are_quoted_or_bare_however_the_names_came),
		WITH_PARSER(fetch_items_that_are_none_are_refused),
		WITH_PARSER(search_keys_become_a_program),
		WITH_PARSER(search_keys_that_are_none_are_refused),
		WITH_PARSER(a_search_too_deep_is_refused),
		cmocka_unit_test(patterns_match_by_level_or_by_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
