#include "base/test.h"
#include "directory/sql_text.h"

static void assert_sql(const char *query, const char *expected)
{
	struct directory_sql_text text;
	assert_int_equal(
		directory_sql_number(slice_str(query), DIRECTORY_SQL_PASSWORD, &text, NULL), 0);
	assert_string_equal(text.sql, expected);
	directory_sql_text_free(&text);
}

static void assert_refused(const char *query, bool password, const char *why)
{
	struct directory_sql_text text;
	struct err err;
	assert_int_equal(
		directory_sql_number(slice_str(query),
			password ? DIRECTORY_SQL_PASSWORD : DIRECTORY_SQL_VALUES, &text, &err),
		-1);
	assert_int_equal(err.class, ERR_PERMANENT);
	assert_non_null(strstr(err.text, why));
}

static void names_become_numbers_each_once(void **state)
{
	struct directory_sql_text text;
	assert_int_equal(directory_sql_number(SLICE("a=:domain AND b=:user OR c=:domain"),
				 DIRECTORY_SQL_TO, &text, NULL),
		0);
	assert_string_equal(text.sql, "a=$1 AND b=$2 OR c=$1");
	assert_int_equal(text.count, 2);
	assert_int_equal(text.values[0], DIRECTORY_SQL_DOMAIN);
	assert_int_equal(text.values[1], DIRECTORY_SQL_USER);
	directory_sql_text_free(&text);
}

static void what_is_no_name_is_left_alone(void **state)
{
	assert_sql("a::text = :user::text", "a::text = $1::text");
	assert_sql("':user' || \":user\" || 'it''s :user' || :local",
		"':user' || \":user\" || 'it''s :user' || $1");
	assert_sql("E'\\' :user' || :user", "E'\\' :user' || $1");
	assert_sql("'\\' || :user", "'\\' || $1");
	assert_sql("$$:user$$ || $a$ $$ :user $a$ || :user", "$$:user$$ || $a$ $$ :user $a$ || $1");
	assert_sql("-- :user\n/* :user /* :user */ :user */ :user",
		"-- :user\n/* :user /* :user */ :user */ $1");
	assert_sql("a[1:2] || :password", "a[1:2] || $1");
	assert_sql("", "");
	assert_sql("'open :user", "'open :user");
}

static void a_name_that_there_is_not_is_told_with_its_place(void **state)
{
	assert_refused("SELECT :usr", true, "\":usr\" (character 8)");
	assert_refused("SELECT :users", true, "\":users\"");
	assert_refused("SELECT :password", false, "expected :user, :local or :domain");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_numbers_each_once),
		cmocka_unit_test(what_is_no_name_is_left_alone),
		cmocka_unit_test(a_name_that_there_is_not_is_told_with_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
