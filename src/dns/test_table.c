/* The table of tests is itself tested: what others rely on. */
#include "base/test.h"
#include "dns/table.h"
#include "dns/text.h"

static const char *const LINES[] = {
	"signed example.org",
	"unsigned plain.example.org",
	"example.org MX 10 mx.example.org",
	"example.org MX 20 mx2.example.org",
	"mx.example.org A 192.0.2.1",
	"mx2.example.org CNAME host.example.net",
	"www.example.org CNAME mx.example.org",
	"a.plain.example.org TXT some text",
	"host.example.net A 192.0.2.2",
	"round.example.net CNAME round.example.net",
	"deep.er.example.net TXT x",
	"example.com TXT ?",
	"example.com A 192.0.2.3",
	"dead.example.com ?",
};

struct asked {
	struct dns *dns;
	struct arena arena;
	struct dns_answer answer;
	struct err err;
};

static int ask(struct asked *a, const char *name, enum dns_type type)
{
	a->err = (struct err){0};
	return dns_lookup(a->dns, slice_str(name), type, &a->arena, &a->answer, &a->err);
}

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

static void records_are_found_in_order(void **state)
{
	struct asked *a = *state;
	AUTO(buf_free) struct buf text = BUF(100);
	assert_int_equal(ask(a, "Example.ORG.", DNS_MX), 0);
	assert_int_equal(a->answer.count, 2);
	assert_true(a->answer.secure);
	assert_slice(a->answer.name, "Example.ORG");
	dns_text_write(DNS_MX, a->answer.records[1], &text);
	assert_slice(buf_slice(&text), "20 mx2.example.org");
	assert_int_equal(dns_table_questions(a->dns), 1);
}

static void absence_is_of_two_kinds(void **state)
{
	struct asked *a = *state;
	assert_int_equal(ask(a, "example.org", DNS_TXT), DNS_NO_DATA);
	assert_true(a->answer.secure);
	assert_int_equal(a->answer.count, 0);
	assert_int_equal(ask(a, "no.example.org", DNS_TXT), DNS_NO_NAME);
	assert_true(a->answer.secure);
	assert_int_equal(ask(a, "no.example.net", DNS_TXT), DNS_NO_NAME);
	assert_false(a->answer.secure);
	assert_int_equal(ask(a, "er.example.net", DNS_TXT), DNS_NO_DATA);
}

static void aliases_are_followed(void **state)
{
	struct asked *a = *state;
	assert_int_equal(ask(a, "www.example.org", DNS_A), 0);
	assert_slice(a->answer.name, "mx.example.org");
	assert_true(a->answer.secure);
	assert_int_equal(ask(a, "mx2.example.org", DNS_A), 0);
	assert_slice(a->answer.name, "host.example.net");
	assert_false(a->answer.secure);
	assert_int_equal(ask(a, "mx2.example.org", DNS_CNAME), 0);
	assert_true(a->answer.secure);
	assert_int_equal(ask(a, "mx2.example.org", DNS_AAAA), DNS_NO_DATA);
	assert_true(ask(a, "round.example.net", DNS_A) < 0);
	assert_int_equal(a->err.class, ERR_TEMPORARY);
}

static void unsigned_zones_are_carved_out(void **state)
{
	struct asked *a = *state;
	assert_int_equal(ask(a, "a.plain.example.org", DNS_TXT), 0);
	assert_false(a->answer.secure);
}

static void what_cannot_be_told_is_temporary(void **state)
{
	struct asked *a = *state;
	assert_true(ask(a, "example.com", DNS_TXT) < 0);
	assert_int_equal(a->err.class, ERR_TEMPORARY);
	assert_int_equal(ask(a, "example.com", DNS_A), 0);
	assert_true(ask(a, "dead.example.com", DNS_A) < 0);
	assert_int_equal(a->err.class, ERR_TEMPORARY);
	assert_true(ask(a, "a..b", DNS_A) < 0);
	assert_int_equal(a->err.class, ERR_PERMANENT);
	assert_int_equal(a->err.kind, ERR_BAD_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(records_are_found_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(absence_is_of_two_kinds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(aliases_are_followed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unsigned_zones_are_carved_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_cannot_be_told_is_temporary, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
