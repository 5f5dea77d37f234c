#include "base/test.h"
#include "roles/directory/launcher.h"

static void assert_words(const char *command, const char *const *expected, size_t count)
{
	char text[128], *words[LAUNCHER_WORDS_MAX + 1];
	(void)snprintf(text, sizeof(text), "%s", command);
	assert_true(launcher_split(text, words));
	for (size_t i = 0; i < count; i++)
		assert_string_equal(words[i], expected[i]);
	assert_null(words[count]);
}

static void a_command_is_cut_at_blanks_and_quotes_keep_them(void **state)
{
	assert_words("/bin/a", (const char *[]){"/bin/a"}, 1);
	assert_words(
		"  /bin/a\t-x  \"b c\" d\"e ", (const char *[]){"/bin/a", "-x", "b c", "d\"e"}, 4);
	assert_words("\"/my bin/a\" \"\"", (const char *[]){"/my bin/a", ""}, 2);
}

static void what_is_no_command_is_refused(void **state)
{
	char *words[LAUNCHER_WORDS_MAX + 1], empty[] = " ", open[] = "/bin/a \"b", many[400] = "";
	assert_false(launcher_split(empty, words));
	assert_false(launcher_split(open, words));
	for (size_t i = 0; i < 130; i += 2)
		memcpy(many + i, "a ", 3);
	assert_false(launcher_split(many, words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_is_cut_at_blanks_and_quotes_keep_them),
		cmocka_unit_test(what_is_no_command_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
