/* The grammar of RFC 6376 section 3.2. */
#include "base/test.h"
#include "filter/tags.h"

static void tags_come_in_their_order(void **state)
{
	struct slice list = SLICE(" v = DKIM1;\r\n\tp=a b ; n= ");
	struct filter_tag tag;
	assert_int_equal(filter_tags_next(&list, &tag), FILTER_TAGS_TAG);
	assert_slice(tag.name, "v");
	assert_slice(tag.value, "DKIM1");
	assert_slice(tag.room, " DKIM1");
	assert_int_equal(filter_tags_next(&list, &tag), FILTER_TAGS_TAG);
	assert_slice(tag.name, "p");
	assert_slice(tag.value, "a b");
	assert_slice(tag.room, "a b ");
	assert_int_equal(filter_tags_next(&list, &tag), FILTER_TAGS_TAG);
	assert_slice(tag.name, "n");
	assert_slice(tag.value, "");
	assert_int_equal(filter_tags_next(&list, &tag), FILTER_TAGS_END);
	assert_int_equal(filter_tags_next(&list, &tag), FILTER_TAGS_END);
}

static void what_the_grammar_allows_is_a_list(void **state)
{
	static const char *const GOOD[] = {"a=", "a=1;", "a=1 ; ", "a=1;\r\n b_2=x=y=;",
		"\r\n a\t=\t1", "A=1;a=1", "a=\xc3\xa9", "a=!~:,<>"};
	static const char *const BAD[] = {"", " ", ";", "a", "a;b=1", "a=1;;b=2", "a=1;;", "=1",
		"1a=1", "a-b=1", "a b=1", "a=1;a=2", "a=\x01", "a=\x7f", "\xc3\xa9=1"};
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
		if (!filter_tags_check(slice_str(GOOD[i])))
			fail_msg("\"%s\" was refused", GOOD[i]);
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		if (filter_tags_check(slice_str(BAD[i])))
			fail_msg("\"%s\" was taken", BAD[i]);
	assert_false(filter_tags_check(SLICE("a=\0")));
}

static void names_are_found_as_they_are_written(void **state)
{
	struct slice list = SLICE("v=DKIM1; p=; P=x");
	assert_slice(filter_tags_find(list, "v"), "DKIM1");
	assert_slice(filter_tags_find(list, "P"), "x");
	assert_non_null(filter_tags_find(list, "p").ptr);
	assert_int_equal(filter_tags_find(list, "p").len, 0);
	assert_null(filter_tags_find(list, "V").ptr);
}

static void a_list_has_so_many_tags_at_most(void **state)
{
	char list[16 * FILTER_TAGS_MAX];
	size_t len = 0;
	for (int i = 0; i < FILTER_TAGS_MAX; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "t%d=1;", i);
	assert_true(filter_tags_check(slice(list, len)));
	len += (size_t)snprintf(list + len, sizeof(list) - len, "z=1");
	assert_false(filter_tags_check(slice(list, len)));
}

static void a_value_is_cut_into_parts(void **state)
{
	static const char *const EXPECTED[] = {"from", "", "to", "From", ""};
	struct filter_tags_parts parts = filter_tags_parts(SLICE("from : :to\r\n :From:"), ':');
	struct slice part;
	for (size_t i = 0; i < ARRAY_LEN(EXPECTED); i++) {
		assert_true(filter_tags_next_part(&parts, &part));
		assert_slice(part, EXPECTED[i]);
	}
	assert_false(filter_tags_next_part(&parts, &part));
	assert_true(filter_tags_has_part(SLICE("y : S"), ':', "s"));
	assert_false(filter_tags_has_part(SLICE("yes"), ':', "y"));
	parts = filter_tags_parts(SLICE(""), ':');
	assert_true(filter_tags_next_part(&parts, &part));
	assert_false(filter_tags_next_part(&parts, &part));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_come_in_their_order),
		cmocka_unit_test(what_the_grammar_allows_is_a_list),
		cmocka_unit_test(names_are_found_as_they_are_written),
		cmocka_unit_test(a_list_has_so_many_tags_at_most),
		cmocka_unit_test(a_value_is_cut_into_parts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
