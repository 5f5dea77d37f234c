/* OpenSSL's keys behind a struct that knows which of the two algorithms it is for. */
#include "filter/dkim_secret.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "base/wait.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

struct filter_dkim_secret {
	enum filter_dkim_algorithm algorithm;
	EVP_PKEY *key;
};

static struct filter_dkim_secret *secret_of(EVP_PKEY *key, enum filter_dkim_algorithm algorithm)
{
	struct filter_dkim_secret *secret = ALLOC(struct filter_dkim_secret);
	*secret = (struct filter_dkim_secret){.algorithm = algorithm, .key = key};
	return secret;
}

int filter_dkim_secret_new(enum filter_dkim_algorithm algorithm,
	struct filter_dkim_secret **ret_secret, struct err *err)
{
	wait_block_begin();
	EVP_PKEY *key = algorithm == FILTER_DKIM_ED25519_SHA256
				? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
				: EVP_RSA_gen(FILTER_DKIM_NEW_RSA);
	wait_block_end();
	ERR_clear_error();
	if (!key)
		return err_temporary(err, ERR_OTHER, "no key could be made");
	*ret_secret = secret_of(key, algorithm);
	return 0;
}

/* OpenSSL would ask on the terminal. */
static int no_password(char *to, int size, int for_writing, void *context)
{
	return -1;
}

int filter_dkim_secret_read(
	struct slice pem, struct filter_dkim_secret **ret_secret, struct err *err)
{
	if (pem.len == 0 || pem.len > FILTER_DKIM_PEM_MAX)
		return err_permanent(err, ERR_BAD_INPUT, "not a private key in PEM");
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	if (!key)
		return err_permanent(err, ERR_BAD_INPUT, "not a private key in PEM");
	int bits = EVP_PKEY_get_bits(key);
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) {
		*ret_secret = secret_of(key, FILTER_DKIM_ED25519_SHA256);
		return 0;
	}
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && bits >= FILTER_DKIM_RSA_MIN &&
		bits <= FILTER_DKIM_RSA_MAX) {
		*ret_secret = secret_of(key, FILTER_DKIM_RSA_SHA256);
		return 0;
	}
	EVP_PKEY_free(key);
	return err_permanent(err, ERR_BAD_INPUT,
		"DKIM has keys of RSA with 1024 to 4096 bits and of Ed25519 only");
}

void filter_dkim_secret_free(struct filter_dkim_secret *secret)
{
	if (!secret)
		return;
	EVP_PKEY_free(secret->key);
	free(secret);
}

int filter_dkim_secret_write(
	const struct filter_dkim_secret *secret, struct buf *to, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	bool good = bio &&
		    PEM_write_bio_PKCS8PrivateKey(bio, secret->key, NULL, NULL, 0, NULL, NULL) == 1;
	if (good) {
		char *text;
		long len = BIO_get_mem_data(bio, &text);
		buf_add(to, text, (size_t)len);
	}
	BIO_free(bio);
	ERR_clear_error();
	return good && !to->failed ? 0 : err_temporary(err, ERR_OTHER, "key could not be written");
}

int filter_dkim_secret_record(
	const struct filter_dkim_secret *secret, struct buf *to, struct err *err)
{
	bool is_rsa = secret->algorithm == FILTER_DKIM_RSA_SHA256;
	unsigned char *der = NULL, raw[32];
	size_t len = sizeof(raw);
	buf_add_str(to, is_rsa ? "v=DKIM1; k=rsa; p=" : "v=DKIM1; k=ed25519; p=");
	if (is_rsa) {
		int der_len = i2d_PUBKEY(secret->key, &der);
		if (der_len > 0)
			base64_encode(to, slice(der, (size_t)der_len));
		OPENSSL_free(der);
		len = der_len > 0 ? (size_t)der_len : 0;
	} else if (EVP_PKEY_get_raw_public_key(secret->key, raw, &len) == 1) {
		base64_encode(to, slice(raw, len));
	} else {
		len = 0;
	}
	ERR_clear_error();
	return len > 0 && !to->failed ? 0 : err_temporary(err, ERR_OTHER, "key can't be published");
}

void filter_dkim_record_quote(struct slice text, struct buf *to)
{
	enum { STRING_MAX = 255 };
	do {
		struct slice part = slice_sub(text, 0, STRING_MAX);
		buf_add_byte(to, '"');
		buf_add_slice(to, part);
		buf_add_byte(to, '"');
		text = slice_from(text, part.len);
		if (text.len > 0)
			buf_add_byte(to, ' ');
	} while (text.len > 0);
}

enum filter_dkim_algorithm filter_dkim_secret_algorithm(const struct filter_dkim_secret *secret)
{
	return secret->algorithm;
}

/* The hash is what Ed25519 signs, not what it hashes (RFC 8463 section 3). */
static bool sign_ed25519(
	EVP_PKEY *key, const unsigned char *hash, unsigned char *to, size_t *ret_len)
{
	EVP_MD_CTX *state = EVP_MD_CTX_new();
	bool good = state && EVP_DigestSignInit(state, NULL, NULL, NULL, key) == 1 &&
		    EVP_DigestSign(state, to, ret_len, hash, FILTER_DIGEST_LEN) == 1;
	EVP_MD_CTX_free(state);
	return good;
}

static bool sign_rsa(EVP_PKEY *key, const unsigned char *hash, unsigned char *to, size_t *ret_len)
{
	EVP_PKEY_CTX *state = EVP_PKEY_CTX_new(key, NULL);
	bool good = state && EVP_PKEY_sign_init(state) == 1 &&
		    EVP_PKEY_CTX_set_rsa_padding(state, RSA_PKCS1_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_signature_md(state, EVP_sha256()) == 1 &&
		    EVP_PKEY_sign(state, to, ret_len, hash, FILTER_DIGEST_LEN) == 1;
	EVP_PKEY_CTX_free(state);
	return good;
}

int filter_dkim_secret_sign(const struct filter_dkim_secret *secret,
	const unsigned char hash[FILTER_DIGEST_LEN],
	unsigned char ret_signature[FILTER_DKIM_SIGNED_MAX], size_t *ret_len, struct err *err)
{
	*ret_len = FILTER_DKIM_SIGNED_MAX;
	bool good = secret->algorithm == FILTER_DKIM_ED25519_SHA256
			    ? sign_ed25519(secret->key, hash, ret_signature, ret_len)
			    : sign_rsa(secret->key, hash, ret_signature, ret_len);
	ERR_clear_error();
	return good ? 0 : err_temporary(err, ERR_OTHER, "OpenSSL could not sign");
}
