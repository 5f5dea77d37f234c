/* The line grammar of authmod. */
#include "base/alloc.h"
#include "base/test.h"
#include "directory/authmod_line.h"

static void words_and_fields_are_told_apart(void **state)
{
	struct directory_authmod_line l;
	assert_true(directory_authmod_parse(
		SLICE("check ann@example.org  \t\"pass word\" 192.0.2.1 service=\"imap\""), &l));
	assert_int_equal(l.word_count, 4);
	assert_slice(l.words[0], "check");
	assert_slice(l.words[1], "ann@example.org");
	assert_slice(l.words[2], "pass word");
	assert_slice(l.words[3], "192.0.2.1");
	assert_int_equal(l.field_count, 1);
	assert_slice(directory_authmod_field(&l, "SERVICE"), "imap");
	assert_slice(directory_authmod_field(&l, "other"), "");
}

static void quotes_and_backslashes_are_taken_off(void **state)
{
	struct directory_authmod_line l;
	assert_true(directory_authmod_parse(
		SLICE("x \"a\\\"b\\\\c\" \"\" \"\\d\" f=\"\\\"\" g=\"=\""), &l));
	assert_int_equal(l.word_count, 4);
	assert_slice(l.words[1], "a\"b\\c");
	assert_slice(l.words[2], "");
	assert_slice(l.words[3], "d");
	assert_slice(directory_authmod_field(&l, "f"), "\"");
	assert_slice(directory_authmod_field(&l, "g"), "=");
}

static void a_bare_equals_sign_makes_a_word_in_commands_and_a_field_in_answers(void **state)
{
	struct directory_authmod_line l;
	assert_true(directory_authmod_parse(SLICE("check ann a=b"), &l));
	assert_int_equal(l.word_count, 3);
	assert_slice(l.words[2], "a=b");
	assert_true(directory_authmod_parse(SLICE("+OK ann config 0 quota=100 fwd= x=\"y\""), &l));
	assert_int_equal(l.word_count, 4);
	assert_int_equal(l.field_count, 3);
	assert_slice(directory_authmod_field(&l, "quota"), "100");
	assert_slice(directory_authmod_field(&l, "x"), "y");
}

static void the_reason_of_a_refusal_is_one_word(void **state)
{
	struct directory_authmod_line l;
	assert_true(directory_authmod_parse(SLICE("-ERR  don't \"know a=\"b c d e f g h "), &l));
	assert_int_equal(l.word_count, 2);
	assert_slice(l.words[0], "-ERR");
	assert_slice(l.words[1], "don't \"know a=\"b c d e f g h");
	assert_true(directory_authmod_parse(SLICE("-DEAD"), &l));
	assert_slice(l.words[1], "");
}

static void malformed_lines_are_refused(void **state)
{
	struct directory_authmod_line l;
	const struct slice bad[] = {SLICE("check \"ann"), SLICE("check \"ann\\\""),
		SLICE("check \"ann\\"), SLICE("check \"a\"b"), SLICE("a\x01"), SLICE("a\x7f b"),
		SLICE("a\0b"), SLICE("a\rb"), SLICE("1 2 3 4 5 6 7 8 9"), SLICE("-ERR \x02")};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (directory_authmod_parse(bad[i], &l))
			fail_msg("%.*s is taken", SLICE_ARG(bad[i]));
}

static void too_long_lines_are_refused_and_the_longest_is_taken(void **state)
{
	struct directory_authmod_line l;
	char *text = alloc_zero(1, DIRECTORY_AUTHMOD_LINE_MAX + 1);
	memset(text, '\\', DIRECTORY_AUTHMOD_LINE_MAX + 1);
	text[0] = text[DIRECTORY_AUTHMOD_LINE_MAX - 1] = '"';
	assert_true(directory_authmod_parse(slice(text, DIRECTORY_AUTHMOD_LINE_MAX), &l));
	assert_int_equal(l.words[0].len, (DIRECTORY_AUTHMOD_LINE_MAX - 2) / 2);
	memset(text, 'a', DIRECTORY_AUTHMOD_LINE_MAX + 1);
	assert_false(directory_authmod_parse(slice(text, DIRECTORY_AUTHMOD_LINE_MAX + 1), &l));
	free(text);
}

static void fields_past_the_maximum_are_ignored(void **state)
{
	struct directory_authmod_line l;
	AUTO(buf_free) struct buf text = BUF(1000);
	for (int i = 0; i < 40; i++)
		buf_printf(&text, "f%d=\"%d\" ", i, i);
	assert_true(directory_authmod_parse(buf_slice(&text), &l));
	assert_int_equal(l.field_count, DIRECTORY_AUTHMOD_FIELDS_MAX);
}

static void an_empty_line_has_no_words(void **state)
{
	struct directory_authmod_line l;
	assert_true(directory_authmod_parse(SLICE(" \t "), &l));
	assert_int_equal(l.word_count + l.field_count, 0);
}

static void every_word_comes_back_as_it_was_written(void **state)
{
	const char *const words[] = {"ann", "", "a b", "a\"b", "a\\", "\\\"", "a=b", "a=\"b\"",
		"+OK", "-ERR", "\"", "b\u00e4r"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct directory_authmod_line l;
		AUTO(buf_free) struct buf text = BUF(1000);
		directory_authmod_add_word(&text, slice_str(words[i]));
		directory_authmod_add_field(&text, "f", slice_str(words[i]));
		assert_true(directory_authmod_parse(buf_slice(&text), &l));
		assert_int_equal(l.word_count, 1);
		assert_slice(l.words[0], words[i]);
		assert_slice(directory_authmod_field(&l, "f"), words[i]);
	}
}

static void control_characters_never_get_into_a_line(void **state)
{
	AUTO(buf_free) struct buf text = BUF(1000);
	directory_authmod_add_word(&text, SLICE("a\r\n+OK b"));
	directory_authmod_add_field(&text, "f", SLICE("\0\n"));
	assert_slice(buf_slice(&text), " \"a  +OK b\" f=\"  \"");
}

static void an_unknown_mailstatus_is_not_ok(void **state)
{
	struct directory_authmod_line l;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user user;
	assert_true(directory_authmod_parse(SLICE("+OK ann config 0 mailstatus=\"closed\""), &l));
	assert_true(directory_authmod_take_user(&l, &arena, &user));
	assert_true(user.suspended);
	assert_true(directory_authmod_parse(SLICE("+OK ann"), &l));
	assert_true(directory_authmod_take_user(&l, &arena, &user));
	assert_false(user.suspended);
	assert_int_equal(user.services, DIRECTORY_ALL_SERVICES);
	assert_true(directory_authmod_parse(SLICE("+OK"), &l));
	assert_false(directory_authmod_take_user(&l, &arena, &user));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_fields_are_told_apart),
		cmocka_unit_test(quotes_and_backslashes_are_taken_off),
		cmocka_unit_test(
			a_bare_equals_sign_makes_a_word_in_commands_and_a_field_in_answers),
		cmocka_unit_test(the_reason_of_a_refusal_is_one_word),
		cmocka_unit_test(malformed_lines_are_refused),
		cmocka_unit_test(too_long_lines_are_refused_and_the_longest_is_taken),
		cmocka_unit_test(fields_past_the_maximum_are_ignored),
		cmocka_unit_test(an_empty_line_has_no_words),
		cmocka_unit_test(every_word_comes_back_as_it_was_written),
		cmocka_unit_test(control_characters_never_get_into_a_line),
		cmocka_unit_test(an_unknown_mailstatus_is_not_ok),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
