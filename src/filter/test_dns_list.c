/* Lists in the DNS, by tables of records. */
#include "base/test.h"
#include "dns/bounded.h"
#include "dns/table.h"
#include "filter/dns_list.h"

static void ranges_are_read(void **state)
{
	static const struct {
		const char *text;
		bool good;
		uint32_t first, last;
	} CASES[] = {
		{"127.0.0.2", true, 0x7f000002, 0x7f000002},
		{"127.0.0.4-127.0.0.11", true, 0x7f000004, 0x7f00000b},
		{"127.0.0.11-127.0.0.4", false, 0, 0},
		{"127.0.0.4-", false, 0, 0},
		{"-127.0.0.4", false, 0, 0},
		{"127.0.0", false, 0, 0},
		{"", false, 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct ip_range range;
		assert_int_equal(ip_range_read(slice_str(CASES[i].text), &range), CASES[i].good);
		if (CASES[i].good) {
			assert_int_equal(range.first, CASES[i].first);
			assert_int_equal(range.last, CASES[i].last);
		}
	}
}

static void clients_are_asked_for_backwards(void **state)
{
	static const struct {
		const char *address, *name;
	} CASES[] = {
		{"192.0.2.99:25", "99.2.0.192.list.test"},
		{"[::ffff:192.0.2.99]:25", "99.2.0.192.list.test"},
		{"[2001:db8:1:2:3:4:567:89ab]:25",
			"b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2."
			"list.test"},
		{"unix:/x", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct net_address address;
		struct slice name;
		struct err err;
		assert_int_equal(net_address_parse(slice_str(CASES[i].address), &address, &err), 0);
		bool can = filter_dns_list_client(&address, SLICE("list.test"), &arena, &name);
		assert_int_equal(can, CASES[i].name != NULL);
		if (can)
			assert_slice(name, CASES[i].name);
	}
}

static void domains_are_asked_for_as_they_are(void **state)
{
	static const struct {
		const char *domain, *name;
	} CASES[] = {
		{"Example.org", "example.org.list.test"},
		{"example.org.", "example.org.list.test"},
		{"b\xc3\xbc"
		 "cher.example",
			"xn--bcher-kva.example.list.test"},
		{"[192.0.2.1]", NULL},
		{"localhost", NULL},
		{"", NULL},
		{"a..b", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct slice name;
		bool can = filter_dns_list_domain(
			slice_str(CASES[i].domain), SLICE("list.test"), &arena, &name);
		assert_int_equal(can, CASES[i].name != NULL);
		if (can)
			assert_slice(name, CASES[i].name);
	}
}

static void a_name_too_long_for_the_dns_is_on_no_list(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	char domain[250];
	struct slice name;
	for (size_t i = 0; i < sizeof(domain); i++)
		domain[i] = i % 50 == 49 ? '.' : 'a';
	domain[sizeof(domain) - 1] = 'a';
	assert_false(filter_dns_list_domain(
		slice(domain, sizeof(domain)), SLICE("list.test"), &arena, &name));
}

static const char *const LINES[] = {
	"two.list.test A 127.0.0.2",
	"eleven.list.test A 127.0.0.99",
	"eleven.list.test A 127.0.0.11",
	"other.list.test A 127.0.0.12",
	"refused.list.test A 127.255.255.254",
	"dead.list.test ?",
	"text.list.test TXT why",
};

static void only_answers_that_were_named_count(void **state)
{
	static const struct ip_range RANGES[] = {
		{0x7f000002, 0x7f000002}, {0x7f000004, 0x7f00000b}};
	static const struct {
		const char *name;
		int result;
		uint32_t code;
	} CASES[] = {
		{"two.list.test", 0, 0x7f000002},
		{"eleven.list.test", 0, 0x7f00000b},
		{"other.list.test", FILTER_DNS_LIST_NOT_ON_IT, 0},
		{"refused.list.test", -1, 0},
		{"dead.list.test", -1, 0},
		{"text.list.test", FILTER_DNS_LIST_NOT_ON_IT, 0},
		{"nobody.list.test", FILTER_DNS_LIST_NOT_ON_IT, 0},
	};
	struct dns_bounded bounded;
	struct dns *table = dns_table_new(LINES, ARRAY_LEN(LINES));
	struct dns *dns = dns_bounded_init(&bounded, table, 0);
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		uint32_t code = 0;
		struct err err;
		int r = filter_dns_list_ask(
			dns, slice_str(CASES[i].name), RANGES, ARRAY_LEN(RANGES), &code, &err);
		assert_int_equal(r, CASES[i].result);
		if (r == 0)
			assert_int_equal(code, CASES[i].code);
		if (r < 0)
			assert_int_equal(err.class, ERR_TEMPORARY);
	}
	dns_free(dns);
	dns_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_read),
		cmocka_unit_test(clients_are_asked_for_backwards),
		cmocka_unit_test(domains_are_asked_for_as_they_are),
		cmocka_unit_test(a_name_too_long_for_the_dns_is_on_no_list),
		cmocka_unit_test(only_answers_that_were_named_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
