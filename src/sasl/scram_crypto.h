/* The arithmetic of SCRAM-SHA-256 (RFC 5802 section 3), for both halves. */
#ifndef SASL_SCRAM_CRYPTO_H
#define SASL_SCRAM_CRYPTO_H

#include "base/slice.h"

enum { SCRAM_HASH = 32 };

void scram_hmac(struct slice key, struct slice text, uint8_t ret_mac[SCRAM_HASH]);
void scram_hash(struct slice bytes, uint8_t ret_hash[SCRAM_HASH]);
/* SaltedPassword: Hi(Normalize(password), salt, iterations). A password that SASLprep refuses is
 * taken as its bytes. */
void scram_salted_password(struct slice password, struct slice salt, uint32_t iterations,
	uint8_t ret_salted[SCRAM_HASH]);
/* ClientKey and ServerKey of a SaltedPassword. */
void scram_client_key(const uint8_t salted[SCRAM_HASH], uint8_t ret_key[SCRAM_HASH]);
void scram_server_key(const uint8_t salted[SCRAM_HASH], uint8_t ret_key[SCRAM_HASH]);
void scram_xor(uint8_t to[SCRAM_HASH], const uint8_t with[SCRAM_HASH]);
/* In constant time. */
WARN_UNUSED bool scram_equal(const void *a, const void *b, size_t len);
void scram_wipe(void *secret, size_t len);

#endif
