/* By OpenSSL. Its calls fail for want of memory only, which the process does not survive anyway. */
#include "sasl/scram_crypto.h"

#include "base/must.h"
#include "sasl/prepare.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static const void *bytes_of(struct slice s)
{
	return s.ptr ? s.ptr : "";
}

void scram_hmac(struct slice key, struct slice text, uint8_t ret_mac[SCRAM_HASH])
{
	unsigned len = 0;
	must(HMAC(EVP_sha256(), bytes_of(key), (int)key.len, bytes_of(text), text.len, ret_mac,
		&len));
	must(len == SCRAM_HASH);
}

void scram_hash(struct slice bytes, uint8_t ret_hash[SCRAM_HASH])
{
	must(EVP_Digest(bytes_of(bytes), bytes.len, ret_hash, NULL, EVP_sha256(), NULL) == 1);
}

void scram_salted_password(struct slice password, struct slice salt, uint32_t iterations,
	uint8_t ret_salted[SCRAM_HASH])
{
	struct buf prepared = BUF(4 * SASL_TEXT_MAX);
	char *room = buf_reserve(&prepared, 3 * SASL_TEXT_MAX + 1);
	must(room && iterations > 0 && iterations <= INT32_MAX);
	struct slice used = sasl_prepare(password, &prepared) ? buf_slice(&prepared) : password;
	must(PKCS5_PBKDF2_HMAC(bytes_of(used), (int)used.len, bytes_of(salt), (int)salt.len,
		     (int)iterations, EVP_sha256(), SCRAM_HASH, ret_salted) == 1);
	scram_wipe(prepared.data, prepared.cap);
	buf_free(&prepared);
}

void scram_client_key(const uint8_t salted[SCRAM_HASH], uint8_t ret_key[SCRAM_HASH])
{
	scram_hmac(slice(salted, SCRAM_HASH), SLICE("Client Key"), ret_key);
}

void scram_server_key(const uint8_t salted[SCRAM_HASH], uint8_t ret_key[SCRAM_HASH])
{
	scram_hmac(slice(salted, SCRAM_HASH), SLICE("Server Key"), ret_key);
}

void scram_xor(uint8_t to[SCRAM_HASH], const uint8_t with[SCRAM_HASH])
{
	for (size_t i = 0; i < SCRAM_HASH; i++)
		to[i] ^= with[i];
}

bool scram_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void scram_wipe(void *secret, size_t len)
{
	OPENSSL_cleanse(secret, len);
}
