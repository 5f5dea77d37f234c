/* Names of domains, and RDATA as text. */
#include "base/test.h"
#include "filter/name.h"

static void names_are_checked_before_they_are_asked_for(void **state)
{
	char text[300];
	assert_true(filter_name_is_valid(SLICE("a.example")));
	assert_true(filter_name_is_valid(SLICE("_dmarc.a.example.")));
	static const char *const BAD[] = {"", ".", "a..b", ".a", "a..", "\xc3\xa4.example", "a\tb"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_false(filter_name_is_valid(slice_str(BAD[i])));
	memset(text, 'a', sizeof(text));
	assert_true(filter_name_is_valid(slice(text, 63)));
	assert_false(filter_name_is_valid(slice(text, 64)));
	for (size_t i = 49; i < sizeof(text); i += 50)
		text[i] = '.';
	assert_true(filter_name_is_valid(slice(text, 253)));
	assert_false(filter_name_is_valid(slice(text, 254)));
}

static void names_are_cut_and_compared_by_labels(void **state)
{
	assert_int_equal(filter_name_labels(SLICE("a.b.c.")), 3);
	assert_int_equal(filter_name_labels(SLICE("")), 0);
	assert_slice(filter_name_parent(SLICE("a.b.c")), "b.c");
	assert_slice(filter_name_parent(SLICE("c")), "");
	assert_true(dns_name_eq(SLICE("A.b."), SLICE("a.B")));
	assert_true(filter_name_is_within(SLICE("x.a.B"), SLICE("A.b.")));
	assert_true(filter_name_is_within(SLICE("a.b"), SLICE("a.b")));
	assert_false(filter_name_is_within(SLICE("xa.b"), SLICE("a.b")));
	assert_false(filter_name_is_within(SLICE("b"), SLICE("a.b")));
	assert_false(filter_name_is_within(SLICE("a.b"), SLICE("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_checked_before_they_are_asked_for),
		cmocka_unit_test(names_are_cut_and_compared_by_labels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
