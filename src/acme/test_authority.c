#include "acme/test_authority.h"

#include "base/base64url.h"
#include "acme/key_internal.h"
#include "base/clock.h"
#include "base/test.h"

#include <openssl/ec.h>
#include <openssl/pem.h>

static void answer(struct acme_reply *reply, unsigned status, const char *text)
{
	reply->status = status;
	buf_add_str(&reply->body, text);
}

static void problem(struct acme_reply *reply, unsigned status, const char *type, const char *detail)
{
	reply->status = status;
	buf_printf(&reply->body,
		"{\"type\":\"urn:ietf:params:acme:error:%s\",\"detail\":\"%s\",\"status\":%u}",
		type, detail, status);
}

static void give_nonce(struct test_authority *a, struct acme_reply *reply)
{
	(void)snprintf(a->nonce, sizeof(a->nonce), "nonce-%u", ++a->nonces);
	(void)snprintf(reply->nonce, sizeof(reply->nonce), "%s", a->nonce);
}

static json_t *decode(const json_t *jws, const char *name)
{
	AUTO(buf_free) struct buf text = BUF(ACME_DOCUMENT_MAX);
	const char *member = json_string_value(json_object_get(jws, name));
	assert_non_null(member);
	assert_true(base64url_decode(&text, slice_str(member)));
	return json_loadb(text.data ? text.data : "", text.len, 0, NULL);
}

static const char *string_of(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));
	return text ? text : "";
}

static void new_account(struct test_authority *a, const json_t *payload, struct acme_reply *reply)
{
	bool was = a->knows_account;
	assert_true(json_is_true(json_object_get(payload, "termsOfServiceAgreed")));
	a->bound = json_is_object(json_object_get(payload, "externalAccountBinding"));
	a->knows_account = true;
	a->accounts += !was;
	(void)snprintf(reply->location, sizeof(reply->location), "https://ca.test/account/1");
	reply->status = was ? 200 : 201;
	buf_printf(&reply->body, "{\"status\":\"valid\",\"contact\":[\"mailto:%s\"]}",
		a->contact ? a->contact : "ann@one.test");
}

static const char *order_status(const struct test_authority *a)
{
	return a->says_invalid ? "invalid"
	       : a->finalized  ? a->rounds_processing || a->never_ends ? "processing" : "valid"
	       : a->is_valid   ? "ready"
			       : "pending";
}

static void show_order(struct test_authority *a, struct acme_reply *reply)
{
	const char *status = order_status(a);
	buf_printf(&reply->body,
		"{\"status\":\"%s\",\"authorizations\":[\"https://ca.test/authorization/1\"],"
		"\"finalize\":\"https://ca.test/finalize/1\"%s}",
		status,
		strcmp(status, "valid") == 0 ? ",\"certificate\":\"https://ca.test/certificate/1\""
					     : "");
	reply->status = 200;
	a->rounds_processing -= a->finalized && a->rounds_processing > 0;
}

static void show_authorization(struct test_authority *a, struct acme_reply *reply)
{
	const char *status = a->says_invalid ? "invalid" : a->is_valid ? "valid" : "pending";
	buf_printf(&reply->body,
		"{\"identifier\":{\"type\":\"dns\",\"value\":\"one.test\"},\"status\":\"%s\","
		"\"challenges\":[{\"type\":\"dns-01\",\"url\":\"https://ca.test/challenge/0\","
		"\"token\":\"other\",\"status\":\"pending\"},{\"type\":\"%s\","
		"\"url\":\"https://ca.test/challenge/"
		"1\",\"token\":\"token-1\",\"status\":\"%s\"%s}]}",
		status, a->lacks_challenge ? "dns-02" : "http-01", status,
		a->says_invalid ? ",\"error\":{\"type\":\"urn:ietf:params:acme:error:connection\","
				  "\"detail\":\"nobody\\nanswers\"}"
				: "");
	reply->status = 200;
	if (a->is_told && a->rounds_pending > 0)
		a->rounds_pending--;
	a->is_valid = a->is_told && a->rounds_pending == 0;
}

static bool sign(X509 *cert, X509_REQ *request, EVP_PKEY *key, const struct test_authority *a)
{
	const char *other = "other.test";
	STACK_OF(X509_EXTENSION) *asked = X509_REQ_get_extensions(request);
	X509_EXTENSION *names =
		a->other_names ? acme_alt_names(&other, 1) : sk_X509_EXTENSION_shift(asked);
	X509_NAME *issuer = X509_get_issuer_name(cert);
	bool good = X509_set_version(cert, X509_VERSION_3) == 1 &&
		    X509_gmtime_adj(X509_getm_notBefore(cert), -90 * 86400) &&
		    X509_gmtime_adj(X509_getm_notAfter(cert), a->expired ? -1 : 90 * 86400) &&
		    X509_NAME_add_entry_by_txt(issuer, "CN", MBSTRING_UTF8,
			    (const unsigned char *)"Test \xc3\xbc", -1, -1, 0) == 1 &&
		    X509_set_pubkey(cert, X509_REQ_get0_pubkey(request)) == 1 &&
		    X509_add_ext(cert, names, -1) == 1 && X509_sign(cert, key, EVP_sha256()) > 0;
	X509_EXTENSION_free(names);
	sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
	return good;
}

/* Gives what was asked for. */
static void finalize(struct test_authority *a, const json_t *payload, struct acme_reply *reply)
{
	AUTO(buf_free) struct buf der = BUF(65536), chain = BUF(65536);
	assert_true(base64url_decode(&der, slice_str(string_of(payload, "csr"))));
	const unsigned char *at = (const unsigned char *)der.data;
	X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)der.len);
	assert_non_null(request);
	assert_int_equal(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	assert_true(sign(cert, request, key, a));
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
	acme_add_bio(&chain, bio);
	free(a->chain);
	a->chain = buf_steal(&chain, NULL);
	a->finalized++;
	BIO_free(bio);
	X509_free(cert);
	EVP_PKEY_free(key);
	X509_REQ_free(request);
	show_order(a, reply);
}

static void serve(
	struct test_authority *a, const char *url, const json_t *payload, struct acme_reply *reply)
{
	if (strcmp(url, "https://ca.test/new-account") == 0) {
		new_account(a, payload, reply);
	} else if (strcmp(url, "https://ca.test/account/1") == 0) {
		const json_t *contact = json_object_get(payload, "contact");
		(void)snprintf(a->contact_set, sizeof(a->contact_set), "%s",
			json_string_value(json_array_get(contact, 0)));
		answer(reply, 200, "{}");
	} else if (strcmp(url, "https://ca.test/new-order") == 0) {
		a->orders++;
		(void)snprintf(reply->location, sizeof(reply->location), "https://ca.test/order/1");
		show_order(a, reply);
	} else if (strcmp(url, "https://ca.test/order/1") == 0) {
		show_order(a, reply);
	} else if (strcmp(url, "https://ca.test/authorization/1") == 0) {
		show_authorization(a, reply);
	} else if (strcmp(url, "https://ca.test/challenge/1") == 0) {
		a->challenges++;
		a->is_told = true;
		answer(reply, 200, "{}");
	} else if (strcmp(url, "https://ca.test/finalize/1") == 0) {
		finalize(a, payload, reply);
	} else if (strcmp(url, "https://ca.test/certificate/1") == 0) {
		answer(reply, 200, a->chain);
	} else {
		problem(reply, 404, "malformed", "there is no such thing");
	}
}

static void take_post(
	struct test_authority *a, const struct acme_request *request, struct acme_reply *reply)
{
	json_t *jws = json_loadb(request->body.ptr, request->body.len, 0, NULL);
	json_t *header = decode(jws, "protected"), *payload = decode(jws, "payload");
	bool is_first = strcmp(request->url, "https://ca.test/new-account") == 0;
	bool nonce_is_good = a->nonce[0] && strcmp(string_of(header, "nonce"), a->nonce) == 0;
	assert_string_equal(string_of(header, "alg"), "ES256");
	assert_string_equal(string_of(header, "url"), request->url);
	assert_true(is_first == json_is_object(json_object_get(header, "jwk")));
	a->nonce[0] = '\0';
	give_nonce(a, reply);
	if (!nonce_is_good)
		problem(reply, 400, "badNonce", "it was used");
	else if (!is_first && !a->knows_account)
		problem(reply, 400, "accountDoesNotExist", "who are you");
	else
		serve(a, request->url, payload, reply);
	json_decref(jws);
	json_decref(header);
	json_decref(payload);
}

static bool is_to_fail(struct test_authority *a, const struct acme_request *request)
{
	struct test_failure *f = &a->failure;
	if (!f->url || f->times == 0 || strcmp(f->url, request->url) != 0)
		return false;
	f->times--;
	return true;
}

static int ask(void *context, const struct acme_request *request, struct acme_reply *reply,
	struct err *err)
{
	struct test_authority *a = context;
	a->requests++;
	if (is_to_fail(a, request)) {
		if (a->failure.status == 0)
			return err_temporary(err, ERR_UNAVAILABLE, "nobody answers");
		problem(reply, a->failure.status, a->failure.problem, "as told");
		(void)snprintf(reply->retry_after, sizeof(reply->retry_after), "%s",
			a->failure.retry_after ? a->failure.retry_after : "");
		give_nonce(a, reply);
	} else if (request->method == ACME_GET && strcmp(request->url, DIRECTORY) == 0) {
		reply->status = 200;
		buf_printf(&reply->body,
			"{\"newNonce\":\"https://ca.test/new-nonce\","
			"\"newAccount\":\"https://ca.test/new-account\","
			"\"newOrder\":\"https://ca.test/new-order\","
			"\"meta\":{\"externalAccountRequired\":%s}}",
			a->wants_binding ? "true" : "false");
	} else if (request->method == ACME_HEAD) {
		assert_string_equal(request->url, "https://ca.test/new-nonce");
		give_nonce(a, reply);
		reply->status = 200;
	} else {
		take_post(a, request, reply);
	}
	return 0;
}

struct acme_transport test_authority_transport(struct test_authority *authority)
{
	return (struct acme_transport){ask, authority};
}

void test_authority_free(struct test_authority *authority)
{
	free(authority->chain);
}
