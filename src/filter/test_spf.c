/* SPF's check_host(): the zone of RFC 7208 appendix A, and a zone of our own with a case a rule. */
#include "base/test.h"
#include "filter/spf.h"
#include "filter/test_dns.h"

struct record {
	const char *name;
	enum dns_type type;
	const char *value;
};

struct check {
	const char *client, *sender, *result;
	const char *explanation; /* NULL: none */
};

static void fill(struct dns *t, const struct record *records, size_t count)
{
	for (size_t i = 0; i < count; i++)
		test_dns_add(t, records[i].name, records[i].type, records[i].value);
}

static struct net_address address(const char *client)
{
	struct net_address a;
	char text[64];
	(void)snprintf(text, sizeof(text), strchr(client, ':') ? "[%s]:25" : "%s:25", client);
	assert_int_equal(net_address_parse(slice_str(text), &a, NULL), 0);
	return a;
}

static void ask(struct dns *t, const char *client, const char *sender, const char *helo,
	struct arena *arena, struct filter_spf_answer *ret)
{
	struct net_address from = address(client);
	struct filter_spf_query query = {.dns = t,
		.client = &from,
		.sender = slice_str(sender),
		.helo = slice_str(helo),
		.receiver = SLICE("mx.here.example")};
	filter_spf_check(&query, arena, ret);
}

static void expect(struct dns *t, const struct check *c)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_spf_answer answer;
	ask(t, c->client, c->sender, "client.example.net", &arena, &answer);
	if (strcmp(filter_spf_result_name(answer.result), c->result) != 0)
		fail_msg("%s from %s: %s (%.*s), expected %s", c->sender, c->client,
			filter_spf_result_name(answer.result), SLICE_ARG(answer.reason), c->result);
	if (c->explanation)
		assert_slice(answer.explanation, c->explanation);
	else
		assert_null(answer.explanation.ptr);
}

/* RFC 7208 appendix A. */
static const struct record APPENDIX[] = {
	{"example.com", DNS_MX, "mail-a.example.com"},
	{"example.com", DNS_MX, "mail-b.example.com"},
	{"example.com", DNS_A, "192.0.2.10"},
	{"example.com", DNS_A, "192.0.2.11"},
	{"amy.example.com", DNS_A, "192.0.2.65"},
	{"bob.example.com", DNS_A, "192.0.2.66"},
	{"mail-a.example.com", DNS_A, "192.0.2.129"},
	{"mail-b.example.com", DNS_A, "192.0.2.130"},
	{"example.org", DNS_MX, "mail-c.example.org"},
	{"mail-c.example.org", DNS_A, "192.0.2.140"},
	{"10.2.0.192.in-addr.arpa", DNS_PTR, "example.com"},
	{"11.2.0.192.in-addr.arpa", DNS_PTR, "example.com"},
	{"65.2.0.192.in-addr.arpa", DNS_PTR, "amy.example.com"},
	{"66.2.0.192.in-addr.arpa", DNS_PTR, "bob.example.com"},
	{"129.2.0.192.in-addr.arpa", DNS_PTR, "mail-a.example.com"},
	{"130.2.0.192.in-addr.arpa", DNS_PTR, "mail-b.example.com"},
	{"140.2.0.192.in-addr.arpa", DNS_PTR, "mail-c.example.org"},
	{"4.0.0.10.in-addr.arpa", DNS_PTR, "bob.example.com"},
	{"mary.mobile-users._spf.example.com", DNS_A, "127.0.0.2"},
	{"2.0.0.127.in-addr.arpa._spf.example.net", DNS_A, "127.0.0.2"},
};

static const struct {
	const char *policy;
	struct check check;
} APPENDIX_CHECKS[] = {
	{"v=spf1 +all", {"203.0.113.1", "a@example.com", "pass", NULL}},
	{"v=spf1 a -all", {"192.0.2.10", "a@example.com", "pass", NULL}},
	{"v=spf1 a -all", {"192.0.2.11", "a@example.com", "pass", NULL}},
	{"v=spf1 a -all", {"192.0.2.65", "a@example.com", "fail", NULL}},
	{"v=spf1 a:example.org -all", {"192.0.2.10", "a@example.com", "fail", NULL}},
	{"v=spf1 mx -all", {"192.0.2.129", "a@example.com", "pass", NULL}},
	{"v=spf1 mx -all", {"192.0.2.130", "a@example.com", "pass", NULL}},
	{"v=spf1 mx -all", {"192.0.2.10", "a@example.com", "fail", NULL}},
	{"v=spf1 mx:example.org -all", {"192.0.2.140", "a@example.com", "pass", NULL}},
	{"v=spf1 mx mx:example.org -all", {"192.0.2.129", "a@example.com", "pass", NULL}},
	{"v=spf1 mx mx:example.org -all", {"192.0.2.140", "a@example.com", "pass", NULL}},
	{"v=spf1 mx/30 mx:example.org/30 -all", {"192.0.2.131", "a@example.com", "pass", NULL}},
	{"v=spf1 mx/30 mx:example.org/30 -all", {"192.0.2.143", "a@example.com", "pass", NULL}},
	{"v=spf1 mx/30 mx:example.org/30 -all", {"192.0.2.144", "a@example.com", "fail", NULL}},
	{"v=spf1 ptr -all", {"192.0.2.65", "a@example.com", "pass", NULL}},
	{"v=spf1 ptr -all", {"192.0.2.140", "a@example.com", "fail", NULL}},
	{"v=spf1 ptr -all", {"10.0.0.4", "a@example.com", "fail", NULL}},
	{"v=spf1 ip4:192.0.2.128/28 -all", {"192.0.2.65", "a@example.com", "fail", NULL}},
	{"v=spf1 ip4:192.0.2.128/28 -all", {"192.0.2.129", "a@example.com", "pass", NULL}},
	{"v=spf1 mx exists:%{l}.mobile-users._spf.%{d} -all",
		{"203.0.113.1", "mary@example.com", "pass", NULL}},
	{"v=spf1 mx exists:%{l}.mobile-users._spf.%{d} -all",
		{"203.0.113.1", "fred@example.com", "fail", NULL}},
	{"v=spf1 exists:%{ir}.%{v}.arpa._spf.example.net -all",
		{"127.0.0.2", "a@example.com", "pass", NULL}},
	{"v=spf1 a:%{l}.%{o} ?all", {"192.0.2.66", "bob@example.com", "pass", NULL}},
};

static void the_examples_of_the_rfc(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(APPENDIX_CHECKS); i++) {
		struct dns *t = test_dns_new();
		fill(t, APPENDIX, ARRAY_LEN(APPENDIX));
		test_dns_add(t, "example.com", DNS_TXT, APPENDIX_CHECKS[i].policy);
		expect(t, &APPENDIX_CHECKS[i].check);
		dns_free(t);
	}
}

static const struct record ZONE[] = {
	/* selection of the record (4.5) */
	{"two.example", DNS_TXT, "v=spf1 -all"},
	{"two.example", DNS_TXT, "V=SPF1 +all"},
	{"other.example", DNS_TXT, "v=spf10 -all"},
	{"other.example", DNS_TXT, "some words"},
	{"pieces.example", DNS_TXT, "v=spf1 ip4:192.0.2.7 -all"},
	{"alias.example", DNS_CNAME, "pieces.example"},
	{"empty.example", DNS_TXT, "v=spf1"},
	{"spaces.example", DNS_TXT, "v=spf1   ip4:192.0.2.7   -all  "},
	/* an error anywhere (4.6) */
	{"late.example", DNS_TXT, "v=spf1 +all nonsense"},
	{"colon.example", DNS_TXT, "v=spf1 +all redirect:two.example"},
	{"tab.example", DNS_TXT, "v=spf1\tmx -all"},
	{"tab2.example", DNS_TXT, "v=spf1 mx\tptr -all"},
	{"unknown.example", DNS_TXT, "v=spf1 x-1.a_b=%{c}%% ip4:192.0.2.7 -all"},
	{"badmacro.example", DNS_TXT, "v=spf1 x=%{q} -all"},
	/* addresses and bits (5.6) */
	{"bits.example", DNS_TXT, "v=spf1 ip4:192.0.2.0/25 ip6:2001:db8::/33 -all"},
	{"zero.example", DNS_TXT, "v=spf1 ip4:192.0.2.0/024 -all"},
	{"wide.example", DNS_TXT, "v=spf1 ip6:2001:db8::/129 -all"},
	{"short.example", DNS_TXT, "v=spf1 ip4:192.0.2 -all"},
	{"dual.example", DNS_TXT, "v=spf1 a/24//64 -all"},
	{"dual.example", DNS_A, "192.0.2.200"},
	{"dual.example", DNS_AAAA, "2001:db8:0:1::1"},
	/* include and redirect (5.2, 6.1) */
	{"inc-pass.example", DNS_TXT, "v=spf1 ~include:pieces.example -all"},
	{"inc-none.example", DNS_TXT, "v=spf1 include:nothing.example -all"},
	{"inc-bad.example", DNS_TXT, "v=spf1 include:late.example -all"},
	{"inc-temp.example", DNS_TXT, "v=spf1 include:broken.example -all"},
	{"inc-exp.example", DNS_TXT, "v=spf1 include:exp.example ?all"},
	{"redir.example", DNS_TXT, "v=spf1 exp=no.example redirect=exp.example"},
	{"redir-none.example", DNS_TXT, "v=spf1 redirect=nothing.example"},
	{"redir-all.example", DNS_TXT, "v=spf1 redirect=late.example ~all"},
	{"redir-twice.example", DNS_TXT, "v=spf1 redirect=exp.example redirect=exp.example"},
	{"implicit.example", DNS_TXT, "v=spf1 redirect=implied.example"},
	{"implied.example", DNS_TXT, "v=spf1 a -all"},
	{"implied.example", DNS_A, "192.0.2.77"},
	/* limits (4.6.4) */
	{"loop.example", DNS_TXT, "v=spf1 include:loop.example -all"},
	{"redir-loop.example", DNS_TXT, "v=spf1 redirect=redir-loop.example"},
	{"ten.example", DNS_TXT, "v=spf1 a a a a a a a a a a ip4:192.0.2.7 -all"},
	{"ten.example", DNS_A, "203.0.113.99"},
	{"eleven.example", DNS_TXT, "v=spf1 a a a a a a a a a a a ip4:192.0.2.7 -all"},
	{"eleven.example", DNS_A, "203.0.113.99"},
	{"void2.example", DNS_TXT, "v=spf1 a:x1.example exists:x2.example ip4:192.0.2.7 -all"},
	{"void3.example", DNS_TXT, "v=spf1 a:x1.example mx exists:x2.example ip4:192.0.2.7 -all"},
	{"no-mx.example", DNS_TXT, "v=spf1 mx -all"},
	{"no-mx.example", DNS_A, "192.0.2.7"},
	{"null-mx.example", DNS_TXT, "v=spf1 mx -all"},
	{"null-mx.example", DNS_MX, "."},
	{"a-temp.example", DNS_TXT, "v=spf1 a:broken.example +all"},
	{"mx-temp.example", DNS_TXT, "v=spf1 mx +all"},
	{"mx-temp.example", DNS_MX, "broken.example"},
	{"ptr-temp.example", DNS_TXT, "v=spf1 ptr:example.net ~all"},
	/* explanations (6.2) */
	{"exp.example", DNS_TXT, "v=spf1 ip4:192.0.2.7 exp=why.%{d} -all"},
	{"why.exp.example", DNS_TXT, "%{i} is not for %{s}: see %{r}%_%{H}"},
	{"exp-two.example", DNS_TXT, "v=spf1 exp=why.%{d} -all"},
	{"why.exp-two.example", DNS_TXT, "one"},
	{"why.exp-two.example", DNS_TXT, "two"},
	{"exp-gone.example", DNS_TXT, "v=spf1 exp=why.%{d} -all"},
	{"exp-bad.example", DNS_TXT, "v=spf1 exp=why.%{d} -all"},
	{"why.exp-bad.example", DNS_TXT, "100 %"},
	{"exp-utf8.example", DNS_TXT, "v=spf1 exp=why.%{d} -all"},
	{"why.exp-utf8.example", DNS_TXT, "\xc3\xa4"},
	{"exp-empty.example", DNS_TXT, "v=spf1 exp= -all"},
	{"exp-c.example", DNS_TXT, "v=spf1 exp=%{c}.example -all"},
	{"url.example", DNS_TXT, "v=spf1 exp=why.%{d} -all"},
	{"why.url.example", DNS_TXT, "http://x.example/?%{S}&%{L}"},
	{"xn--bcher-kva.example", DNS_TXT, "v=spf1 ip4:192.0.2.7 -all"},
	{"utf8-local.example", DNS_TXT, "v=spf1 exists:%{l}.example +all"},
};

static const struct check CHECKS[] = {
	{"192.0.2.7", "a@two.example", "permerror", NULL},
	{"192.0.2.7", "a@other.example", "none", NULL},
	{"192.0.2.7", "a@nothing.example", "none", NULL},
	{"192.0.2.7", "a@broken.example", "temperror", NULL},
	{"192.0.2.7", "a@pieces.example", "pass", NULL},
	{"192.0.2.7", "a@PIECES.example", "pass", NULL},
	{"192.0.2.7", "a@alias.example", "pass", NULL},
	{"192.0.2.7", "a@empty.example", "neutral", NULL},
	{"192.0.2.7", "a@spaces.example", "pass", NULL},
	{"192.0.2.7", "a@localhost", "none", NULL},
	{"192.0.2.7", "a@[192.0.2.7]", "none", NULL},
	{"192.0.2.7", "a@x..example", "none", NULL},
	{"192.0.2.7", "a@late.example", "permerror", NULL},
	{"192.0.2.7", "a@colon.example", "permerror", NULL},
	{"192.0.2.7", "a@tab.example", "none", NULL},
	{"192.0.2.7", "a@tab2.example", "permerror", NULL},
	{"192.0.2.7", "a@unknown.example", "pass", NULL},
	{"192.0.2.7", "a@badmacro.example", "permerror", NULL},
	{"192.0.2.127", "a@bits.example", "pass", NULL},
	{"192.0.2.128", "a@bits.example", "fail", NULL},
	{"::ffff:192.0.2.127", "a@bits.example", "pass", NULL},
	{"2001:db8:7fff::1", "a@bits.example", "pass", NULL},
	{"2001:db8:8000::1", "a@bits.example", "fail", NULL},
	{"192.0.2.7", "a@zero.example", "permerror", NULL},
	{"192.0.2.7", "a@wide.example", "permerror", NULL},
	{"192.0.2.7", "a@short.example", "permerror", NULL},
	{"192.0.2.7", "a@dual.example", "pass", NULL},
	{"192.0.3.7", "a@dual.example", "fail", NULL},
	{"2001:db8:0:1:ffff::", "a@dual.example", "pass", NULL},
	{"2001:db8:0:2::1", "a@dual.example", "fail", NULL},
	{"192.0.2.7", "a@inc-pass.example", "softfail", NULL},
	{"192.0.2.8", "a@inc-pass.example", "fail", NULL},
	{"192.0.2.7", "a@inc-none.example", "permerror", NULL},
	{"192.0.2.7", "a@inc-bad.example", "permerror", NULL},
	{"192.0.2.7", "a@inc-temp.example", "temperror", NULL},
	{"192.0.2.8", "a@inc-exp.example", "neutral", NULL},
	{"192.0.2.8", "a@redir.example", "fail",
		"192.0.2.8 is not for a@redir.example: see mx.here.example client.example.net"},
	{"192.0.2.7", "a@redir-none.example", "permerror", NULL},
	{"192.0.2.7", "a@redir-all.example", "softfail", NULL},
	{"192.0.2.7", "a@redir-twice.example", "permerror", NULL},
	{"192.0.2.77", "a@implicit.example", "pass", NULL},
	{"192.0.2.7", "a@loop.example", "permerror", NULL},
	{"192.0.2.7", "a@redir-loop.example", "permerror", NULL},
	{"192.0.2.7", "a@ten.example", "pass", NULL},
	{"192.0.2.7", "a@eleven.example", "permerror", NULL},
	{"192.0.2.7", "a@void2.example", "pass", NULL},
	{"192.0.2.7", "a@void3.example", "permerror", NULL},
	{"192.0.2.7", "a@no-mx.example", "fail", NULL},
	{"192.0.2.7", "a@null-mx.example", "fail", NULL},
	{"192.0.2.7", "a@a-temp.example", "temperror", NULL},
	{"192.0.2.7", "a@mx-temp.example", "temperror", NULL},
	{"192.0.2.7", "a@ptr-temp.example", "softfail", NULL},
	{"192.0.2.7", "a@exp.example", "pass", NULL},
	{"2001:db8::8", "a@exp-two.example", "fail", NULL},
	{"192.0.2.7", "a@exp-gone.example", "fail", NULL},
	{"192.0.2.7", "a@exp-bad.example", "fail", NULL},
	{"192.0.2.7", "a@exp-utf8.example", "fail", NULL},
	{"192.0.2.7", "a@exp-empty.example", "permerror", NULL},
	{"192.0.2.7", "a@exp-c.example", "permerror", NULL},
	{"192.0.2.7", "a+b&c@url.example", "fail",
		"http://x.example/?a%2Bb%26c%40url.example&a%2Bb%26c"},
	{"192.0.2.7",
		"a@b\xc3\xbc"
		"cher.example",
		"pass", NULL},
	{"192.0.2.7", "\xc3\xa4@utf8-local.example", "pass", NULL},
};

static void each_rule_has_its_result(void **state)
{
	struct dns *t = test_dns_new();
	fill(t, ZONE, ARRAY_LEN(ZONE));
	test_dns_break(t, "broken.example");
	test_dns_break(t, "7.2.0.192.in-addr.arpa");
	for (size_t i = 0; i < ARRAY_LEN(CHECKS); i++)
		expect(t, &CHECKS[i]);
	dns_free(t);
}

static void an_mx_has_ten_hosts_and_a_ptr_ten_names(void **state)
{
	struct dns *t = test_dns_new();
	test_dns_add(t, "mx.example", DNS_TXT, "v=spf1 mx -all");
	test_dns_add(t, "ptr.example", DNS_TXT, "v=spf1 ptr -all");
	for (int i = 0; i < 10; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "h%d.example", i);
		test_dns_add(t, "mx.example", DNS_MX, name);
		test_dns_add(t, "7.2.0.192.in-addr.arpa", DNS_PTR, name);
		test_dns_add(t, name, DNS_A, i == 9 ? "192.0.2.9" : "192.0.2.1");
	}
	expect(t, &(struct check){"192.0.2.9", "a@mx.example", "pass", NULL});
	test_dns_add(t, "7.2.0.192.in-addr.arpa", DNS_PTR, "last.ptr.example");
	test_dns_add(t, "last.ptr.example", DNS_A, "192.0.2.7");
	expect(t, &(struct check){"192.0.2.7", "a@ptr.example", "fail", NULL});
	test_dns_add(t, "mx.example", DNS_MX, "eleventh.example");
	expect(t, &(struct check){"192.0.2.9", "a@mx.example", "permerror", NULL});
	dns_free(t);
}

static void a_bounce_is_checked_by_its_helo(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_spf_answer answer;
	struct dns *t = test_dns_new();
	test_dns_add(t, "mail.example", DNS_TXT, "v=spf1 exists:%{l}.%{o}.x.example -all");
	test_dns_add(t, "postmaster.mail.example.x.example", DNS_A, "127.0.0.2");
	ask(t, "192.0.2.1", "", "mail.example", &arena, &answer);
	assert_int_equal(answer.result, FILTER_SPF_PASS);
	assert_slice(answer.domain, "mail.example");
	assert_slice(answer.reason, "exists:%{l}.%{o}.x.example");
	ask(t, "192.0.2.1", "", "[192.0.2.1]", &arena, &answer);
	assert_int_equal(answer.result, FILTER_SPF_NONE);
	dns_free(t);
}

static void the_reason_names_what_is_wrong(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_spf_answer answer;
	struct dns *t = test_dns_new();
	test_dns_add(t, "a.example", DNS_TXT, "v=spf1 ip4:192.0.2.1:25 -all");
	ask(t, "192.0.2.1", "x@a.example", "h.example", &arena, &answer);
	assert_slice(answer.reason, "a.example: can't understand \"ip4:192.0.2.1:25\"");
	test_dns_break(t, "b.example");
	ask(t, "192.0.2.1", "x@b.example", "h.example", &arena, &answer);
	assert_slice(answer.reason, "b.example: b.example TXT can't be told now");
	dns_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_rfc),
		cmocka_unit_test(each_rule_has_its_result),
		cmocka_unit_test(an_mx_has_ten_hosts_and_a_ptr_ten_names),
		cmocka_unit_test(a_bounce_is_checked_by_its_helo),
		cmocka_unit_test(the_reason_names_what_is_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
