/* Domains as people write them, as the DNS knows them. */
#include "base/test.h"
#include "dns/idn.h"

static void names_of_people_become_a_labels(void **state)
{
	static const char *const NAMES[][2] = {{"Example.ORG.", "example.org"},
		{"b\xc3\xbc"
		 "cher.example",
			"xn--bcher-kva.example"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"fa\xc3\x9f.example", "xn--fa-hia.example"}, {"..", NULL}, {"a.test..", NULL},
		{"", NULL}, {"a..b", NULL}, {"\xff.example", NULL}, {".", NULL},
		{"[192.0.2.1]", "[192.0.2.1]"},
		{"B\xc3\x9c"
		 "CHER.EXAMPLE.",
			"xn--bcher-kva.example"}};
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct slice ascii;
		bool good = dns_name_to_ascii(slice_str(NAMES[i][0]), &arena, &ascii);
		assert_int_equal(good, NAMES[i][1] != NULL);
		if (good)
			assert_slice(ascii, NAMES[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_people_become_a_labels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
