/* Addresses between angle brackets, and without. */
#include "base/test.h"
#include "envelope/path.h"

/* The path at the front of `text`, with what follows it; NULL: there is none. */
static void check(const char *text, const char *address, const char *rest)
{
	struct slice s = slice_str(text);
	struct envelope_path path;
	bool good = envelope_cut_path(&s, &path);
	if (good != (address != NULL))
		fail_msg("\"%s\" is %s", text, good ? "taken" : "refused");
	if (!address)
		return;
	assert_slice(path.address, address);
	assert_slice(s, rest);
}

static void a_path_is_cut_with_its_brackets(void **state)
{
	check("<ann@example.org> SIZE=1", "ann@example.org", " SIZE=1");
	check(" <ann@example.org>", "ann@example.org", "");
	check("<>", "", "");
	check("<> BODY=7BIT", "", " BODY=7BIT");
}

static void brackets_may_be_missing(void **state)
{
	check("ann@example.org SIZE=1", "ann@example.org", " SIZE=1");
	check("ann@example.org>", NULL, NULL);
	check("<ann@example.org", NULL, NULL);
	check("", NULL, NULL);
}

static void a_path_ends_at_a_space(void **state)
{
	check("<ann@example.org>SIZE=1", NULL, NULL);
	check("<ann@example.org>>", NULL, NULL);
	check("<ann@example.org\t>", NULL, NULL);
}

static void local_part_and_domain_are_told_apart(void **state)
{
	struct envelope_path path;
	assert_true(envelope_parse_address(SLICE("ann+x@example.org"), &path));
	assert_slice(path.local, "ann+x");
	assert_slice(path.domain, "example.org");
	assert_true(envelope_parse_address(SLICE("\"a@b\\\" c\"@example.org"), &path));
	assert_slice(path.local, "\"a@b\\\" c\"");
	assert_slice(path.domain, "example.org");
	assert_false(envelope_parse_address(SLICE("ann"), &path));
	assert_false(envelope_parse_address(SLICE(""), &path));
	assert_false(envelope_parse_address(SLICE("ann@example.org x"), &path));
}

static void quoted_local_parts_are_taken_when_they_end(void **state)
{
	check("<\"a b\"@x>", "\"a b\"@x", "");
	check("<\"a>b\"@x>", "\"a>b\"@x", "");
	check("<\"a\\\"@x>", NULL, NULL);
	check("<\"a", NULL, NULL);
	check("<\"a\\", NULL, NULL);
	check("<\"a\rb\"@x>", NULL, NULL);
	check("<\"a\"b@x>", NULL, NULL);
}

static void a_source_route_is_dropped(void **state)
{
	check("<@a.org,@b.org:ann@example.org>", "ann@example.org", "");
	check("<@a.org ann@example.org>", NULL, NULL);
}

static void a_domain_has_no_empty_label_but_the_last(void **state)
{
	check("<ann@example.org.>", "ann@example.org.", "");
	check("<ann@example..org>", NULL, NULL);
	check("<ann@.org>", NULL, NULL);
	check("<ann@>", NULL, NULL);
	check("<ann@exa mple.org>", NULL, NULL);
	check("<ann@b@c>", NULL, NULL);
}

static void address_literals_are_domains(void **state)
{
	check("<ann@[192.0.2.1]>", "ann@[192.0.2.1]", "");
	check("<ann@[IPv6:2001:db8::1]>", "ann@[IPv6:2001:db8::1]", "");
	check("<ann@[]>", NULL, NULL);
	check("<ann@[192.0.2.1>", NULL, NULL);
	assert_true(envelope_is_domain(SLICE("[192.0.2.1]")));
	assert_true(envelope_is_domain(SLICE("mail.example.org")));
	assert_false(envelope_is_domain(SLICE("")));
	assert_false(envelope_is_domain(SLICE("[192.0.2.1]x")));
	assert_false(envelope_is_domain(SLICE("a b")));
	assert_false(envelope_is_domain(SLICE("a\r")));
	assert_false(envelope_is_domain(SLICE("a\0b")));
}

static void utf8_is_noticed_and_must_be_well_formed(void **state)
{
	struct envelope_path path;
	assert_true(envelope_parse_address(SLICE("ann@example.org"), &path));
	assert_false(path.is_utf8);
	assert_true(envelope_parse_address(SLICE("bj\xc3\xb6rn@example.org"), &path));
	assert_true(path.is_utf8);
	assert_true(envelope_parse_address(SLICE("ann@ex\xc3\xa4mple.org"), &path));
	assert_true(path.is_utf8);
	assert_true(envelope_parse_address(SLICE("\xf0\x9f\x90\xa6@example.org"), &path));
	static const char *const BAD[] = {"\xff", "\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80",
		"\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
		"\xe2\x82", "\xe2\x28\xa1"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		char text[32];
		(void)snprintf(text, sizeof(text), "a%s@x.org", BAD[i]);
		assert_false(envelope_parse_address(slice_str(text), &path));
		(void)snprintf(text, sizeof(text), "a@%sx.org", BAD[i]);
		assert_false(envelope_parse_address(slice_str(text), &path));
	}
}

static void lengths_are_bounded(void **state)
{
	char text[600] = "";
	struct envelope_path path;
	memset(text, 'a', sizeof(text));
	memcpy(text + ENVELOPE_LOCAL_MAX, "@x", 2);
	assert_true(envelope_parse_address(slice(text, ENVELOPE_LOCAL_MAX + 2), &path));
	memset(text, 'a', sizeof(text));
	memcpy(text + ENVELOPE_LOCAL_MAX + 1, "@x", 2);
	assert_false(envelope_parse_address(slice(text, ENVELOPE_LOCAL_MAX + 3), &path));
	memset(text, 'a', sizeof(text));
	text[1] = '@';
	assert_true(envelope_parse_address(slice(text, 2 + ENVELOPE_DOMAIN_MAX), &path));
	assert_false(envelope_parse_address(slice(text, 3 + ENVELOPE_DOMAIN_MAX), &path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_cut_with_its_brackets),
		cmocka_unit_test(brackets_may_be_missing),
		cmocka_unit_test(a_path_ends_at_a_space),
		cmocka_unit_test(local_part_and_domain_are_told_apart),
		cmocka_unit_test(quoted_local_parts_are_taken_when_they_end),
		cmocka_unit_test(a_source_route_is_dropped),
		cmocka_unit_test(a_domain_has_no_empty_label_but_the_last),
		cmocka_unit_test(address_literals_are_domains),
		cmocka_unit_test(utf8_is_noticed_and_must_be_well_formed),
		cmocka_unit_test(lengths_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
