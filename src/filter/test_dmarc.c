/* DMARC: records, the walk up the tree, alignment and policy. */
#include "base/buf.h"
#include "base/test.h"
#include "filter/dmarc.h"
#include "filter/dmarc_walk.h"
#include "filter/test_dns.h"

static void tags_are_read_and_what_is_wrong_is_left_out(void **state)
{
	struct filter_dmarc_record r;
	assert_true(filter_dmarc_record_parse(
		SLICE("v = DMARC1 ; P=Reject; sp=quarantine;np=none; adkim=s; aspf=R;t=y; psd=n;"
		      "rua=mailto:a@x.example ; ruf=mailto:b@x.example;fo=1:d:s;pct=20;x;=;"),
		&r));
	assert_int_equal(r.p, FILTER_DMARC_REJECT);
	assert_int_equal(r.sp, FILTER_DMARC_QUARANTINE);
	assert_int_equal(r.np, FILTER_DMARC_NONE);
	assert_true(r.strict_dkim && !r.strict_spf && r.testing && !r.bad_policy);
	assert_int_equal(r.psd, FILTER_DMARC_PSD_NO);
	assert_slice(r.rua, "mailto:a@x.example");
	assert_slice(r.fo, "1:d:s");
	assert_true(filter_dmarc_record_parse(SLICE("v=DMARC1;p=none;sp=what;fo=z;psd=x"), &r));
	assert_true(r.bad_policy && r.has_p && !r.has_sp);
	assert_slice(r.fo, "0");
	assert_true(filter_dmarc_record_parse(SLICE("v=DMARC1"), &r));
	assert_true(!r.has_p && !r.rua.ptr);
	assert_true(filter_dmarc_record_parse(SLICE("v=DMARC1;p=quarantine"), &r));
	assert_int_equal(r.np, FILTER_DMARC_QUARANTINE);
	static const char *const NONE[] = {"", "v=DMARC2; p=none", "v=dmarc1; p=none",
		"p=none; v=DMARC1", "DMARC1", "v=DMARC1 p=none", "v=spf1 -all"};
	for (size_t i = 0; i < ARRAY_LEN(NONE); i++)
		assert_false(filter_dmarc_record_parse(slice_str(NONE[i]), &r));
}

static void addresses_of_reports_are_those_of_mailto(void **state)
{
	struct slice uris = SLICE("mailto:a@x.example!10m, https://x.example/r ,MAILTO:b@y.example"
				  "?subject=x,mailto:nobody,mailto:c@z.example>,,mailto:d@e@f"),
		     address;
	assert_true(filter_dmarc_next_address(&uris, &address));
	assert_slice(address, "a@x.example");
	assert_true(filter_dmarc_next_address(&uris, &address));
	assert_slice(address, "b@y.example");
	assert_false(filter_dmarc_next_address(&uris, &address));
}

static void zone(struct dns *t)
{
	static const char *const RECORDS[][2] = {
		{"example.com", "v=DMARC1; p=reject; sp=quarantine; np=none"},
		{"own.example.com", "v=DMARC1; p=none"},
		{"signing.example.com", "v=DMARC1; p=none"},
		{"strict.example", "v=DMARC1; p=reject; adkim=s; aspf=s"},
		{"test.example", "v=DMARC1; p=reject; t=y"},
		{"test2.example", "v=DMARC1; p=quarantine; t=y"},
		{"pct.example", "v=DMARC1; p=reject; pct=0"},
		{"bank.example", "v=DMARC1; p=reject; sp=reject; np=reject; psd=y"},
		{"giant.bank.example", "v=DMARC1; p=quarantine"},
		{"island.example.com", "v=DMARC1; p=reject; psd=n"},
		{"bad.example", "v=DMARC1; p=what"},
		{"bad-rua.example", "v=DMARC1; p=what; rua=mailto:a@b.example"},
		{"two.example", "v=DMARC1; p=reject"},
		{"two.example", "v=DMARC1; p=reject;"},
		{"xn--bcher-kva.example", "v=DMARC1; p=reject"},
	};
	char name[300];
	for (size_t i = 0; i < ARRAY_LEN(RECORDS); i++) {
		(void)snprintf(name, sizeof(name), "_dmarc.%s", RECORDS[i][0]);
		test_dns_add(t, name, DNS_TXT, RECORDS[i][1]);
	}
	test_dns_add(t, "_dmarc.example.com", DNS_TXT, "something else");
	test_dns_add(t, "there.example.com", DNS_TXT, "x");
	test_dns_break(t, "_dmarc.down.example");
	test_dns_break(t, "_dmarc.down.example.com");
}

/* RFC 9989 appendix B.4, and rules of section 4.10. */
static const struct {
	const char *domain, *organization, *policy_domain;
	unsigned questions;
} WALKS[] = {
	{"example.com", "example.com", "example.com", 2},
	{"signing.example.com", "example.com", "signing.example.com", 3},
	{"x.y.example.com", "example.com", "example.com", 4},
	{"a.b.c.d.e.f.g.h.i.j.k.example.com", "example.com", "example.com", 8},
	{"a.b.c.d.e.f.example.com", "example.com", "example.com", 8},
	{"giant.bank.example", "giant.bank.example", "giant.bank.example", 2},
	{"mail.giant.bank.example", "giant.bank.example", "giant.bank.example", 3},
	{"mail.mega.bank.example", "mega.bank.example", "bank.example", 3},
	{"bank.example", "bank.example", "bank.example", 1},
	{"a.island.example.com", "island.example.com", "island.example.com", 2},
	{"a.b.nowhere.example", "a.b.nowhere.example", NULL, 4},
	{"two.example", "two.example", NULL, 2},
	{"a.b.c.d.e.f.g.h.i.j.bank.example", "j.bank.example", "bank.example", 7},
};

static void organisations_are_found_by_the_walk(void **state)
{
	struct dns *t = test_dns_new();
	zone(t);
	for (size_t i = 0; i < ARRAY_LEN(WALKS); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct filter_dmarc_tree tree = {.dns = t, .arena = &arena};
		struct filter_dmarc_walk walk;
		unsigned before = dns_table_questions(t);
		assert_int_equal(
			filter_dmarc_walk(&tree, slice_str(WALKS[i].domain), &walk, NULL), 0);
		assert_slice(walk.organization, WALKS[i].organization);
		assert_int_equal(walk.policy != NULL, WALKS[i].policy_domain != NULL);
		if (walk.policy)
			assert_slice(walk.policy->domain, WALKS[i].policy_domain);
		assert_int_equal(dns_table_questions(t) - before, WALKS[i].questions);
		assert_int_equal(
			filter_dmarc_walk(&tree, slice_str(WALKS[i].domain), &walk, NULL), 0);
		assert_int_equal(dns_table_questions(t) - before, WALKS[i].questions);
	}
	dns_free(t);
}

/* "+domain": vouched for; "-domain": not; "?domain": can't be told. */
struct scene {
	const char *from, *spf, *dkim, *result, *disposal;
};

static struct filter_dmarc_identity identity(const char *text)
{
	if (!text)
		return (struct filter_dmarc_identity){0};
	return (struct filter_dmarc_identity){.domain = slice_str(text + 1),
		.vouch = text[0] == '+'   ? FILTER_DMARC_VOUCHED
			 : text[0] == '?' ? FILTER_DMARC_UNSURE
					  : FILTER_DMARC_DENIED};
}

static const struct scene SCENES[] = {
	/* relaxed */
	{"example.com", "+example.com", NULL, "pass", "none"},
	{"example.com", "+mail.example.com", NULL, "pass", "none"},
	{"example.com", NULL, "+signing.example.com", "pass", "none"},
	{"news.example.com", "+bounce.example.com", NULL, "pass", "none"},
	{"example.com", "+example.org", "+other.example", "fail", "reject"},
	{"example.com", "-example.com", "-example.com", "fail", "reject"},
	{"example.com", "+notexample.com", NULL, "fail", "reject"},
	{"example.com", NULL, NULL, "fail", "reject"},
	/* sp, np */
	{"there.example.com", NULL, NULL, "fail", "quarantine"},
	{"nothere.example.com", NULL, NULL, "fail", "none"},
	{"own.example.com", NULL, NULL, "fail", "none"},
	/* strict */
	{"strict.example", "+strict.example", NULL, "pass", "none"},
	{"strict.example", "+a.strict.example", "+b.strict.example", "fail", "reject"},
	{"strict.example", NULL, "+strict.example", "pass", "none"},
	/* tests; pct is no more */
	{"test.example", NULL, NULL, "fail", "quarantine"},
	{"test2.example", NULL, NULL, "fail", "none"},
	{"pct.example", NULL, NULL, "fail", "reject"},
	/* public suffixes */
	{"giant.bank.example", "+mail.giant.bank.example", NULL, "pass", "none"},
	{"giant.bank.example", NULL, "+mail.mega.bank.example", "fail", "quarantine"},
	{"mega.bank.example", NULL, "+mail.mega.bank.example", "pass", "none"},
	{"mega.bank.example", NULL, "+bank.example", "fail", "reject"},
	{"island.example.com", "+example.com", "+example.com", "fail", "reject"},
	{"example.com", "+island.example.com", NULL, "fail", "reject"},
	/* none, and what can't be told */
	{"nowhere.example", "+nowhere.example", NULL, "none", "none"},
	{"two.example", NULL, NULL, "none", "none"},
	{"bad.example", NULL, NULL, "none", "none"},
	{"bad-rua.example", NULL, NULL, "fail", "none"},
	{"down.example", "+down.example", NULL, "temperror", "none"},
	{"example.com", "?example.com", NULL, "temperror", "none"},
	{"example.com", "?example.org", NULL, "fail", "reject"},
	{"example.com", "?example.com", "+example.com", "pass", "none"},
	{"example.com", "+down.example.com", NULL, "temperror", "none"},
	{"example.com", "+down.example.com", "+example.com", "pass", "none"},
};

static void each_scene_has_its_result(void **state)
{
	struct dns *t = test_dns_new();
	zone(t);
	for (size_t i = 0; i < ARRAY_LEN(SCENES); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		const struct scene *s = &SCENES[i];
		struct slice author = slice_str(s->from);
		struct filter_dmarc_identity dkim = identity(s->dkim);
		struct filter_dmarc_query query = {.dns = t,
			.authors = &author,
			.author_count = 1,
			.spf = identity(s->spf),
			.dkim = &dkim,
			.dkim_count = 1};
		struct filter_dmarc_answer a;
		filter_dmarc_check(&query, &arena, &a);
		if (strcmp(filter_dmarc_result_name(a.result), s->result) != 0 ||
			strcmp(filter_dmarc_policy_name(a.disposal), s->disposal) != 0)
			fail_msg("%s, SPF %s, DKIM %s: %s, %s (%s)", s->from, s->spf, s->dkim,
				filter_dmarc_result_name(a.result),
				filter_dmarc_policy_name(a.disposal), a.reason);
	}
	dns_free(t);
}

static void the_strictest_of_several_authors_counts(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice authors[] = {SLICE("nowhere.example"), SLICE("there.example.com"),
		SLICE("strict.example"), SLICE("own.example.com"), SLICE("fifth.example")};
	struct dns *t = test_dns_new();
	zone(t);
	struct filter_dmarc_query query = {
		.dns = t, .authors = authors, .author_count = 4, .spf = identity("+example.com")};
	struct filter_dmarc_answer a;
	filter_dmarc_check(&query, &arena, &a);
	assert_int_equal(a.result, FILTER_DMARC_RESULT_FAIL);
	assert_int_equal(a.disposal, FILTER_DMARC_REJECT);
	assert_slice(a.author, "strict.example");
	query.author_count = 5;
	filter_dmarc_check(&query, &arena, &a);
	assert_int_equal(a.result, FILTER_DMARC_RESULT_PERMERROR);
	query.author_count = 0;
	filter_dmarc_check(&query, &arena, &a);
	assert_int_equal(a.result, FILTER_DMARC_RESULT_PERMERROR);
	dns_free(t);
}

static const struct {
	const char *header, *domains;
} HEADERS[] = {
	{"From: a@Example.com\r\n", "example.com"},
	{"from: A <a@x.example>, b@Y.example, c@X.example.\r\n", "x.example y.example"},
	{"From: a@x.example\r\nFrom: b@y.example\r\n", "x.example y.example"},
	{"From: g: a@x.example, b@y.example;\r\n", "x.example y.example"},
	{"From: \"a@evil.example\" <a@x.example>\r\n", "x.example"},
	{"From: a@b\xc3\xbc"
	 "cher.example\r\n",
		"xn--bcher-kva.example"},
	{"Subject: x\r\n", NULL},
	{"From: nobody\r\n", NULL},
	{"From: undisclosed:;\r\n", NULL},
	{"From: a@x.example, nobody\r\n", NULL},
	{"From: a@x..example\r\n", NULL},
	{"From: a@1.e, a@2.e, a@3.e, a@4.e, a@5.e\r\n", NULL},
};

static void authors_are_all_of_all_from_fields(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(HEADERS); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		AUTO(buf_free) struct buf all = BUF(1000);
		struct slice domains[FILTER_DMARC_AUTHORS_MAX];
		size_t count;
		bool good =
			filter_dmarc_authors(slice_str(HEADERS[i].header), &arena, domains, &count);
		for (size_t k = 0; good && k < count; k++)
			buf_printf(&all, "%s%.*s", k ? " " : "", SLICE_ARG(domains[k]));
		if (good != (HEADERS[i].domains != NULL))
			fail_msg("%s: %s", HEADERS[i].header, good ? "taken" : "refused");
		if (good)
			assert_slice(buf_slice(&all), HEADERS[i].domains);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_are_read_and_what_is_wrong_is_left_out),
		cmocka_unit_test(addresses_of_reports_are_those_of_mailto),
		cmocka_unit_test(organisations_are_found_by_the_walk),
		cmocka_unit_test(each_scene_has_its_result),
		cmocka_unit_test(the_strictest_of_several_authors_counts),
		cmocka_unit_test(authors_are_all_of_all_from_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
