/* Names of clients, by tables of records. */
#include "base/test.h"
#include "dns/client.h"
#include "dns/table.h"

static const char *const LINES[] = {
	"1.2.0.192.in-addr.arpa PTR mail.example.org",
	"mail.example.org A 192.0.2.9",
	"mail.example.org A 192.0.2.1",
	"2.2.0.192.in-addr.arpa PTR mail.example.org",
	"3.2.0.192.in-addr.arpa PTR nowhere.example",
	"3.2.0.192.in-addr.arpa PTR third.example",
	"third.example A 192.0.2.3",
	"4.2.0.192.in-addr.arpa ?",
	"5.2.0.192.in-addr.arpa PTR unknown.example",
	"unknown.example ?",
	"7.2.0.192.in-addr.arpa PTR .",
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR six.example",
	"six.example AAAA 2001:db8::1",
};

static void a_name_counts_that_says_the_address_back(void **state)
{
	static const struct {
		const char *address, *name;
		int result;
	} CASES[] = {
		{"192.0.2.1:25", "mail.example.org", 0},
		{"[::ffff:192.0.2.1]:25", "mail.example.org", 0},
		{"192.0.2.2:25", NULL, DNS_NO_NAME},
		{"192.0.2.3:25", "third.example", 0},
		{"192.0.2.4:25", NULL, -1},
		{"192.0.2.5:25", NULL, -1},
		{"192.0.2.6:25", NULL, DNS_NO_NAME},
		{"192.0.2.7:25", NULL, DNS_NO_NAME},
		{"[2001:db8::1]:25", "six.example", 0},
		{"unix:/x", NULL, DNS_NO_NAME},
	};
	struct dns *dns = dns_table_new(LINES, ARRAY_LEN(LINES));
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct net_address address;
		struct slice name;
		struct err err;
		assert_int_equal(net_address_parse(slice_str(CASES[i].address), &address, &err), 0);
		int r = dns_client_name(dns, &address, &arena, &name, &err);
		assert_int_equal(r, CASES[i].result);
		if (r == 0)
			assert_slice(name, CASES[i].name);
	}
	dns_free(dns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_counts_that_says_the_address_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
