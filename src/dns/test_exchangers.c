/* Where mail goes, by tables of records. */
#include "base/buf.h"
#include "base/test.h"
#include "dns/exchangers.h"
#include "dns/table.h"

static const char *const LINES[] = {
	"signed example.org",
	"example.org MX 20 b.example.org",
	"example.org MX 10 a.example.org",
	"example.org MX 10 a2.example.org",
	"example.org MX 30 far.example.net",
	"a.example.org A 192.0.2.1",
	"a.example.org AAAA 2001:db8::1",
	"a2.example.org A 192.0.2.2",
	"b.example.org A 192.0.2.3",
	"b.example.org A 192.0.2.4",
	"far.example.net A 192.0.2.5",
	"alone.example A 192.0.2.6",
	"null.example MX 0 .",
	"mixed.example MX 0 .",
	"mixed.example MX 10 a.example.org",
	"alias.example CNAME example.org",
	"alias.example.org CNAME example.org",
	"empty.example TXT x",
	"dead.example MX 10 nowhere.example",
	"dead.example MX 20 empty.example",
	"broken.example MX ?",
	"half.example MX 10 unknown.example",
	"half.example MX 20 alone.example",
	"unknown.example ?",
	"lost.example MX 10 unknown.example",
	"lost.example MX 20 nowhere.example",
	"one.example MX 10 onefamily.example",
	"onefamily.example AAAA ?",
	"onefamily.example A 192.0.2.7",
	"bad.example MX \\# 2 0001",
	"bad.example MX 10 alone.example",
	"worse.example MX \\# 2 0001",
	"six.example AAAA 2001:db8::6",
	"moved.example.org MX 5 to.example.org",
	"to.example.org CNAME far.example.net",
	"within.example.org MX 5 w.example.org",
	"w.example.org CNAME a2.example.org",
};

struct asked {
	struct dns *dns;
	struct arena arena;
	struct dns_route_options options;
	struct dns_route route;
	struct err err;
};

static int set_up(void **state)
{
	struct asked *a = calloc(1, sizeof(*a));
	a->dns = dns_table_new(LINES, ARRAY_LEN(LINES));
	*state = a;
	return 0;
}

static int tear_down(void **state)
{
	struct asked *a = *state;
	dns_free(a->dns);
	arena_free(&a->arena);
	free(a);
	return 0;
}

static int find(struct asked *a, const char *domain)
{
	a->err = (struct err){0};
	return dns_find_route(
		a->dns, slice_str(domain), &a->options, &a->arena, &a->route, &a->err);
}

/* The route in words: "a.example.org 192.0.2.1 2001:db8::1, b.example.org …". */
static void check(struct asked *a, const char *domain, const char *expected)
{
	AUTO(buf_free) struct buf text = BUF(1000);
	if (find(a, domain) != 0)
		fail_msg("%s: %s", domain, a->err.text);
	for (size_t i = 0; i < a->route.count; i++) {
		const struct dns_exchanger *host = &a->route.hosts[i];
		buf_add_str(&text, i ? ", " : "");
		buf_add_slice(&text, host->name);
		for (size_t n = 0; n < host->count; n++) {
			char address[NET_ADDRESS_TEXT];
			net_address_host(&host->addresses[n], address);
			buf_printf(&text, " %s", address);
		}
	}
	assert_slice(buf_slice(&text), expected);
}

static void check_fails(
	struct asked *a, const char *domain, enum err_class class, const char *status)
{
	assert_true(find(a, domain) < 0);
	assert_int_equal(a->err.class, class);
	assert_string_equal(a->err.status, status);
}

static void hosts_come_by_preference(void **state)
{
	struct asked *a = *state;
	static const struct slice FIRST[] = {
		{.ptr = "a.example.org", .len = 13}, {.ptr = "a2.example.org", .len = 14}};
	bool seen[2] = {false};
	for (int i = 0; i < 200 && !(seen[0] && seen[1]); i++) {
		assert_int_equal(find(a, "example.org"), 0);
		assert_int_equal(a->route.count, 4);
		bool swapped = slice_eq(a->route.hosts[0].name, FIRST[1]);
		seen[swapped] = true;
		assert_true(slice_eq(a->route.hosts[0].name, FIRST[swapped]));
		assert_true(slice_eq(a->route.hosts[1].name, FIRST[!swapped]));
		assert_slice(a->route.hosts[2].name, "b.example.org");
		assert_slice(a->route.hosts[3].name, "far.example.net");
	}
	assert_true(seen[0] && seen[1]); /* shuffled */
	assert_int_equal(a->route.hosts[2].count, 2);
	assert_int_equal(net_address_port(&a->route.hosts[2].addresses[0]), 25);
	assert_false(a->route.implicit);
}

static void families_come_in_the_order_wanted(void **state)
{
	struct asked *a = *state;
	check(a, "mixed.example", "a.example.org 2001:db8::1 192.0.2.1");
	a->options.families = DNS_IPV4_FIRST;
	check(a, "mixed.example", "a.example.org 192.0.2.1 2001:db8::1");
	a->options.families = DNS_IPV4_ONLY;
	check(a, "mixed.example", "a.example.org 192.0.2.1");
	check_fails(a, "six.example", ERR_PERMANENT, "5.4.4");
	a->options.families = DNS_IPV6_ONLY;
	check(a, "mixed.example", "a.example.org 2001:db8::1");
	check(a, "six.example", "six.example 2001:db8::6");
}

static void without_mx_the_domain_is_the_host(void **state)
{
	struct asked *a = *state;
	check(a, "alone.example.", "alone.example 192.0.2.6");
	assert_true(a->route.implicit);
	assert_slice(a->route.domain, "alone.example");
	check_fails(a, "empty.example", ERR_PERMANENT, "5.4.4");
}

static void no_is_told_from_not_now(void **state)
{
	struct asked *a = *state;
	check_fails(a, "nowhere.example", ERR_PERMANENT, "5.1.2");
	check_fails(a, "null.example", ERR_PERMANENT, "5.1.10");
	check_fails(a, "dead.example", ERR_PERMANENT, "5.4.4");
	check_fails(a, "broken.example", ERR_TEMPORARY, "4.4.3");
	check_fails(a, "lost.example", ERR_TEMPORARY, "4.4.3");
	check_fails(a, "worse.example", ERR_PERMANENT, "5.4.4");
	check_fails(a, "a..example", ERR_PERMANENT, "5.1.3");
	check_fails(a, "", ERR_PERMANENT, "5.1.3");
}

static void what_is_known_is_used(void **state)
{
	struct asked *a = *state;
	check(a, "half.example", "alone.example 192.0.2.6");
	assert_int_equal(a->route.unknown, 1);
	check(a, "one.example", "onefamily.example 192.0.2.7");
	check(a, "bad.example", "alone.example 192.0.2.6");
}

static void aliases_of_the_domain_are_followed(void **state)
{
	struct asked *a = *state;
	assert_int_equal(find(a, "alias.example"), 0);
	assert_int_equal(a->route.count, 4);
	assert_slice(a->route.domain, "alias.example");
	assert_slice(a->route.final_domain, "example.org");
	assert_false(a->route.secure);
	assert_int_equal(find(a, "alias.example.org"), 0);
	assert_true(a->route.secure);
}

static void security_is_of_each_part(void **state)
{
	struct asked *a = *state;
	assert_int_equal(find(a, "example.org"), 0);
	assert_true(a->route.secure);
	assert_true(a->route.hosts[0].secure && a->route.hosts[2].secure);
	assert_false(a->route.hosts[3].secure);
	check(a, "moved.example.org", "to.example.org 192.0.2.5");
	assert_false(a->route.hosts[0].secure);
	assert_slice(a->route.hosts[0].final_name, "far.example.net");
	check(a, "within.example.org", "w.example.org 192.0.2.2");
	assert_true(a->route.hosts[0].secure);
	check(a, "half.example", "alone.example 192.0.2.6");
	assert_false(a->route.secure);
}

static void we_and_all_that_are_not_better_are_left_out(void **state)
{
	struct asked *a = *state;
	struct slice own = SLICE("B.example.org.");
	a->options.own_names = &own;
	a->options.own_name_count = 1;
	assert_int_equal(find(a, "example.org"), 0);
	assert_int_equal(a->route.count, 2);
	own = SLICE("a.example.org");
	check_fails(a, "example.org", ERR_PERMANENT, "5.4.6");
	own = SLICE("alone.example");
	check_fails(a, "alone.example", ERR_PERMANENT, "5.4.6");
}

static void we_are_known_by_address_too(void **state)
{
	struct asked *a = *state;
	struct net_address own;
	assert_int_equal(net_address_parse(SLICE("192.0.2.4:0"), &own, NULL), 0);
	a->options.own_addresses = &own;
	a->options.own_address_count = 1;
	assert_int_equal(find(a, "example.org"), 0);
	assert_int_equal(a->route.count, 2);
	assert_int_equal(net_address_parse(SLICE("192.0.2.2:0"), &own, NULL), 0);
	check_fails(a, "example.org", ERR_PERMANENT, "5.4.6");
	check_fails(a, "[192.0.2.2]", ERR_PERMANENT, "5.4.6");
}

static void literals_ask_nobody(void **state)
{
	struct asked *a = *state;
	a->options.port = 2525;
	check(a, "[192.0.2.9]", "[192.0.2.9] 192.0.2.9");
	assert_int_equal(net_address_port(&a->route.hosts[0].addresses[0]), 2525);
	assert_true(a->route.literal);
	check(a, "[IPv6:2001:db8::9]", "[IPv6:2001:db8::9] 2001:db8::9");
	static const char *const BAD[] = {"[]", "[x]", "[2001:db8::9]", "[IPv6:192.0.2.9]",
		"[IPv6:]", "[*]", "[192.0.2.9:25]", "[IPv6:[::1]]", "[192.0.2.9", "[0.0.0.0.0]"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		check_fails(a, BAD[i], ERR_PERMANENT,
			BAD[i][strlen(BAD[i]) - 1] == ']' ? "5.1.3" : "5.1.2");
	assert_int_equal(dns_table_questions(a->dns), 1);
}

static void hosts_and_addresses_are_bounded(void **state)
{
	struct asked *a = *state;
	a->options.hosts_max = 3;
	assert_int_equal(find(a, "example.org"), 0);
	assert_int_equal(a->route.count, 3);
	a->options.addresses_max = 4;
	assert_int_equal(find(a, "example.org"), 0);
	assert_int_equal(a->route.count, 3);
	assert_int_equal(a->route.hosts[2].count, 1);
	a->options.addresses_max = 1;
	assert_int_equal(find(a, "example.org"), 0);
	assert_int_equal(a->route.count, 1);
}

static void a_host_that_is_given_is_asked_for_no_mx(void **state)
{
	struct asked *a = *state;
	struct arena *arena = &a->arena;
	assert_int_equal(dns_find_host(a->dns, SLICE("a.example.org"), &a->options, arena,
				 &a->route, &a->err),
		0);
	assert_int_equal(a->route.count, 1);
	assert_slice(a->route.hosts[0].name, "a.example.org");
	assert_int_equal(a->route.hosts[0].count, 2);
	/* It has exchangers, and no address. */
	assert_int_equal(
		dns_find_host(a->dns, SLICE("example.org"), &a->options, arena, &a->route, &a->err),
		-1);
	assert_string_equal(a->err.status, "5.4.4");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hosts_come_by_preference),
		TEST(families_come_in_the_order_wanted),
		TEST(without_mx_the_domain_is_the_host),
		TEST(no_is_told_from_not_now),
		TEST(what_is_known_is_used),
		TEST(aliases_of_the_domain_are_followed),
		TEST(security_is_of_each_part),
		TEST(we_and_all_that_are_not_better_are_left_out),
		TEST(we_are_known_by_address_too),
		TEST(literals_ask_nobody),
		TEST(hosts_and_addresses_are_bounded),
		TEST(a_host_that_is_given_is_asked_for_no_mx),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
