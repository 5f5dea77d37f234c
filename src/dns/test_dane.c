/* TLSA records of exchangers, by tables of records. */
#include "base/test.h"
#include "dns/dane.h"
#include "dns/table.h"

#define DIGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char *const LINES[] = {
	"signed example.org",
	"example.org MX 10 mx.example.org",
	"mx.example.org A 192.0.2.1",
	"_25._tcp.mx.example.org TLSA 3 1 1 " DIGEST,
	"_25._tcp.mx.example.org TLSA 1 1 1 " DIGEST,
	"_2525._tcp.mx.example.org CNAME tlsa.example.org",
	"tlsa.example.org TLSA 2 0 2 " DIGEST DIGEST,
	/* Nothing usable: usages 0 and 1, unknown numbers, lengths that can't be. */
	"useless.example.org MX 10 u.example.org",
	"u.example.org A 192.0.2.2",
	"_25._tcp.u.example.org TLSA 0 0 1 " DIGEST,
	"_25._tcp.u.example.org TLSA 1 1 1 " DIGEST,
	"_25._tcp.u.example.org TLSA 3 2 1 " DIGEST,
	"_25._tcp.u.example.org TLSA 3 1 3 " DIGEST,
	"_25._tcp.u.example.org TLSA 3 1 2 " DIGEST,
	"_25._tcp.u.example.org TLSA 3 1 1 abcd",
	"_25._tcp.u.example.org TLSA \\# 2 0301",
	/* Signed, without TLSA. */
	"none.example.org MX 10 n.example.org",
	"n.example.org A 192.0.2.3",
	/* TLSA that can't be told. */
	"broken.example.org MX 10 b.example.org",
	"b.example.org A 192.0.2.4",
	"_25._tcp.b.example.org TLSA ?",
	/* An insecure domain with a secure host, and the other way round. */
	"example.net MX 10 mx.example.org",
	"far.example.org MX 10 mx.example.net",
	"mx.example.net A 192.0.2.5",
	"_25._tcp.mx.example.net TLSA 3 1 1 " DIGEST,
	/* CNAMEs: all secure with records at the end; all secure with records at the front only;
	 * insecure at the end. */
	"end.example.org MX 10 www.example.org",
	"www.example.org CNAME mx.example.org",
	"front.example.org MX 10 f.example.org",
	"f.example.org CNAME n.example.org",
	"_25._tcp.f.example.org TLSA 3 1 1 " DIGEST,
	"out.example.org MX 10 o.example.org",
	"o.example.org CNAME mx.example.net",
	"_25._tcp.o.example.org TLSA 3 1 1 " DIGEST,
	/* No MX, a secure address. */
	"alone.example.org A 192.0.2.6",
	"_25._tcp.alone.example.org TLSA 3 1 1 " DIGEST,
	/* The TLSA record itself is insecure. */
	"unsigned _25._tcp.carved.example.org",
	"carve.example.org MX 10 carved.example.org",
	"carved.example.org A 192.0.2.7",
	"_25._tcp.carved.example.org TLSA 3 1 1 " DIGEST,
};

struct asked {
	struct dns *dns;
	struct arena arena;
	struct dns_route route;
	struct dns_dane dane;
	struct err err;
	uint16_t port;
};

static int set_up(void **state)
{
	struct asked *a = calloc(1, sizeof(*a));
	a->dns = dns_table_new(LINES, ARRAY_LEN(LINES));
	a->port = 25;
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
	struct dns_route_options options = {0};
	if (dns_find_route(a->dns, slice_str(domain), &options, &a->arena, &a->route, &a->err) < 0)
		fail_msg("%s", a->err.text);
	return dns_find_dane(
		a->dns, &a->route, &a->route.hosts[0], a->port, &a->arena, &a->dane, &a->err);
}

static void check(
	struct asked *a, const char *domain, enum dns_dane_demand demand, const char *base)
{
	if (find(a, domain) != 0)
		fail_msg("%s", a->err.text);
	assert_int_equal(a->dane.demand, demand);
	if (base)
		assert_string_equal(a->dane.tls.host, base);
}

static void usable_records_are_for_verification(void **state)
{
	struct asked *a = *state;
	check(a, "example.org", DNS_DANE_VERIFY, "mx.example.org");
	assert_int_equal(a->dane.tls.record_count, 1);
	assert_int_equal(a->dane.tls.records[0].usage, 3);
	assert_int_equal(a->dane.tls.records[0].selector, 1);
	assert_int_equal(a->dane.tls.records[0].matching, 1);
	assert_int_equal(a->dane.tls.records[0].data.len, 32);
	assert_int_equal(a->dane.tls.reference_count, 2);
	assert_string_equal(a->dane.tls.references[0], "mx.example.org");
	assert_string_equal(a->dane.tls.references[1], "example.org");
}

static void records_are_those_of_the_port(void **state)
{
	struct asked *a = *state;
	a->port = 2525; /* and may stand behind a CNAME */
	check(a, "example.org", DNS_DANE_VERIFY, "mx.example.org");
	assert_int_equal(a->dane.tls.records[0].usage, 2);
	assert_int_equal(a->dane.tls.records[0].data.len, 64);
	a->port = 26;
	check(a, "example.org", DNS_DANE_NONE, NULL);
}

static void useless_records_ask_for_encryption(void **state)
{
	check(*state, "useless.example.org", DNS_DANE_ENCRYPT, "u.example.org");
}

static void what_cannot_be_told_bars_the_host(void **state)
{
	struct asked *a = *state;
	assert_true(find(a, "broken.example.org") < 0);
	assert_int_equal(a->err.class, ERR_TEMPORARY);
	assert_string_equal(a->err.status, "4.7.5");
}

static void nothing_counts_that_is_not_secure(void **state)
{
	struct asked *a = *state;
	check(a, "none.example.org", DNS_DANE_NONE, NULL);
	check(a, "carve.example.org", DNS_DANE_NONE, NULL);
	unsigned before = dns_table_questions(a->dns);
	check(a, "example.net", DNS_DANE_NONE, NULL);
	check(a, "far.example.org", DNS_DANE_NONE, NULL);
	check(a, "[192.0.2.1]", DNS_DANE_NONE, NULL);
	assert_int_equal(dns_table_questions(a->dns) - before, 6); /* MX, AAAA, A: no TLSA */
}

static void the_base_is_the_end_of_the_aliases_or_their_front(void **state)
{
	struct asked *a = *state;
	check(a, "end.example.org", DNS_DANE_VERIFY, "mx.example.org");
	assert_int_equal(a->dane.tls.reference_count, 3);
	check(a, "front.example.org", DNS_DANE_VERIFY, "f.example.org");
	check(a, "out.example.org", DNS_DANE_VERIFY, "o.example.org");
}

static void a_domain_without_mx_may_have_records(void **state)
{
	struct asked *a = *state;
	check(a, "alone.example.org", DNS_DANE_VERIFY, "alone.example.org");
	assert_int_equal(a->dane.tls.reference_count, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(usable_records_are_for_verification),
		TEST(records_are_those_of_the_port),
		TEST(useless_records_ask_for_encryption),
		TEST(what_cannot_be_told_bars_the_host),
		TEST(nothing_counts_that_is_not_secure),
		TEST(the_base_is_the_end_of_the_aliases_or_their_front),
		TEST(a_domain_without_mx_may_have_records),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
