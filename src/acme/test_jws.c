/* Signatures and keys, with the examples of RFC 7515 (A.3) and of RFC 8555. */
#include "base/base64url.h"
#include "acme/jws.h"
#include "acme/key_internal.h"
#include "base/test.h"

#include <jansson.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

/* The key of RFC 7515 A.3.1. */
static const char PEM[] = "-----BEGIN EC PRIVATE KEY-----\n"
			  "MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49\n"
			  "AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b\n"
			  "focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
			  "-----END EC PRIVATE KEY-----\n";
static const char JWK[] = "{\"crv\":\"P-256\",\"kty\":\"EC\","
			  "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
			  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
static const char THUMBPRINT[] = "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U";
/* RFC 7515 A.3.1: header, payload and signature. */
static const char SIGNED[] = "eyJhbGciOiJFUzI1NiJ9."
			     "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
			     "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
static const char SIGNATURE[] = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8IS"
				"lSApmWQxfKTUJqPP3-Kg6NU1Q";

static struct acme_key *key(void)
{
	struct acme_key *key;
	struct err err;
	assert_int_equal(acme_key_read(slice_str(PEM), &key, &err), 0);
	return key;
}

static bool is_signed(const struct acme_key *key, struct slice what, struct slice signature)
{
	const unsigned char *bytes = (const unsigned char *)signature.ptr;
	unsigned char *der = NULL;
	assert_int_equal(signature.len, ACME_SIGNATURE_LEN);
	ECDSA_SIG *numbers = ECDSA_SIG_new();
	assert_int_equal(ECDSA_SIG_set0(numbers, BN_bin2bn(bytes, 32, NULL),
				 BN_bin2bn(bytes + 32, 32, NULL)),
		1);
	int len = i2d_ECDSA_SIG(numbers, &der);
	EVP_MD_CTX *state = EVP_MD_CTX_new();
	assert_int_equal(
		EVP_DigestVerifyInit(state, NULL, EVP_sha256(), NULL, acme_key_handle(key)), 1);
	bool good = EVP_DigestVerify(state, der, (size_t)len, (const unsigned char *)what.ptr,
			    what.len) == 1;
	EVP_MD_CTX_free(state);
	OPENSSL_free(der);
	ECDSA_SIG_free(numbers);
	return good;
}

static void a_public_key_is_written_as_rfc_7515_has_it(void **state)
{
	AUTO(buf_free) struct buf jwk = BUF(1024);
	struct acme_key *k = key();
	struct err err;
	assert_int_equal(acme_key_jwk(k, &jwk, &err), 0);
	assert_string_equal(buf_cstr(&jwk), JWK);
	acme_key_free(k);
}

static void our_signatures_are_of_the_kind_that_rfc_7515_shows(void **state)
{
	AUTO(buf_free) struct buf theirs = BUF(128);
	uint8_t ours[ACME_SIGNATURE_LEN];
	struct acme_key *k = key();
	struct err err;
	assert_true(base64url_decode(&theirs, slice_str(SIGNATURE)));
	assert_true(is_signed(k, slice_str(SIGNED), buf_slice(&theirs)));
	for (int i = 0; i < 50; i++) { /* numbers with leading zeroes are as long */
		assert_int_equal(acme_key_sign(k, slice_str(SIGNED), ours, &err), 0);
		assert_true(is_signed(k, slice_str(SIGNED), slice(ours, sizeof(ours))));
	}
	ours[5] ^= 1;
	assert_false(is_signed(k, slice_str(SIGNED), slice(ours, sizeof(ours))));
	acme_key_free(k);
}

static void a_key_authorization_ends_in_the_thumbprint(void **state)
{
	AUTO(buf_free) struct buf text = BUF(1024);
	AUTO(buf_free) struct buf expected = BUF(1024);
	struct acme_key *k = key();
	struct err err;
	assert_int_equal(acme_key_authorization(k, SLICE("to-ken_1"), &text, &err), 0);
	buf_printf(&expected, "to-ken_1.%s", THUMBPRINT);
	assert_string_equal(buf_cstr(&text), buf_cstr(&expected));
	acme_key_free(k);
}

/* One member, decoded. */
static struct slice part_of(const json_t *jws, const char *name, struct buf *to)
{
	const char *text = json_string_value(json_object_get(jws, name));
	assert_non_null(text);
	assert_true(base64url_decode(to, slice_str(text)));
	return buf_slice(to);
}

static void assert_jws(const struct acme_jws *jws, const char *header, const char *payload)
{
	AUTO(buf_free)
	struct buf text = BUF(8192), h = BUF(8192), p = BUF(8192), s = BUF(8192), what = BUF(8192);
	struct err err;
	assert_int_equal(acme_jws_write(jws, &text, &err), 0);
	json_t *json = json_loadb(text.data, text.len, 0, NULL);
	assert_int_equal(json_object_size(json), 3);
	assert_slice(part_of(json, "protected", &h), header);
	assert_slice(part_of(json, "payload", &p), payload);
	buf_printf(&what, "%s.%s", json_string_value(json_object_get(json, "protected")),
		json_string_value(json_object_get(json, "payload")));
	assert_true(is_signed(jws->key, buf_slice(&what), part_of(json, "signature", &s)));
	json_decref(json);
}

static void a_request_names_its_key_or_its_account(void **state)
{
	AUTO(buf_free) struct buf header = BUF(1024);
	struct acme_key *k = key();
	struct acme_jws jws = {.key = k,
		.nonce = "n-1",
		.url = "https://ca.test/new-account",
		.payload = SLICE("{\"a\":\"\xc3\xbc\"}")};
	buf_printf(&header,
		"{\"alg\":\"ES256\",\"nonce\":\"n-1\",\"url\":\"https://ca.test/new-account\","
		"\"jwk\":%s}",
		JWK);
	assert_jws(&jws, buf_cstr(&header), "{\"a\":\"\xc3\xbc\"}");
	jws.kid = "https://ca.test/acct/\"1";
	jws.payload = SLICE(""); /* POST-as-GET */
	assert_jws(&jws,
		"{\"alg\":\"ES256\",\"nonce\":\"n-1\",\"url\":\"https://ca.test/new-account\","
		"\"kid\":\"https://ca.test/acct/\\\"1\"}",
		"");
	acme_key_free(k);
}

static void an_account_is_bound_to_a_customer(void **state)
{
	AUTO(buf_free) struct buf text = BUF(8192), header = BUF(1024), payload = BUF(1024);
	struct acme_key *k = key();
	struct err err;
	assert_int_equal(acme_jws_bind(k, "kid-1",
				 "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
				 "https://ca.test/new-account", &text, &err),
		0);
	json_t *json = json_loadb(text.data, text.len, 0, NULL);
	assert_slice(part_of(json, "protected", &header),
		"{\"alg\":\"HS256\",\"kid\":\"kid-1\",\"url\":\"https://ca.test/new-account\"}");
	assert_slice(part_of(json, "payload", &payload), JWK);
	assert_string_equal(json_string_value(json_object_get(json, "signature")),
		"gd02XRnkjBtjG3I9Ow9sKisr1ROWUhq8TSio_jBJHqk");
	json_decref(json);
	buf_clear(&text);
	assert_true(acme_jws_bind(k, "kid-1", "no key!", "https://ca.test/", &text, &err) < 0);
	assert_int_equal(err.kind, ERR_BAD_INPUT);
	acme_key_free(k);
}

static void keys_survive_being_written(void **state)
{
	AUTO(buf_free) struct buf pem = BUF(ACME_KEY_PEM_MAX), jwk = BUF(1024), again = BUF(1024);
	struct acme_key *made, *read;
	struct err err;
	assert_int_equal(acme_key_new(&made, &err), 0);
	assert_int_equal(acme_key_write(made, &pem, &err), 0);
	assert_int_equal(acme_key_read(buf_slice(&pem), &read, &err), 0);
	assert_int_equal(acme_key_jwk(made, &jwk, &err), 0);
	assert_int_equal(acme_key_jwk(read, &again, &err), 0);
	assert_slice(buf_slice(&again), buf_cstr(&jwk));
	acme_key_free(made);
	acme_key_free(read);
	assert_true(acme_key_read(SLICE("no key"), &read, &err) < 0);
	assert_int_equal(err.kind, ERR_BAD_INPUT);
}

static void base64url_is_strict(void **state)
{
	static const char *const BAD[] = {"a", "ab+c", "ab/c", "a b", "ab\n", "YQ==Y"};
	AUTO(buf_free) struct buf to = BUF(64);
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_false(base64url_decode(&to, slice_str(BAD[i])));
	buf_clear(&to);
	assert_true(base64url_decode(&to, SLICE("-_8=")));
	assert_slice(buf_slice(&to), "\xfb\xff");
	buf_clear(&to);
	base64url_encode(&to, SLICE("\xfb\xff"));
	assert_slice(buf_slice(&to), "-_8");
	assert_true(base64url_is(SLICE("aZ09-_"), 6));
	assert_false(base64url_is(SLICE("aZ09-_"), 5));
	assert_false(base64url_is(SLICE(""), 5));
	assert_false(base64url_is(SLICE("a/b"), 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_public_key_is_written_as_rfc_7515_has_it),
		cmocka_unit_test(our_signatures_are_of_the_kind_that_rfc_7515_shows),
		cmocka_unit_test(a_key_authorization_ends_in_the_thumbprint),
		cmocka_unit_test(a_request_names_its_key_or_its_account),
		cmocka_unit_test(an_account_is_bound_to_a_customer),
		cmocka_unit_test(keys_survive_being_written),
		cmocka_unit_test(base64url_is_strict),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
