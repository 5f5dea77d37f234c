/* Answers as other makers' programs write them. */
#include "base/test.h"
#include "directory/authmod_line.h"

static struct directory_authmod_line line;

static void take(const char *text)
{
	assert_true(directory_authmod_read(slice_str(text), &line));
}

static void assert_field(const char *name, const char *value)
{
	struct slice got = directory_authmod_field(&line, name);
	if (!slice_eq(got, slice_str(value)))
		fail_msg("%s is \"%.*s\"", name, SLICE_ARG(got));
}

static void an_answer_as_the_protocol_has_it(void **state)
{
	take("+OK bob@test.com config 0 quota=\"200\" fwd=\"fred@test.com\"");
	assert_int_equal(line.word_count, 4);
	assert_true(slice_eq(line.words[1], SLICE("bob@test.com")));
	assert_field("quota", "200");
	assert_field("FWD", "fred@test.com");
}

static void bare_values_paths_and_quotes_inside_are_taken_as_they_are_meant(void **state)
{
	take("+OK u@d C:\\mail\\u 0 tohost=back1:143 note=\"a \"b\"c\" dir=\"C:\\\\x\\\" said=\"he "
	     "said \\\"hi\\\" there\"");
	assert_field("tohost", "back1:143");
	assert_field("note", "a \"b\"c");
	assert_true(slice_eq(line.words[2], SLICE("C:\\mail\\u")));
	take("+OK u@d config 0 dir=\"C:\\mail\\\"");
	assert_field("dir", "C:\\mail\\");
	take("+OK u@d config 0 said=\"he said \\\"hi\\\" there\" quota=7");
	assert_field("said", "he said \"hi\" there");
	assert_field("quota", "7");
}

static void what_does_not_end_ends_with_the_line(void **state)
{
	take("+OK u@d config 0 name=\"Ann of");
	assert_field("name", "Ann of");
	take("+OK u@d config 0 a=\"");
	assert_field("a", "");
	take("+OK u@d\tconfig 0 name=\"A\x01nn\" \r\n");
	assert_field("name", "A nn");
}

static void what_there_is_no_room_for_is_left_out(void **state)
{
	take("+OK 1 2 3 4 5 6 7 8 9 10 quota=5");
	assert_int_equal(line.word_count, DIRECTORY_AUTHMOD_WORDS_MAX);
	assert_field("quota", "5");
}

static void a_refusal_keeps_its_reason(void **state)
{
	take("-ERR  bob@test.com \"password\" wrong=x\x02 ");
	assert_int_equal(line.word_count, 2);
	assert_true(slice_eq(line.words[1], SLICE("bob@test.com \"password\" wrong=x")));
	take("-DEAD");
	assert_int_equal(line.words[1].len, 0);
}

static void nothing_is_no_answer(void **state)
{
	assert_false(directory_authmod_read(SLICE(""), &line));
	assert_false(directory_authmod_read(SLICE(" \t\r"), &line));
	assert_false(directory_authmod_read(SLICE("a=b"), &line));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_as_the_protocol_has_it),
		cmocka_unit_test(bare_values_paths_and_quotes_inside_are_taken_as_they_are_meant),
		cmocka_unit_test(what_does_not_end_ends_with_the_line),
		cmocka_unit_test(what_there_is_no_room_for_is_left_out),
		cmocka_unit_test(a_refusal_keeps_its_reason),
		cmocka_unit_test(nothing_is_no_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
