/* What becomes of a session in a report of TLS: by its policy and by how it went. */
#include "roles/mx/tls_sessions.h"

#include "base/clock.h"
#include "base/test.h"

#define done(call) assert_int_equal((call), 0)

static const struct slice MX[] = {SLICE("*.a.test")};
static const struct mx_sts_found NOTHING = {.policy.mode = DNS_MTA_STS_NONE};
static const struct mx_sts_found TESTING = {
	.policy = {.mode = DNS_MTA_STS_TESTING, .mx = MX, .mx_count = 1},
	.text = SLICE("version: STSv1\n")};
static const struct net_tls_dane_record RECORD = {3, 1, 1, SLICE("\x01\xff")};
static const struct dns_dane NO_DANE = {.demand = DNS_DANE_NONE};
static const struct dns_dane DANE = {.demand = DNS_DANE_VERIFY,
	.tls = {.host = "mx.a.test", .records = &RECORD, .record_count = 1}};
static const struct dns_dane UNUSABLE = {.demand = DNS_DANE_ENCRYPT, .tls.host = "mx.a.test"};

struct fixture {
	struct store *store;
	struct reports *reports;
	struct mx_tls_session session;
	struct smtp_hop hop;
	struct err err;
	bool failures; /* those are told, or policies */
	char rows[512];
};

static int set_up(void **state)
{
	static struct fixture f;
	struct store_options store = {.driver = &store_driver_memory};
	f = (struct fixture){0};
	done(store_open(&store, &f.store, &f.err));
	struct reports_options options = {.store = f.store, .node = id_new(), .tls = true};
	f.reports = reports_new(&options);
	done(net_address_parse(SLICE("192.0.2.25:25"), &f.hop.address, &f.err));
	f.session = (struct mx_tls_session){.reports = f.reports,
		.domain = SLICE("a.test"),
		.sts = &NOTHING,
		.dane = &NO_DANE,
		.host = SLICE("mx.a.test")};
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	reports_free(f->reports);
	store_close(f->store);
	return 0;
}

static void add_row(void *context, const struct reports_name *name, const struct reports_row *row)
{
	struct fixture *f = context;
	struct reports_tls_key key;
	size_t len = strlen(f->rows);
	assert_true(reports_tls_read(row->key, &key));
	if (key.is_failure != f->failures)
		return;
	if (key.is_failure)
		(void)snprintf(f->rows + len, sizeof(f->rows) - len, " %s at %.*s [%.*s] (%.*s)",
			reports_tls_result_name(key.failure.result), SLICE_ARG(key.failure.host),
			SLICE_ARG(key.failure.receiving_ip), SLICE_ARG(key.failure.reason));
	else
		(void)snprintf(f->rows + len, sizeof(f->rows) - len, "%s {%.*s} {%.*s} %d:%d",
			reports_tls_type_name(key.policy.type), SLICE_ARG(key.policy.text),
			SLICE_ARG(key.policy.hosts), (int)row->good, (int)row->bad);
}

static const char *rows(struct fixture *f)
{
	f->rows[0] = '\0';
	done(reports_fold(f->reports, &f->err));
	for (int i = 0; i < 2; i++) {
		f->failures = i > 0;
		done(reports_show(f->reports, SLICE("a.test"), add_row, f, &f->err));
	}
	return f->rows;
}

static void opened(struct fixture *f, enum smtp_tls_outcome tls, enum net_tls_trouble trouble,
	const char *words)
{
	const struct smtp_opening opening = {.tls = tls, .trouble = trouble, .tls_words = words};
	mx_tls_session_opened(&f->session, &f->hop, &opening);
}

static void without_a_policy_any_certificate_is_fine(void **state)
{
	struct fixture *f = *state;
	opened(f, SMTP_TLS_DONE, NET_TLS_UNTRUSTED, "self-signed");
	opened(f, SMTP_TLS_DONE, NET_TLS_NO_TROUBLE, NULL);
	opened(f, SMTP_TLS_UNUSED, NET_TLS_NO_TROUBLE, NULL); /* no session */
	assert_string_equal(rows(f), "no-policy-found {} {} 2:0");
}

static void without_tls_a_session_has_failed(void **state)
{
	struct fixture *f = *state;
	opened(f, SMTP_TLS_NOT_OFFERED, NET_TLS_NO_TROUBLE, NULL);
	assert_string_equal(rows(f), "no-policy-found {} {} 0:1 starttls-not-supported at "
				     "mx.a.test [192.0.2.25] ()");
}

static void a_policy_that_is_tested_is_kept_to(void **state)
{
	struct fixture *f = *state;
	f->session.sts = &TESTING;
	opened(f, SMTP_TLS_DONE, NET_TLS_NO_TROUBLE, NULL);
	assert_string_equal(rows(f), "sts {version: STSv1\n} {*.a.test\n} 1:0");
}

static void a_certificate_has_to_fit_the_policy(void **state)
{
	static const struct {
		enum net_tls_trouble trouble;
		const char *name;
	} CASES[] = {{NET_TLS_EXPIRED, "certificate-expired"},
		{NET_TLS_OTHER_NAME, "certificate-host-mismatch"},
		{NET_TLS_UNTRUSTED, "certificate-not-trusted"}};
	struct fixture *f = *state;
	f->session.sts = &TESTING;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		opened(f, SMTP_TLS_DONE, CASES[i].trouble, "words");
		assert_non_null(strstr(rows(f), CASES[i].name));
	}
	opened(f, SMTP_TLS_BROKEN, NET_TLS_NO_TROUBLE, "no cipher");
	assert_non_null(
		strstr(rows(f), "validation-failure at mx.a.test [192.0.2.25] (no cipher)"));
}

static void a_host_has_to_be_one_of_the_policys(void **state)
{
	struct fixture *f = *state;
	f->session.sts = &TESTING;
	f->session.host = SLICE("mx.b.test");
	opened(f, SMTP_TLS_DONE, NET_TLS_NO_TROUBLE, NULL);
	assert_non_null(strstr(rows(f), "0:1 validation-failure at mx.b.test"));
}

static void dane_goes_before_mta_sts(void **state)
{
	struct fixture *f = *state;
	f->session.sts = &TESTING;
	f->session.dane = &DANE;
	opened(f, SMTP_TLS_UNTRUSTED, NET_TLS_UNTRUSTED, "No matching DANE TLSA records");
	assert_string_equal(rows(f),
		"tlsa {3 1 1 01ff\n} {mx.a.test} 0:1 certificate-not-trusted at mx.a.test "
		"[192.0.2.25] (No matching DANE TLSA records)");
}

static void records_that_are_of_no_use_are_told(void **state)
{
	struct fixture *f = *state;
	f->session.dane = &UNUSABLE;
	opened(f, SMTP_TLS_DONE, NET_TLS_UNTRUSTED, "self-signed");
	assert_non_null(strstr(rows(f), "tlsa-invalid"));
}

static void what_made_no_session_is_told(void **state)
{
	static const struct {
		enum mx_sts_trouble trouble;
		const char *name;
	} CASES[] = {{MX_STS_UNREACHABLE, "sts-policy-fetch-error"},
		{MX_STS_INVALID, "sts-policy-invalid"}, {MX_STS_UNTRUSTED, "sts-webpki-invalid"}};
	struct fixture *f = *state;
	struct err bogus = {.kind = ERR_DAMAGED, .text = "bogus"}, late = {.kind = ERR_UNAVAILABLE};
	f->session.host = SLICE("");
	mx_tls_session_without_policy(&f->session);
	mx_tls_session_unknown(&f->session, &late);
	assert_string_equal(rows(f), "");
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		const struct mx_sts_found found = {.trouble = CASES[i].trouble};
		f->session.sts = &found;
		mx_tls_session_without_policy(&f->session);
		assert_non_null(strstr(rows(f), CASES[i].name));
	}
	f->session.sts = &NOTHING;
	f->session.dane = NULL;
	mx_tls_session_unknown(&f->session, &bogus);
	assert_non_null(strstr(rows(f), "dnssec-invalid at  [] (bogus)"));
}

#define SESSION_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SESSION_TEST(without_a_policy_any_certificate_is_fine),
		SESSION_TEST(without_tls_a_session_has_failed),
		SESSION_TEST(a_policy_that_is_tested_is_kept_to),
		SESSION_TEST(a_certificate_has_to_fit_the_policy),
		SESSION_TEST(a_host_has_to_be_one_of_the_policys),
		SESSION_TEST(dane_goes_before_mta_sts),
		SESSION_TEST(records_that_are_of_no_use_are_told),
		SESSION_TEST(what_made_no_session_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
