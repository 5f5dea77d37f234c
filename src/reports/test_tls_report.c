/* Reports of TLS, as JSON and as a message. */
#include "base/test.h"
#include "reports/tls_report.h"

static const struct reports_tls_detail DETAILS[] = {
	{{.result = REPORTS_STARTTLS_NOT_SUPPORTED,
		 .sending_ip = SLICE("192.0.2.1"),
		 .host = SLICE("mx2.a.test"),
		 .receiving_ip = SLICE("203.0.113.2")},
		200},
	{{.result = REPORTS_VALIDATION_FAILURE, .reason = SLICE("no \"cipher\"\n\xff")}, 3},
};
static const struct reports_tls_part PARTS[] = {
	{.policy = {.type = REPORTS_STS,
		 .text = SLICE("version: STSv1\r\nmode: testing\r\n\r\nmx: *.a.test\r\n"),
		 .hosts = SLICE("*.a.test\n")},
		.good = 5326,
		.bad = 203,
		.details = DETAILS,
		.detail_count = 2},
	{.policy = {.type = REPORTS_NO_POLICY}, .good = 1},
};

static struct reports_tls_report report(void)
{
	return (struct reports_tls_report){.organization = SLICE("Here"),
		.email = SLICE("tls@here.test"),
		.contact = SLICE("postmaster@here.test"),
		.submitter = SLICE("here.test"),
		.id = SLICE("20260401T000000.tls.1"),
		.begin = 1775001600,
		.end = 1775087999,
		.domain = SLICE("a.test"),
		.parts = PARTS,
		.count = 2};
}

static const char JSON[] =
	"{\n  \"organization-name\": \"Here\",\n  \"date-range\": {\n"
	"    \"start-datetime\": \"2026-04-01T00:00:00Z\",\n"
	"    \"end-datetime\": \"2026-04-01T23:59:59Z\"\n  },\n"
	"  \"contact-info\": \"postmaster@here.test\",\n"
	"  \"report-id\": \"20260401T000000.tls.1\",\n  \"policies\": [\n    {\n"
	"      \"policy\": {\n        \"policy-type\": \"sts\",\n        \"policy-string\": [\n"
	"          \"version: STSv1\",\n          \"mode: testing\",\n"
	"          \"mx: *.a.test\"\n        ],\n        \"policy-domain\": \"a.test\",\n"
	"        \"mx-host\": [\n          \"*.a.test\"\n        ]\n      },\n"
	"      \"summary\": {\n        \"total-successful-session-count\": 5326,\n"
	"        \"total-failure-session-count\": 203\n      },\n"
	"      \"failure-details\": [\n        {\n"
	"          \"result-type\": \"starttls-not-supported\",\n"
	"          \"sending-mta-ip\": \"192.0.2.1\",\n"
	"          \"receiving-mx-hostname\": \"mx2.a.test\",\n"
	"          \"receiving-ip\": \"203.0.113.2\",\n"
	"          \"failed-session-count\": 200\n        },\n        {\n"
	"          \"result-type\": \"validation-failure\",\n"
	"          \"failed-session-count\": 3,\n"
	"          \"failure-reason-code\": \"no \\\"cipher\\\"??\"\n        }\n      ]\n    },\n"
	"    {\n      \"policy\": {\n        \"policy-type\": \"no-policy-found\",\n"
	"        \"policy-domain\": \"a.test\"\n      },\n      \"summary\": {\n"
	"        \"total-successful-session-count\": 1,\n"
	"        \"total-failure-session-count\": 0\n      }\n    }\n  ]\n}";

static void counts_become_json(void **state)
{
	AUTO(buf_free) struct buf json = BUF(1 << 16);
	AUTO(buf_free) struct buf small = BUF(100);
	struct reports_tls_report r = report();
	struct err err = {0};
	assert_int_equal(reports_tls_json(&r, &json, &err), 0);
	assert_slice(buf_slice(&json), JSON);
	assert_true(reports_tls_json(&r, &small, &err) < 0);
	assert_int_equal(err.kind, ERR_LIMIT);
}

static const char MAIL[] =
	"From: <tls@here.test>\r\n"
	"To: <one@a.test>,\r\n\t<two@a.test>\r\n"
	"Date: Thu, 02 Apr 2026 01:02:03 +0000\r\n"
	"Message-ID: <20260401T000000.tls.1@here.test>\r\n"
	"Subject: Report Domain: a.test\r\n\tSubmitter: here.test\r\n"
	"\tReport-ID: <20260401T000000.tls.1@here.test>\r\n"
	"TLS-Report-Domain: a.test\r\nTLS-Report-Submitter: here.test\r\n"
	"TLS-Required: No\r\n"
	"Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	"Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n"
	"\tboundary=\"=_20260401T000000.tls.1\"\r\n\r\n"
	"--=_20260401T000000.tls.1\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
	"This is a report of how TLS went when mail was sent to a.test,\r\n"
	"as its record asks for (RFC 8460).\r\n\r\n"
	"--=_20260401T000000.tls.1\r\nContent-Type: application/tlsrpt+gzip\r\n"
	"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n"
	"\tfilename=\"here.test!a.test!1775001600!1775087999.json.gz\"\r\n\r\n"
	"Z3ppcA==\r\n\r\n--=_20260401T000000.tls.1--\r\n";

static void a_message_carries_it(void **state)
{
	AUTO(buf_free) struct buf mail = BUF(1 << 16);
	const struct slice to[] = {SLICE("one@a.test"), SLICE("two@a.test")};
	struct reports_tls_report r = report();
	reports_tls_mail(&r, to, 2, 1775091723, SLICE("gzip"), &mail);
	assert_slice(buf_slice(&mail), MAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_become_json),
		cmocka_unit_test(a_message_carries_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
