/* TLS reporting: records, and where the reports go. */
#include "base/test.h"
#include "dns/tls_rpt.h"

static void check(const char *text, const char *expected)
{
	struct slice texts[] = {SLICE("v=spf1 -all"), slice_str(text)}, rua;
	struct dns_tls_rpt_uri uri;
	char got[512] = "";
	size_t len = 0;
	bool good = dns_tls_rpt_read_record(texts, ARRAY_LEN(texts), &rua);
	if (good != (expected != NULL))
		fail_msg("\"%s\" is %s", text, good ? "taken" : "refused");
	while (good && dns_tls_rpt_next_uri(&rua, &uri))
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s:%.*s", len ? " " : "",
			uri.scheme == DNS_TLS_RPT_MAILTO ? "mail" : "post", SLICE_ARG(uri.text));
	if (expected)
		assert_string_equal(got, expected);
}

static void records_name_uris(void **state)
{
	/* RFC 8460 section 3.1. */
	check("v=TLSRPTv1;rua=mailto:reports@example.com", "mail:reports@example.com");
	check("v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt",
		"post:https://reporting.example.com/v1/tlsrpt");
	check("v=TLSRPTv1; rua=mailto:a@example.com,https://r.example/v1",
		"mail:a@example.com post:https://r.example/v1");
	check("v=TLSRPTv1; rua = mailto:a@example.com , mailto:b@example.com ; x=y",
		"mail:a@example.com mail:b@example.com");
	check("v=TLSRPTv1; rua=MAILTO:a@example.com!10m,mailto:b@x.test?subject=x",
		"mail:a@example.com mail:b@x.test");
}

static void other_uris_are_passed_over(void **state)
{
	check("v=TLSRPTv1; rua=http://r.example/v1,mailto:,https://,ftp:x, ,mailto:a b@x.test", "");
	check("v=TLSRPTv1; rua=mailto:\"a\"@x.test,https://r.example/<x>,mailto:b@x.test",
		"mail:b@x.test");
}

static void malformed_records_are_none(void **state)
{
	static const char *const BAD[] = {"", "v=TLSRPTv1", "v=TLSRPTv1;",
		"v=TLSRPTv1; rua=", "v=TLSRPTv1; rua", "v=TLSRPTv1; x=y; rua=mailto:a@x.test",
		"v=TLSRPTv2; rua=mailto:a@x.test", " v=TLSRPTv1; rua=mailto:a@x.test",
		"v=tlsrptv1; rua=mailto:a@x.test", "rua=mailto:a@x.test; v=TLSRPTv1;"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		check(BAD[i], NULL);
}

static void several_records_are_none(void **state)
{
	struct slice texts[] = {
		SLICE("v=TLSRPTv1; rua=mailto:a@x.test"), SLICE("v=TLSRPTv1; rua=mailto:a@x.test")};
	struct slice rua;
	assert_true(dns_tls_rpt_read_record(texts, 1, &rua));
	assert_false(dns_tls_rpt_read_record(texts, 2, &rua));
	assert_false(dns_tls_rpt_read_record(texts, 0, &rua));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_name_uris),
		cmocka_unit_test(other_uris_are_passed_over),
		cmocka_unit_test(malformed_records_are_none),
		cmocka_unit_test(several_records_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
