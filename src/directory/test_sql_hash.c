/* Hashes of "secret", made by other programs. */
#include "base/test.h"
#include "directory/directory.h"
#include "directory/sql_hash.h"

static void assert_fits(const char *hash)
{
	assert_int_equal(directory_sql_hash_verify(slice_str(hash), SLICE("secret"), NULL), 0);
	assert_int_equal(
		directory_sql_hash_verify(slice_str(hash), SLICE("Secret"), NULL), DIRECTORY_WRONG);
	assert_int_equal(
		directory_sql_hash_verify(slice_str(hash), SLICE(""), NULL), DIRECTORY_WRONG);
}

static void hashes_of_other_programs_are_known(void **state)
{
	assert_fits("$6$saltsalt$"
		    "TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq."
		    "H91p5hVO1");
	assert_fits("{SHA512-CRYPT}$6$saltsalt$"
		    "TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq."
		    "H91p5hVO1");
	assert_fits("$2b$04$aaaaaaaaaaaaaaaaaaaaau/nCn7vVCwqYJerX0DCwClIsiqBXJIjC");
	assert_fits("{BLF-CRYPT}$2y$04$aaaaaaaaaaaaaaaaaaaaau/nCn7vVCwqYJerX0DCwClIsiqBXJIjC");
	assert_fits("{CRYPT}$1$saltsalt$9xy1btjgzLYfb7hivXtC//");
	assert_fits("$y$j75$LdJMENpBABJJ3hIHjB1Bi.$pLOAA.GWfQElzJMkN.JqzcItGXS.DsOZsBOX0fO4NDC");
	assert_fits("{SSHA}PazhiP0tMrhP88VfCrb/4gAaqI9wZXBwZXIhIQ==");
	assert_fits("{SSHA256}as8iKPC7XcVeVGEaviMbcwqpkmL5zLNg4RjSNGla7VNwZXBwZXIhIQ==");
	assert_fits("{SSHA512}28cC8iaUHBIgnrgZ/R208vhjjoMw4OrRA7uw82bcX6bg0Cj7GQQYxAhQYAxONC4sU/"
		    "2lyOs5WRrwImkUL4xwa3BlcHBlciEh");
}

static void what_is_no_hash_is_neither_right_nor_wrong(void **state)
{
	static const char *const bad[] = {"secret", "", "{PLAIN}secret", "{SSHA}short", "{SSHA}!",
		"$unknown$kind$of$hash", "{CRYPT}abJnggxhB/yWI", "{SSHA"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err;
		assert_int_equal(
			directory_sql_hash_verify(slice_str(bad[i]), SLICE("secret"), &err), -1);
		assert_int_equal(err.class, ERR_TEMPORARY);
		assert_null(strstr(err.text, "secret"));
	}
}

static void argon2id_is_for_the_hasher(void **state)
{
	assert_int_equal(directory_sql_hash_argon2id(SLICE("{ARGON2ID}$argon2id$v=19$x")).len, 16);
	assert_int_equal(directory_sql_hash_argon2id(SLICE("$argon2id$v=19$x")).len, 16);
	assert_int_equal(directory_sql_hash_argon2id(SLICE("$2b$05$x")).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_of_other_programs_are_known),
		cmocka_unit_test(what_is_no_hash_is_neither_right_nor_wrong),
		cmocka_unit_test(argon2id_is_for_the_hasher),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
