/* Aggregate reports: as XML, as gzip, as a message; and to whom they go. */
#include "base/test.h"
#include "filter/dmarc_report.h"
#include "filter/test_dns.h"

#include <zlib.h>

static const struct filter_dmarc_signature SIGNATURES[] = {
	{SLICE("example.com"), SLICE("s1"), SLICE("pass"), SLICE("")},
	{SLICE("list.example"), SLICE("x"), SLICE("fail"), SLICE("body <changed>")},
};
static const struct filter_dmarc_row ROWS[] = {
	{.source = SLICE("192.0.2.1"),
		.count = 12,
		.dkim_aligned = true,
		.policy = FILTER_DMARC_REJECT,
		.header_from = SLICE("example.com"),
		.envelope_from = SLICE("list.example"),
		.envelope_to = SLICE("here.example"),
		.dkim = SIGNATURES,
		.dkim_count = 2,
		.spf_domain = SLICE("list.example"),
		.spf_result = SLICE("pass")},
	{.source = SLICE("2001:db8::1"),
		.count = 1,
		.policy = FILTER_DMARC_REJECT,
		.disposal = FILTER_DMARC_QUARANTINE,
		.header_from = SLICE("a.example.com")},
};

static struct filter_dmarc_report report(void)
{
	struct filter_dmarc_report r = {.organization = SLICE("Here & Co"),
		.email = SLICE("dmarc@here.example"),
		.submitter = SLICE("here.example"),
		.id = SLICE("20261126-1"),
		.begin = 1764115200,
		.end = 1764201599,
		.domain = SLICE("example.com"),
		.rows = ROWS,
		.row_count = 2};
	assert_true(filter_dmarc_record_parse(
		SLICE("v=DMARC1; p=reject; t=y; aspf=s; rua=mailto:a@example.com"), &r.record));
	return r;
}

static const char XML[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			  "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n"
			  "  <version>1.0</version>\n"
			  "  <report_metadata>\n"
			  "    <org_name>Here &amp; Co</org_name>\n"
			  "    <email>dmarc@here.example</email>\n"
			  "    <report_id>20261126-1@here.example</report_id>\n"
			  "    <date_range>\n"
			  "      <begin>1764115200</begin>\n"
			  "      <end>1764201599</end>\n"
			  "    </date_range>\n"
			  "    <generator>Rookery " ROOKERY_VERSION "</generator>\n"
			  "  </report_metadata>\n"
			  "  <policy_published>\n"
			  "    <domain>example.com</domain>\n"
			  "    <p>reject</p>\n"
			  "    <sp>reject</sp>\n"
			  "    <np>reject</np>\n"
			  "    <adkim>r</adkim>\n"
			  "    <aspf>s</aspf>\n"
			  "    <discovery_method>treewalk</discovery_method>\n"
			  "    <fo>0</fo>\n"
			  "    <testing>y</testing>\n"
			  "  </policy_published>\n"
			  "  <record>\n"
			  "    <row>\n"
			  "      <source_ip>192.0.2.1</source_ip>\n"
			  "      <count>12</count>\n"
			  "      <policy_evaluated>\n"
			  "        <disposition>pass</disposition>\n"
			  "        <dkim>pass</dkim>\n"
			  "        <spf>fail</spf>\n"
			  "      </policy_evaluated>\n"
			  "    </row>\n"
			  "    <identifiers>\n"
			  "      <header_from>example.com</header_from>\n"
			  "      <envelope_from>list.example</envelope_from>\n"
			  "      <envelope_to>here.example</envelope_to>\n"
			  "    </identifiers>\n"
			  "    <auth_results>\n"
			  "      <dkim>\n"
			  "        <domain>example.com</domain>\n"
			  "        <selector>s1</selector>\n"
			  "        <result>pass</result>\n"
			  "      </dkim>\n"
			  "      <dkim>\n"
			  "        <domain>list.example</domain>\n"
			  "        <selector>x</selector>\n"
			  "        <result>fail</result>\n"
			  "        <human_result>body &lt;changed&gt;</human_result>\n"
			  "      </dkim>\n"
			  "      <spf>\n"
			  "        <domain>list.example</domain>\n"
			  "        <scope>mfrom</scope>\n"
			  "        <result>pass</result>\n"
			  "      </spf>\n"
			  "    </auth_results>\n"
			  "  </record>\n"
			  "  <record>\n"
			  "    <row>\n"
			  "      <source_ip>2001:db8::1</source_ip>\n"
			  "      <count>1</count>\n"
			  "      <policy_evaluated>\n"
			  "        <disposition>quarantine</disposition>\n"
			  "        <dkim>fail</dkim>\n"
			  "        <spf>fail</spf>\n"
			  "        <reason>\n"
			  "          <type>policy_test_mode</type>\n"
			  "        </reason>\n"
			  "      </policy_evaluated>\n"
			  "    </row>\n"
			  "    <identifiers>\n"
			  "      <header_from>a.example.com</header_from>\n"
			  "      <envelope_from></envelope_from>\n"
			  "    </identifiers>\n"
			  "    <auth_results>\n"
			  "    </auth_results>\n"
			  "  </record>\n"
			  "</feedback>\n";

static void rows_become_xml(void **state)
{
	AUTO(buf_free) struct buf xml = BUF(1 << 20);
	struct filter_dmarc_report r = report();
	filter_dmarc_report_xml(&r, &xml);
	assert_slice(buf_slice(&xml), XML);
}

static void xml_becomes_gzip(void **state)
{
	AUTO(buf_free) struct buf gzip = BUF(1 << 20);
	AUTO(buf_free) struct buf small = BUF(20);
	static unsigned char plain[sizeof(XML)];
	assert_int_equal(filter_dmarc_report_gzip(slice_str(XML), &gzip, NULL), 0);
	z_stream s = {.next_in = (Bytef *)gzip.data,
		.avail_in = (uInt)gzip.len,
		.next_out = plain,
		.avail_out = sizeof(plain)};
	assert_int_equal(inflateInit2(&s, 15 + 16), Z_OK);
	assert_int_equal(inflate(&s, Z_FINISH), Z_STREAM_END);
	assert_slice(slice(plain, s.total_out), XML);
	assert_int_equal(inflateEnd(&s), Z_OK);
	assert_true(filter_dmarc_report_gzip(slice_str(XML), &small, NULL) < 0);
	assert_int_equal(small.len, 0);
}

static void a_report_travels_as_an_attachment(void **state)
{
	AUTO(buf_free) struct buf mail = BUF(1 << 20);
	struct filter_dmarc_report r = report();
	struct slice to[] = {SLICE("a@example.com"), SLICE("b@reports.example")};
	filter_dmarc_report_mail(&r, to, 2, 1764201600, SLICE("0123456789"), &mail);
	assert_slice(buf_slice(&mail),
		"From: <dmarc@here.example>\r\n"
		"To: <a@example.com>,\r\n\t<b@reports.example>\r\n"
		"Date: Thu, 27 Nov 2025 00:00:00 +0000\r\n"
		"Message-ID: <20261126-1@here.example>\r\n"
		"Subject: Report Domain: example.com\r\n"
		"\tSubmitter: here.example\r\n"
		"\tReport-ID: <20261126-1@here.example>\r\n"
		"Auto-Submitted: auto-generated\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: multipart/mixed;\r\n\tboundary=\"=_20261126-1\"\r\n"
		"\r\n"
		"--=_20261126-1\r\n"
		"Content-Type: text/plain; charset=us-ascii\r\n"
		"\r\n"
		"This is a DMARC aggregate report of mail from example.com,\r\n"
		"as its record asks for (RFC 9990).\r\n"
		"\r\n"
		"--=_20261126-1\r\n"
		"Content-Type: application/gzip\r\n"
		"Content-Transfer-Encoding: base64\r\n"
		"Content-Disposition: attachment;\r\n"
		"\tfilename=\"here.example!example.com!1764115200!1764201599.xml.gz\"\r\n"
		"\r\n"
		"MDEyMzQ1Njc4OQ==\r\n"
		"\r\n"
		"--=_20261126-1--\r\n");
}

static const struct {
	const char *rua, *expected; /* NULL: can't be told now */
} DESTINATIONS[] = {
	{"mailto:a@example.com", "a@example.com"},
	{"mailto:a@mail.example.com!10m, mailto:A@mail.example.com", "a@mail.example.com"},
	{"mailto:a%2Bb@example.com,mailto:a%00@example.com", "a+b@example.com"},
	{"mailto:x@willing.example", "x@willing.example"},
	{"mailto:x@all.example", "x@all.example"},
	{"mailto:x@unwilling.example,mailto:a@example.com", "a@example.com"},
	{"mailto:x@not-dmarc.example", ""},
	{"mailto:x@elsewhere.example", "y@elsewhere.example"},
	{"mailto:x@abuse.example", ""},
	{"mailto:x@island.example.com", ""},
	{"https://example.com/report", ""},
	{"mailto:x@broken.example,mailto:a@example.com", NULL},
	{"", ""},
};

static void strangers_have_to_agree(void **state)
{
	struct dns *t = test_dns_new();
	const char *prefix = "example.com._report._dmarc.";
	static const char *const RECORDS[][2] = {{"willing.example", "v=DMARC1"},
		{"all.example", "v=DMARC1;"}, {"not-dmarc.example", "yes"},
		{"elsewhere.example", "v=DMARC1; rua=mailto:y@elsewhere.example"},
		{"abuse.example", "v=DMARC1; rua=mailto:victim@bank.example"}};
	char name[200];
	for (size_t i = 0; i < ARRAY_LEN(RECORDS); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", prefix, RECORDS[i][0]);
		test_dns_add(t, name, DNS_TXT, RECORDS[i][1]);
	}
	test_dns_add(t, "_dmarc.example.com", DNS_TXT, "v=DMARC1; p=none");
	test_dns_add(t, "_dmarc.island.example.com", DNS_TXT, "v=DMARC1; p=none; psd=n");
	test_dns_break(t, "example.com._report._dmarc.broken.example");
	for (size_t i = 0; i < ARRAY_LEN(DESTINATIONS); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		AUTO(buf_free) struct buf got = BUF(1000);
		struct filter_dmarc_record r = {.rua = slice_str(DESTINATIONS[i].rua)};
		struct slice to[FILTER_DMARC_DESTINATIONS_MAX];
		size_t count;
		int done = filter_dmarc_destinations(
			t, SLICE("example.com"), &r, &arena, to, &count, NULL);
		assert_int_equal(done, DESTINATIONS[i].expected ? 0 : -1);
		for (size_t k = 0; k < count; k++)
			buf_printf(&got, "%s%.*s", k ? " " : "", SLICE_ARG(to[k]));
		if (done == 0)
			assert_slice(buf_slice(&got), DESTINATIONS[i].expected);
	}
	dns_free(t);
}

static void sizes_have_a_limit_where_the_record_has_one(void **state)
{
	static const struct {
		const char *address;
		uint64_t size;
		bool fits;
	} CASES[] = {{"a@x.test", 10, true}, {"a@x.test", 11, false}, {"B@x.test", 2048, true},
		{"b@x.test", 2049, false}, {"c@x.test", UINT64_MAX, true},
		{"d@x.test", UINT64_MAX, true}, {"e+f@x.test", 3 << 20, true},
		{"e+f@x.test", (3 << 20) + 1, false}, {"other@x.test", UINT64_MAX, true}};
	const struct filter_dmarc_record r = {
		.rua = SLICE("mailto:a@x.test!10, mailto:b@x.test!2k,mailto:c@x.test,"
			     "mailto:d@x.test!much,mailto:e%2Bf@x.test!3M")};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		if (filter_dmarc_fits(&r, slice_str(CASES[i].address), CASES[i].size) !=
			CASES[i].fits)
			fail_msg("case %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_become_xml),
		cmocka_unit_test(xml_becomes_gzip),
		cmocka_unit_test(a_report_travels_as_an_attachment),
		cmocka_unit_test(strangers_have_to_agree),
		cmocka_unit_test(sizes_have_a_limit_where_the_record_has_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
