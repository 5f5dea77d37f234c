/* Connections that we open: certificates that must fit TLSA records, that must have a name, and
 * any.
 */
#include "net/client.h"
#include "net/layer.h"
#include "net/test_server.h"

#include "base/test.h"

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <unistd.h>

enum { DANE_TA = 2, DANE_EE = 3, CERTIFICATE = 0, KEY = 1, FULL = 0, SHA2_256 = 1, DER_MAX = 4096 };

/* A certificate for mx.example, signed by an authority of ours that stands in the chain. */
struct identity {
	EVP_PKEY *authority_key, *key;
	X509 *authority, *certificate;
};

static void extend(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static X509 *sign(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);
	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -60));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
				 (const unsigned char *)name, -1, -1, 0),
		1);
	assert_int_equal(
		X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject),
		1);
	if (issuer)
		extend(certificate, NID_subject_alt_name, "DNS:mx.example");
	else
		extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
	return certificate;
}

static struct identity identity_new(void)
{
	struct identity id = {.authority_key = EVP_EC_gen("P-256"), .key = EVP_EC_gen("P-256")};
	id.authority = sign(id.authority_key, "authority", NULL, id.authority_key);
	id.certificate = sign(id.key, "mx.example", id.authority, id.authority_key);
	return id;
}

static void identity_free(struct identity *id)
{
	X509_free(id->authority);
	X509_free(id->certificate);
	EVP_PKEY_free(id->authority_key);
	EVP_PKEY_free(id->key);
}

static struct slice text_of(BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	return slice(data, (size_t)len);
}

static void serve_as(struct test_server *server, const struct identity *id)
{
	BIO *chain = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_X509(chain, id->certificate), 1);
	assert_int_equal(PEM_write_bio_X509(chain, id->authority), 1);
	assert_int_equal(PEM_write_bio_PrivateKey(key, id->key, NULL, NULL, 0, NULL, NULL), 1);
	struct net_tls_certificate certificate = {
		.chain_pem = text_of(chain), .key_pem = text_of(key)};
	assert_int_equal(net_tls_slot_set(server->tls, &certificate, 1, NULL), 0);
	BIO_free(chain);
	BIO_free(key);
}

struct record {
	struct net_tls_dane_record record;
	unsigned char data[DER_MAX];
};

/* What a TLSA record for this certificate holds. */
static const struct net_tls_dane_record *make(
	struct record *to, uint8_t usage, uint8_t selector, uint8_t matching, X509 *certificate)
{
	unsigned char der[DER_MAX], *end = der;
	int len = selector == CERTIFICATE
			  ? i2d_X509(certificate, &end)
			  : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &end);
	assert_in_range(len, 1, DER_MAX);
	if (matching == FULL)
		memcpy(to->data, der, (size_t)len);
	else
		(void)SHA256(der, (size_t)len, to->data);
	to->record = (struct net_tls_dane_record){.usage = usage,
		.selector = selector,
		.matching = matching,
		.data = slice(to->data, matching == FULL ? (size_t)len : SHA256_DIGEST_LENGTH)};
	return &to->record;
}

struct end {
	struct test_server *server;
	struct identity id;
};

static int set_up(void **state)
{
	static struct end end;
	end = (struct end){.server = test_server_start(NULL), .id = identity_new()};
	serve_as(end.server, &end.id);
	*state = &end;
	return 0;
}

static int tear_down(void **state)
{
	struct end *end = *state;
	test_server_stop(end->server, 1000);
	identity_free(&end->id);
	return 0;
}

static struct net_client_options options_for(const struct end *end)
{
	char text[32];
	struct net_client_options options = {.tls = NET_CLIENT_TLS, .timeout_ms = 5000};
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", end->server->tls_at_once);
	assert_int_equal(net_address_parse(slice_str(text), &options.address, NULL), 0);
	return options;
}

static void check_taken(const struct net_client_options *options, const char *sni)
{
	struct net_client *client;
	struct err err;
	struct slice line;
	if (net_client_connect(options, &client, &err) != 0)
		fail_msg("%s", err.text);
	assert_string_equal(net_client_tls_info(client)->version, "TLSv1.3");
	net_client_write(client, SLICE("SNI\r\n"));
	assert_int_equal(net_client_read_line(client, 1000, &line, NULL), 0);
	assert_slice(line, "hello");
	assert_int_equal(net_client_read_line(client, 1000, &line, NULL), 0);
	assert_slice(slice_from(line, strlen("TLSv1.3 ")), sni);
	net_client_close(client);
}

static void check_refused(const struct net_client_options *options)
{
	struct net_client *client;
	struct err err = {0};
	assert_true(net_client_connect(options, &client, &err) < 0);
	assert_int_equal(err.class, ERR_TEMPORARY);
	assert_int_equal(err.kind, ERR_DENIED);
}

static void check_dane(const struct end *end, const struct net_tls_dane *dane, bool good)
{
	struct net_client_options options = options_for(end);
	options.dane = dane;
	if (good)
		check_taken(&options, dane->host);
	else
		check_refused(&options);
}

static void a_record_that_fits_is_enough(void **state)
{
	const struct end *end = *state;
	static struct record r;
	static const uint8_t WAYS[][2] = {
		{KEY, SHA2_256}, {CERTIFICATE, SHA2_256}, {KEY, FULL}, {CERTIFICATE, FULL}};
	for (size_t i = 0; i < ARRAY_LEN(WAYS); i++) {
		struct net_tls_dane dane = {.host = "any.name.example", .record_count = 1};
		dane.records = make(&r, DANE_EE, WAYS[i][0], WAYS[i][1], end->id.certificate);
		check_dane(end, &dane, true);
	}
}

static void one_of_several_may_fit(void **state)
{
	const struct end *end = *state;
	static struct record right, wrong;
	struct net_tls_dane_record both[] = {
		*make(&wrong, DANE_EE, KEY, SHA2_256, end->id.authority),
		*make(&right, DANE_EE, KEY, SHA2_256, end->id.certificate)};
	struct net_tls_dane dane = {.host = "mx.example", .records = both, .record_count = 2};
	check_dane(end, &dane, true);
	dane.record_count = 1;
	check_dane(end, &dane, false);
}

static void an_authority_vouches_for_names(void **state)
{
	const struct end *end = *state;
	static struct record r;
	static const char *const REFERENCES[] = {"example", "mx.example"};
	struct net_tls_dane dane = {
		.host = "mx.example",
		.records = make(&r, DANE_TA, CERTIFICATE, SHA2_256, end->id.authority),
		.record_count = 1,
	};
	check_dane(end, &dane, true);
	dane.host = "other.example";
	check_dane(end, &dane, false);
	dane.references = REFERENCES;
	dane.reference_count = 1;
	check_dane(end, &dane, false);
	dane.reference_count = 2;
	check_dane(end, &dane, true);
	struct identity other = identity_new();
	dane.records = make(&r, DANE_TA, KEY, SHA2_256, other.authority);
	check_dane(end, &dane, false);
	identity_free(&other);
}

static void records_of_no_use_ask_for_nothing(void **state)
{
	struct net_tls_dane_record bad[] = {
		{.usage = DANE_EE, .selector = CERTIFICATE, .matching = FULL, .data = SLICE("no")},
		{.usage = DANE_EE, .selector = KEY, .matching = SHA2_256, .data = SLICE("short")},
		{.usage = DANE_EE, .selector = KEY, .matching = 99, .data = SLICE("what")},
	};
	struct net_tls_dane dane = {
		.host = "mx.example", .records = bad, .record_count = ARRAY_LEN(bad)};
	check_dane(*state, &dane, true);
}

static void a_lent_client_serves_both_ways(void **state)
{
	const struct end *end = *state;
	static struct record r;
	struct net_client_options options = options_for(end);
	struct net_tls_dane dane = {.host = "mx.example", .record_count = 1};
	dane.records = make(&r, DANE_EE, KEY, SHA2_256, end->id.authority);
	assert_int_equal(net_tls_client_new(NULL, false, &options.trust, NULL), 0);
	options.dane = &dane;
	check_refused(&options);
	options.dane = NULL;
	options.tls_name = "mx.example";
	options.unverified = true;
	check_taken(&options, "mx.example");
	net_tls_client_free(options.trust);
}

static void without_verification_the_name_is_only_sent(void **state)
{
	struct net_client_options options = options_for(*state);
	options.tls_name = "another.example";
	options.unverified = true;
	check_taken(&options, "another.example");
	options.unverified = false;
	check_refused(&options);
}

static void a_name_is_verified_by_roots(void **state)
{
	const struct end *end = *state;
	char file[] = "/tmp/rookery-test-XXXXXX";
	int fd = mkstemp(file);
	FILE *out = fdopen(fd, "w");
	assert_non_null(out);
	assert_int_equal(PEM_write_X509(out, end->id.authority), 1);
	assert_int_equal(fclose(out), 0);
	struct net_client_options options = options_for(end);
	options.ca_file = file;
	options.tls_name = "mx.example";
	check_taken(&options, "mx.example");
	options.tls_name = "other.example";
	check_refused(&options);
	(void)unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_record_that_fits_is_enough, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_of_several_may_fit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_authority_vouches_for_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			records_of_no_use_ask_for_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_lent_client_serves_both_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			without_verification_the_name_is_only_sent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_name_is_verified_by_roots, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
