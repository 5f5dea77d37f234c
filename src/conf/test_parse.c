/* The grammar: what becomes of good text, and where bad text is said to be bad. */
#include "conf/file.h"
#include "conf/parse.h"

#include "base/test.h"

#include <sys/stat.h>
#include <unistd.h>

struct parsed {
	struct arena arena;
	struct conf_source source;
	struct conf_node *first;
	struct buf report;
	struct err err;
	int outcome;
};

static void parsed_free(struct parsed *p)
{
	arena_free(&p->arena);
	buf_free(&p->report);
}

static struct parsed parse(struct slice text)
{
	struct parsed p = {.report = BUF(65536)};
	struct conf_counts counts = {0};
	struct conf_faults faults = {&p.report, &p.err, 0, 20};
	struct conf_source *source = ARENA_NEW(&p.arena, struct conf_source);
	*source = (struct conf_source){"t", text};
	p.outcome = conf_parse(&p.arena, source, &counts, &faults, &p.first);
	return p;
}

static void assert_fault(const char *text, const char *expected)
{
	AUTO(parsed_free) struct parsed p = parse(slice_str(text));
	assert_true(p.outcome < 0);
	assert_slice(buf_slice(&p.report), expected);
}

static void values_and_blocks_become_a_tree(void **state)
{
	AUTO(parsed_free)
	struct parsed p = parse(SLICE("a b \"c d\";\nmx in {\n\tlisten smtp; # no; }\n}\nz;"));
	assert_int_equal(p.outcome, 0);
	const struct conf_node *a = p.first, *mx = a->next, *z = mx->next;
	assert_slice(a->name.text, "a");
	assert_int_equal(a->value_count, 2);
	assert_slice(a->values->next->text, "c d");
	assert_false(a->is_block);
	assert_true(mx->is_block);
	assert_slice(mx->values->text, "in");
	assert_slice(mx->children->values->text, "smtp");
	assert_null(mx->children->next);
	assert_slice(z->name.text, "z");
	assert_int_equal(z->value_count, 0);
	assert_null(z->next);
}

static void every_word_knows_its_line_and_column(void **state)
{
	AUTO(parsed_free) struct parsed p = parse(SLICE("a b;\r\n\tk\xc3\xb6 \"\xc3\xb6\" v;"));
	const struct conf_node *second = p.first->next;
	assert_int_equal(p.first->values->place.column, 3);
	assert_int_equal(second->name.place.line, 2);
	assert_int_equal(second->name.place.column, 2);
	assert_int_equal(second->values->place.column, 5);
	assert_int_equal(second->values->next->place.column, 9);
}

static void escapes_in_quotes_are_undone(void **state)
{
	AUTO(parsed_free) struct parsed p = parse(SLICE("a \"x\\\"y\\\\z\\n#;\" \"\";"));
	assert_int_equal(p.outcome, 0);
	assert_slice(p.first->values->text, "x\"y\\z\n#;");
	assert_slice(p.first->values->next->text, "");
}

static void a_hash_within_a_word_is_no_comment(void **state)
{
	AUTO(parsed_free) struct parsed p = parse(SLICE("a b#c;"));
	assert_slice(p.first->values->text, "b#c");
}

static void a_quote_left_open_is_shown_where_it_opens(void **state)
{
	assert_fault("a b;\nc \"d;\ne f;\n",
		"t:2:3: quoted string is not closed on its line\n    c \"d;\n      ^\n");
}

static void a_block_left_open_is_shown_where_it_opens(void **state)
{
	assert_fault("a b;\nmx {\nc d;\n", "t:2:1: block \"mx\" is not closed, expected \"}\"\n"
					   "    mx {\n    ^\n");
}

static void a_missing_semicolon_is_shown_behind_the_last_word(void **state)
{
	assert_fault("mx {\n\tlisten smtp\n}\n",
		"t:2:13: expected \";\" or \"{\" behind \"listen\"\n    \tlisten smtp\n"
		"    \t           ^\n");
}

static void a_brace_too_many_is_refused(void **state)
{
	assert_fault("a b;\n}\n", "t:2:1: expected the name of an option, found }\n    }\n    ^\n");
}

static void an_unknown_escape_is_refused(void **state)
{
	assert_fault("a \"\\t\";",
		"t:1:4: unknown escape, expected \\\" or \\\\ or \\n\n    a \"\\t\";\n       ^\n");
}

static void a_quote_within_a_word_is_refused(void **state)
{
	assert_fault("a b\"c\";", "t:1:4: quote within a word, expected a space before it\n"
				  "    a b\"c\";\n       ^\n");
}

static void a_word_stuck_to_a_quoted_string_is_refused(void **state)
{
	assert_fault("a \"b\"c;",
		"t:1:6: expected a space, \";\" or \"{\" behind the quoted string\n"
		"    a \"b\"c;\n         ^\n");
}

static void control_characters_are_refused_and_not_shown(void **state)
{
	AUTO(parsed_free) struct parsed p = parse(slice("a \033[2J\0;", 8));
	assert_slice(buf_slice(&p.report),
		"t:1:3: control character 0x1b in the text\n    a ?[2J?;\n      ^\n");
}

static void blocks_nest_to_a_bound(void **state)
{
	char text[128];
	for (size_t depth = CONF_DEPTH_MAX; depth <= CONF_DEPTH_MAX + 1; depth++) {
		for (size_t i = 0; i < depth; i++) {
			memcpy(text + 2 * i, "a{", 2);
			text[2 * depth + i] = '}';
		}
		AUTO(parsed_free) struct parsed p = parse(slice(text, 3 * depth));
		assert_int_equal(p.outcome, depth <= CONF_DEPTH_MAX ? 0 : -1);
	}
}

static void words_are_bounded(void **state)
{
	AUTO(buf_free) struct buf text = BUF(16384);
	buf_add_str(&text, "a ");
	for (size_t i = 0; i < CONF_WORD_MAX; i++)
		buf_add_byte(&text, 'b');
	buf_add_byte(&text, ';');
	AUTO(parsed_free) struct parsed fits = parse(buf_slice(&text));
	assert_int_equal(fits.outcome, 0);
	buf_add_str(&text, "c \"");
	for (size_t i = 0; i <= CONF_WORD_MAX; i++)
		buf_add_byte(&text, 'b');
	buf_add_str(&text, "\";");
	buf_consume(&text, CONF_WORD_MAX + 3);
	AUTO(parsed_free) struct parsed longer = parse(buf_slice(&text));
	assert_string_equal(longer.err.text, "t:1:3: word is longer than 4096 bytes");
}

static void only_the_part_of_a_long_line_around_the_place_is_shown(void **state)
{
	char text[400];
	memset(text, 'x', sizeof(text));
	memcpy(text + 200, " \"", 2);
	text[399] = '\n';
	AUTO(parsed_free) struct parsed p = parse(slice(text, sizeof(text)));
	struct slice rest = buf_slice(&p.report);
	assert_slice(slice_cut(&rest, '\n'), "t:1:202: quoted string is not closed on its line");
	assert_int_equal(slice_cut(&rest, '\n').len, 4 + 60 + 40);
	assert_int_equal(slice_cut(&rest, '\n').len, 4 + 60 + 1);
}

static void cutting_the_text_anywhere_does_no_harm(void **state)
{
	const struct slice whole = SLICE("a b \"c\\\"\"; # x\nmx l { listen \"smtp\" *:25; }\n");
	for (size_t len = 0; len <= whole.len; len++) {
		/* A copy of that very length, so that a sanitizer sees reading behind it. */
		char *copy = malloc(len + 1);
		memcpy(copy, whole.ptr, len);
		copy = realloc(copy, len ? len : 1);
		AUTO(parsed_free) struct parsed p = parse(slice(copy, len));
		assert_true((p.outcome < 0) == (p.report.len > 0));
		free(copy);
	}
}

/* Files in a folder of their own. */
static int make_folder(void **state)
{
	static char folder[] = "/tmp/conf_test_XXXXXX";
	*state = mkdtemp(folder);
	return *state ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[128];
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
	return system(command);
}

static const char *put(void **state, const char *name, const char *text)
{
	static char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", (char *)*state, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return path;
}

static struct parsed read_file(const char *path)
{
	struct parsed p = {.report = BUF(65536)};
	struct conf_faults faults = {&p.report, &p.err, 0, 20};
	p.outcome = conf_file_read(&p.arena, path, &faults, &p.first);
	return p;
}

static void included_files_stand_in_place_of_the_include_in_order_of_name(void **state)
{
	char folder[256];
	(void)snprintf(folder, sizeof(folder), "%s/d", (char *)*state);
	assert_int_equal(mkdir(folder, 0700), 0);
	(void)put(state, "d/2.conf", "three;");
	(void)put(state, "d/1.conf", "\xef\xbb\xbfone; two;");
	const char *path = put(state, "order.conf",
		"zero; mx { include \"d/*.conf\"; four; }\n"
		"include \"none*\"; five;");
	AUTO(parsed_free) struct parsed p = read_file(path);
	assert_int_equal(p.outcome, 0);
	const char *const names[] = {"one", "two", "three", "four"};
	const struct conf_node *node = p.first->next->children;
	for (size_t i = 0; i < ARRAY_LEN(names); i++, node = node->next)
		assert_slice(node->name.text, names[i]);
	assert_null(node);
	assert_slice(p.first->next->next->name.text, "five");
}

static void an_included_file_that_does_not_exist_is_a_fault_at_its_name(void **state)
{
	const char *path = put(state, "absent.conf", "include nowhere.conf;\n");
	AUTO(parsed_free) struct parsed p = read_file(path);
	char expected[600];
	(void)snprintf(expected, sizeof(expected),
		"%s/absent.conf:1:9: can't read \"%s/nowhere.conf\": No such file or directory",
		(char *)*state, (char *)*state);
	assert_string_equal(p.err.text, expected);
	assert_int_equal(p.err.class, ERR_PERMANENT);
}

static void a_fault_in_an_included_file_names_that_file(void **state)
{
	(void)put(state, "part", "\n  }");
	const char *path = put(state, "whole.conf", "include part;\n");
	AUTO(parsed_free) struct parsed p = read_file(path);
	char expected[600];
	(void)snprintf(expected, sizeof(expected),
		"%s/part:2:3: expected the name of an option, found }", (char *)*state);
	assert_string_equal(p.err.text, expected);
}

static void a_file_that_includes_itself_is_stopped(void **state)
{
	const char *path = put(state, "self.conf", "include self.conf;\n");
	AUTO(parsed_free) struct parsed p = read_file(path);
	assert_non_null(strstr(p.err.text, "files include each other more than 8 deep"));
}

static void included_files_are_bounded_in_number(void **state)
{
	AUTO(buf_free) struct buf text = BUF(65536);
	(void)put(state, "nothing", "");
	/* The file itself counts too. */
	for (unsigned i = 1; i < CONF_FILES_MAX; i++)
		buf_add_str(&text, "include nothing;\n");
	AUTO(parsed_free) struct parsed fits = read_file(put(state, "many", buf_cstr(&text)));
	assert_int_equal(fits.outcome, 0);
	buf_add_str(&text, "include nothing;\n");
	AUTO(parsed_free) struct parsed p = read_file(put(state, "many", buf_cstr(&text)));
	assert_non_null(strstr(p.err.text, "/many:256:9: more than 256 files are included"));
}

static void a_main_file_that_does_not_exist_is_no_fault_in_a_config(void **state)
{
	AUTO(parsed_free) struct parsed p = read_file("/nonexistent/rookery.conf");
	assert_string_equal(p.err.text, "can't read the config file /nonexistent/rookery.conf: "
					"No such file or directory");
	assert_int_equal(p.err.class, ERR_TEMPORARY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_blocks_become_a_tree),
		cmocka_unit_test(every_word_knows_its_line_and_column),
		cmocka_unit_test(escapes_in_quotes_are_undone),
		cmocka_unit_test(a_hash_within_a_word_is_no_comment),
		cmocka_unit_test(a_quote_left_open_is_shown_where_it_opens),
		cmocka_unit_test(a_block_left_open_is_shown_where_it_opens),
		cmocka_unit_test(a_missing_semicolon_is_shown_behind_the_last_word),
		cmocka_unit_test(a_brace_too_many_is_refused),
		cmocka_unit_test(an_unknown_escape_is_refused),
		cmocka_unit_test(a_quote_within_a_word_is_refused),
		cmocka_unit_test(a_word_stuck_to_a_quoted_string_is_refused),
		cmocka_unit_test(control_characters_are_refused_and_not_shown),
		cmocka_unit_test(blocks_nest_to_a_bound),
		cmocka_unit_test(words_are_bounded),
		cmocka_unit_test(only_the_part_of_a_long_line_around_the_place_is_shown),
		cmocka_unit_test(cutting_the_text_anywhere_does_no_harm),
		cmocka_unit_test(included_files_stand_in_place_of_the_include_in_order_of_name),
		cmocka_unit_test(an_included_file_that_does_not_exist_is_a_fault_at_its_name),
		cmocka_unit_test(a_fault_in_an_included_file_names_that_file),
		cmocka_unit_test(a_file_that_includes_itself_is_stopped),
		cmocka_unit_test(included_files_are_bounded_in_number),
		cmocka_unit_test(a_main_file_that_does_not_exist_is_no_fault_in_a_config),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
