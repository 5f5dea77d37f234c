/* Authentication-Results: written, read, and not taken from strangers. */
#include "base/test.h"
#include "filter/verdicts.h"

static void results_are_written_and_folded(void **state)
{
	AUTO(buf_free) struct buf to = BUF(10000);
	struct filter_result list[] = {
		{.method = SLICE("spf"), .result = SLICE("pass")},
		{.method = SLICE("dkim"),
			.result = SLICE("fail"),
			.reason = SLICE("bad \"signature\""),
			.comment = SLICE("2048 bits)")},
		{.method = SLICE("dmarc"), .result = SLICE("none")},
	};
	filter_result_add(&list[0], "smtp", "mailfrom", SLICE("ann@example.com"));
	filter_result_add(&list[0], "smtp", "helo", SLICE(""));
	filter_result_add(&list[1], "header", "d", SLICE("example.com"));
	filter_result_add(&list[1], "header", "b", SLICE("a/b=\r\nX: y"));
	filter_result_add(
		&list[1], "header", "from", SLICE("a-rather-long-name.of-a-domain.example.com"));
	struct filter_results r = {.server = SLICE("mx.example.org"), .list = list, .count = 3};
	filter_results_write(&r, &to);
	assert_slice(buf_slice(&to), "Authentication-Results: mx.example.org;\r\n"
				     "\tspf=pass smtp.mailfrom=ann@example.com;\r\n"
				     "\tdkim=fail (2048 bits\\)) reason=\"bad \\\"signature\\\"\""
				     " header.d=example.com\r\n"
				     "\theader.b=\"a/b=??X: y\""
				     " header.from=a-rather-long-name.of-a-domain.example.com;\r\n"
				     "\tdmarc=none\r\n");
	buf_clear(&to);
	r.count = 0;
	filter_results_write(&r, &to);
	assert_slice(buf_slice(&to), "Authentication-Results: mx.example.org; none\r\n");
}

static void spf_and_dmarc_say_what_they_looked_at(void **state)
{
	AUTO(buf_free) struct buf to = BUF(10000);
	struct filter_spf_answer spf = {.result = FILTER_SPF_SOFTFAIL, .reason = SLICE("~all")};
	struct filter_dmarc_answer dmarc = {.result = FILTER_DMARC_RESULT_FAIL,
		.policy = FILTER_DMARC_REJECT,
		.disposal = FILTER_DMARC_QUARANTINE,
		.author = SLICE("a.example"),
		.policy_domain = SLICE("a.example"),
		.reason = "nothing is aligned"};
	struct filter_result list[] = {
		filter_spf_to_result(&spf, SLICE("x@a.example"), SLICE("mx.a.example")),
		filter_spf_to_result(&spf, SLICE(""), SLICE("mx.a.example")),
		filter_dmarc_to_result(&dmarc),
	};
	filter_results_write(
		&(struct filter_results){.server = SLICE("mx"), .list = list, .count = 3}, &to);
	assert_slice(buf_slice(&to),
		"Authentication-Results: mx;\r\n"
		"\tspf=softfail (~all) smtp.mailfrom=x@a.example;\r\n"
		"\tspf=softfail (~all) smtp.helo=mx.a.example;\r\n"
		"\tdmarc=fail (nothing is aligned) header.from=a.example policy.dmarc=reject\r\n");
}

/* What was read, in one line; "bad". */
static void describe(struct slice value, struct buf *to)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_results r;
	if (!filter_results_read(value, &arena, &r)) {
		buf_add_str(to, "bad");
		return;
	}
	buf_add_slice(to, r.server);
	for (size_t i = 0; i < r.count; i++) {
		const struct filter_result *one = &r.list[i];
		buf_printf(to, " | %.*s=%.*s", SLICE_ARG(one->method), SLICE_ARG(one->result));
		if (one->reason.len > 0)
			buf_printf(to, " [%.*s]", SLICE_ARG(one->reason));
		for (size_t k = 0; k < one->property_count; k++)
			buf_printf(to, " %.*s.%.*s:%.*s", SLICE_ARG(one->properties[k].type),
				SLICE_ARG(one->properties[k].name),
				SLICE_ARG(one->properties[k].value));
	}
}

/* The examples of RFC 8601 appendix B, and corners. */
static const struct {
	const char *value, *expected;
} FIELDS[] = {
	{" example.org 1; none", "example.org"},
	{" example.com;\r\n          spf=pass smtp.mailfrom=example.net",
		"example.com | spf=pass smtp.mailfrom:example.net"},
	{" example.com;\r\n auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n"
	 " spf=pass smtp.mailfrom=example.net",
		"example.com | auth=pass smtp.auth:sender@example.net"
		" | spf=pass smtp.mailfrom:example.net"},
	{" example.com; dkim=pass (good signature) header.d=example.com",
		"example.com | dkim=pass header.d:example.com"},
	{" foo.example.net (foobar) 1 (baz);\r\n"
	 "    dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
	 "      policy (A dot can go here) . (like that) expired\r\n"
	 "      (this surprised me) = (as I wasn't expecting it) 1362471462",
		"foo.example.net | dkim=fail policy.expired:1362471462"},
	{" x; spf=fail reason=\"not \\\"here\\\"\" smtp.mailfrom=\"a b\"@c.example",
		"x | spf=fail [not \"here\"] smtp.mailfrom:\"a b\"@c.example"},
	{" \"x y\"; SPF=Pass SMTP.MailFrom=\"\";", "x y | spf=pass smtp.mailfrom:"},
	{" x", "x"},
	{" x; dkim=pass header.b=\"ab/c=\" header.b=ab+c==",
		"x | dkim=pass header.b:ab/c= header.b:ab+c=="},
	{" x; dmarc=fail action=none header.from=a.example",
		"x | dmarc=fail header.from:a.example"},
	{" x 2; spf=pass", "bad"},
	{" ; spf=pass", "bad"},
	{"", "bad"},
	{" x; spf", "bad"},
	{" x; spf=", "bad"},
	{" x; spf=pass smtp.mailfrom", "bad"},
	{" x; spf=pass smtp=y", "bad"},
	{" x; spf=pass (a (b) c", "bad"},
	{" x; spf=pass reason=\"a", "bad"},
	{" x; spf/2=pass", "bad"},
};

static void fields_are_read_with_comments_and_folds(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
		AUTO(buf_free) struct buf got = BUF(1000);
		describe(slice_str(FIELDS[i].value), &got);
		assert_slice(buf_slice(&got), FIELDS[i].expected);
	}
}

static void fields_that_claim_to_be_ours_go(void **state)
{
	AUTO(buf_free) struct buf to = BUF(10000);
	struct slice header = SLICE("Received: x\r\n"
				    "Authentication-Results: MX.here.example; spf=pass\r\n"
				    "authentication-results :\r\n (hi) \"mx.here.example\" 1;\r\n"
				    " dkim=pass header.d=bank.example\r\n"
				    "Authentication-Results: mx.there.example; spf=pass\r\n"
				    "Authentication-Results: (mx.here.example; spf=pass\r\n"
				    "Authentication-Results: mx.there.example 9; spf=pass\r\n"
				    "X-Authentication-Results: mx.here.example; spf=pass\r\n"
				    "From: a@b.example\r\n"
				    "\r\n");
	assert_int_equal(filter_results_remove(header, SLICE("mx.here.example"), &to), 4);
	assert_slice(buf_slice(&to), "Received: x\r\n"
				     "Authentication-Results: mx.there.example; spf=pass\r\n"
				     "X-Authentication-Results: mx.here.example; spf=pass\r\n"
				     "From: a@b.example\r\n"
				     "\r\n");
	buf_clear(&to);
	assert_int_equal(filter_results_remove(SLICE("A: b\r\nC: d"), SLICE("x"), &to), 0);
	assert_slice(buf_slice(&to), "A: b\r\nC: d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_are_written_and_folded),
		cmocka_unit_test(spf_and_dmarc_say_what_they_looked_at),
		cmocka_unit_test(fields_are_read_with_comments_and_folds),
		cmocka_unit_test(fields_that_claim_to_be_ours_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
