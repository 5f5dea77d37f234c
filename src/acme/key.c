/* EVP of OpenSSL 3. A signature comes from it as DER, and goes as two numbers. */
#include "acme/key_internal.h"

#include "base/base64url.h"
#include "base/alloc.h"
#include "base/must.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

enum { NUMBER_LEN = ACME_SIGNATURE_LEN / 2, DER_MAX = 128, DIGEST_LEN = 32, JWK_MAX = 512 };

struct acme_key {
	EVP_PKEY *handle;
};

EVP_PKEY *acme_key_handle(const struct acme_key *key)
{
	return key->handle;
}

int acme_ssl_error(struct err *err, const char *text)
{
	char reason[160] = "no reason given";
	unsigned long code = ERR_get_error();
	if (code)
		ERR_error_string_n(code, reason, sizeof(reason));
	ERR_clear_error();
	return err_temporary(err, ERR_OTHER, "%s: %s", text, reason);
}

void acme_add_bio(struct buf *to, BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	buf_add(to, data, len > 0 ? (size_t)len : 0);
}

bool acme_write_key(EVP_PKEY *key, struct buf *to)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	bool good = bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
	if (good)
		acme_add_bio(to, bio);
	BIO_free(bio);
	return good && !to->failed;
}

static struct acme_key *key_of(EVP_PKEY *handle)
{
	struct acme_key *key = ALLOC(struct acme_key);
	key->handle = handle;
	return key;
}

int acme_key_new(struct acme_key **ret_key, struct err *err)
{
	EVP_PKEY *handle = EVP_EC_gen("P-256");
	if (!handle)
		return acme_ssl_error(err, "no key can be made");
	*ret_key = key_of(handle);
	return 0;
}

static bool is_p256(EVP_PKEY *handle)
{
	char group[64];
	return EVP_PKEY_get_base_id(handle) == EVP_PKEY_EC &&
	       EVP_PKEY_get_group_name(handle, group, sizeof(group), NULL) == 1 &&
	       strcmp(group, SN_X9_62_prime256v1) == 0;
}

/* A key with a pass phrase is refused, rather than asked for on a terminal. */
static int no_password(char *to, int size, int writing, void *context)
{
	return -1;
}

int acme_key_read(struct slice pem, struct acme_key **ret_key, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)MIN(pem.len, (size_t)INT32_MAX));
	must(bio);
	EVP_PKEY *handle = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	if (!handle || !is_p256(handle)) {
		EVP_PKEY_free(handle);
		ERR_clear_error();
		return err_permanent(err, ERR_BAD_INPUT, "this is no key of P-256");
	}
	*ret_key = key_of(handle);
	return 0;
}

int acme_key_write(const struct acme_key *key, struct buf *to, struct err *err)
{
	return acme_write_key(key->handle, to) ? 0 : acme_ssl_error(err, "a key can't be written");
}

void acme_key_free(struct acme_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->handle);
	free(key);
}

static bool to_numbers(const uint8_t *der, size_t len, uint8_t ret[ACME_SIGNATURE_LEN])
{
	const unsigned char *at = der;
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)len);
	bool good = signature &&
		    BN_bn2binpad(ECDSA_SIG_get0_r(signature), ret, NUMBER_LEN) == NUMBER_LEN &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(signature), ret + NUMBER_LEN, NUMBER_LEN) ==
			    NUMBER_LEN;
	ECDSA_SIG_free(signature);
	return good;
}

int acme_key_sign(const struct acme_key *key, struct slice bytes,
	uint8_t ret_signature[ACME_SIGNATURE_LEN], struct err *err)
{
	uint8_t der[DER_MAX];
	size_t len = sizeof(der);
	EVP_MD_CTX *state = EVP_MD_CTX_new();
	bool good = state &&
		    EVP_DigestSignInit(state, NULL, EVP_sha256(), NULL, key->handle) == 1 &&
		    EVP_DigestSign(state, der, &len, (const unsigned char *)bytes.ptr, bytes.len) ==
			    1 &&
		    to_numbers(der, len, ret_signature);
	EVP_MD_CTX_free(state);
	return good ? 0 : acme_ssl_error(err, "nothing can be signed");
}

/* One coordinate of the public point, 32 bytes. */
static bool add_number(const struct acme_key *key, const char *name, struct buf *to)
{
	uint8_t bytes[NUMBER_LEN];
	BIGNUM *number = NULL;
	bool good = EVP_PKEY_get_bn_param(key->handle, name, &number) == 1 &&
		    BN_bn2binpad(number, bytes, NUMBER_LEN) == NUMBER_LEN;
	if (good)
		base64url_encode(to, slice(bytes, sizeof(bytes)));
	BN_free(number);
	return good;
}

int acme_key_jwk(const struct acme_key *key, struct buf *to, struct err *err)
{
	buf_add_str(to, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
	bool good = add_number(key, OSSL_PKEY_PARAM_EC_PUB_X, to);
	buf_add_str(to, "\",\"y\":\"");
	good = good && add_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, to);
	buf_add_str(to, "\"}");
	return good && !to->failed ? 0 : acme_ssl_error(err, "a public key can't be written");
}

int acme_key_authorization(
	const struct acme_key *key, struct slice token, struct buf *to, struct err *err)
{
	AUTO(buf_free) struct buf jwk = BUF(JWK_MAX);
	unsigned char digest[DIGEST_LEN];
	if (acme_key_jwk(key, &jwk, err) < 0)
		return -1;
	must(EVP_Digest(jwk.data, jwk.len, digest, NULL, EVP_sha256(), NULL) == 1);
	buf_add_slice(to, token);
	buf_add_byte(to, '.');
	base64url_encode(to, slice(digest, sizeof(digest)));
	return to->failed ? err_temporary(err, ERR_LIMIT, "a token is too long") : 0;
}

bool acme_is_host(const char *name)
{
	static const char LETTERS[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	size_t len = strlen(name);
	return len > 0 && len <= 253 && strspn(name, LETTERS) == len;
}

X509_EXTENSION *acme_alt_names(const char *const *names, size_t count)
{
	AUTO(buf_free) struct buf text = BUF(64 * 1024);
	for (size_t i = 0; i < count; i++) {
		if (!acme_is_host(names[i]))
			return NULL;
		buf_printf(&text, "%sDNS:%s", i ? "," : "", names[i]);
	}
	return text.failed ? NULL
			   : X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, buf_cstr(&text));
}

static bool fill_request(X509_REQ *request, const struct acme_key *key, X509_EXTENSION *names)
{
	STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
	bool good = extensions && sk_X509_EXTENSION_push(extensions, names) > 0 &&
		    X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
		    X509_REQ_set_pubkey(request, key->handle) == 1 &&
		    X509_REQ_add_extensions(request, extensions) == 1 &&
		    X509_REQ_sign(request, key->handle, EVP_sha256()) > 0;
	sk_X509_EXTENSION_free(extensions);
	return good;
}

int acme_key_request(const struct acme_key *key, const char *const *names, size_t count,
	struct buf *to, struct err *err)
{
	X509_REQ *request = X509_REQ_new();
	X509_EXTENSION *extension = acme_alt_names(names, count);
	unsigned char *der = NULL;
	int len = request && extension && fill_request(request, key, extension)
			  ? i2d_X509_REQ(request, &der)
			  : -1;
	if (len > 0)
		buf_add(to, der, (size_t)len);
	OPENSSL_free(der);
	X509_EXTENSION_free(extension);
	X509_REQ_free(request);
	return len > 0 && !to->failed ? 0 : acme_ssl_error(err, "no request can be made");
}
