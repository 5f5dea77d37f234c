/* Canonical addresses and domains. */
#include "base/test.h"
#include "directory/address.h"

static void assert_address(const char *text, const char *canonical)
{
	struct directory_address a, again;
	if (!directory_address_parse(slice_str(text), &a))
		fail_msg("%s is refused", text);
	assert_slice(directory_address_slice(&a), canonical);
	assert_true(directory_address_parse(directory_address_slice(&a), &again));
	assert_slice(directory_address_slice(&again), canonical);
}

static void refuse_address(const char *text)
{
	struct directory_address a;
	if (directory_address_parse(slice_str(text), &a))
		fail_msg("%s is taken as %s", text, a.text);
}

static void case_does_not_count(void **state)
{
	assert_address("Ann.Lee@EXAMPLE.Org", "ann.lee@example.org");
	assert_address("o'neil+Lists@a-b.example", "o'neil+lists@a-b.example");
}

static void needless_quotes_and_backslashes_go(void **state)
{
	assert_address("\"Ann\"@example.org", "ann@example.org");
	assert_address("\"a\\nn\"@example.org", "ann@example.org");
	assert_address("\"a b\"@example.org", "\"a b\"@example.org");
	assert_address("\"a\\\"\\\\b\"@example.org", "\"a\\\"\\\\b\"@example.org");
	assert_address("\"a@b\"@example.org", "\"a@b\"@example.org");
	assert_address("\".ann\"@example.org", "\".ann\"@example.org");
}

static void local_parts_beyond_ascii_are_composed_and_folded(void **state)
{
	assert_address("BJ\u00d6RN@example.org", "bj\u00f6rn@example.org");
	assert_address("bjo\u0308rn@example.org", "bj\u00f6rn@example.org");
	assert_address("STRASSE\u00df@example.org", "strassess@example.org");
	assert_address("\"\u00c4 b\"@example.org", "\"\u00e4 b\"@example.org");
}

static void domains_become_a_labels(void **state)
{
	assert_address("ann@B\u00dcCHER.example", "ann@xn--bcher-kva.example");
	assert_address("ann@B\u00dcCHER.example.", "ann@xn--bcher-kva.example");
	assert_address("ann@Example.org.", "ann@example.org");
	assert_address("ann@XN--BCHER-KVA.example", "ann@xn--bcher-kva.example");
	assert_address("ann@stra\u00dfe.example", "ann@xn--strae-oqa.example");
	assert_address("ann@b\u00fccher\u3002example", "ann@xn--bcher-kva.example");
}

static void what_is_no_address_is_refused(void **state)
{
	const char *const bad[] = {"", "ann", "@example.org", "ann@", ".ann@example.org",
		"ann.@example.org", "a..n@example.org", "a n@example.org", "ann@exa mple.org",
		"ann@-a.example", "ann@a-.example", "ann@a..example", "ann@.example", "ann@a..",
		"ann@[192.0.2.1]", "\"ann@example.org", "\"\"@example.org", "\"a\"b\"@example.org",
		"\"a\\\"@example.org", "a\x01n@example.org", "a\x7fn@example.org",
		"\"a\tb\"@example.org", "a\xffn@example.org", "a\xc2\x85n@example.org",
		"ann@xn--a.example", "ann@a_b.example", "ann@b\u00fc cher.example",
		"a@b@example.org"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refuse_address(bad[i]);
}

static void parts_are_at_most_as_long_as_rfc_5321_says(void **state)
{
	char text[400];
	memset(text, 'a', sizeof(text));
	memcpy(text + 64, "@example.org", sizeof("@example.org"));
	assert_address(text, text);
	memset(text, 'a', sizeof(text));
	memcpy(text + 65, "@example.org", sizeof("@example.org"));
	refuse_address(text);
	/* 63 letters and quotes */
	memset(text, ' ', sizeof(text));
	text[0] = text[64] = '"';
	memcpy(text + 65, "@example.org", sizeof("@example.org"));
	refuse_address(text);
	text[63] = '"';
	memcpy(text + 64, "@example.org", sizeof("@example.org"));
	assert_address(text, text);
	/* a label of 63 and one of 64 */
	memset(text, 'a', sizeof(text));
	text[1] = '@';
	text[2 + 63] = '\0';
	assert_address(text, text);
	text[2 + 63] = 'a';
	text[2 + 64] = '\0';
	refuse_address(text);
	/* 255 octets of domain are taken, 256 are not */
	for (size_t i = 0; i < 256; i++)
		text[2 + i] = i % 2 ? '.' : 'b';
	text[2 + 255] = '\0';
	assert_address(text, text);
	text[2 + 255] = 'b';
	text[2 + 256] = '\0';
	refuse_address(text);
}

static void a_detail_is_cut_at_the_first_separator(void **state)
{
	struct directory_address a, base;
	struct slice detail;
	assert_true(directory_address_parse(SLICE("ann+x+y@example.org"), &a));
	assert_true(directory_address_cut_detail(&a, '+', &base, &detail));
	assert_slice(directory_address_slice(&base), "ann@example.org");
	assert_slice(detail, "x+y");
	const char *const none[] = {"ann@example.org", "+x@example.org", "\"a b+x\"@example.org"};
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		assert_true(directory_address_parse(slice_str(none[i]), &a));
		assert_false(directory_address_cut_detail(&a, '+', &base, &detail));
	}
}

static void the_domain_of_a_name_stands_behind_its_last_at(void **state)
{
	assert_slice(directory_domain_of(SLICE("ann@example.org")), "example.org");
	assert_slice(directory_domain_of(SLICE("\"a@b\"@example.org")), "example.org");
	assert_slice(directory_domain_of(SLICE("example.org")), "");
	assert_slice(directory_domain_of(SLICE_NONE), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_does_not_count),
		cmocka_unit_test(needless_quotes_and_backslashes_go),
		cmocka_unit_test(local_parts_beyond_ascii_are_composed_and_folded),
		cmocka_unit_test(domains_become_a_labels),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(parts_are_at_most_as_long_as_rfc_5321_says),
		cmocka_unit_test(a_detail_is_cut_at_the_first_separator),
		cmocka_unit_test(the_domain_of_a_name_stands_behind_its_last_at),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
