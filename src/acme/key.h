/* Keys of P-256: an account's, which signs what is asked of the authority (ES256, RFC 7518 section
 * 3.4), and those of certificates. */
#ifndef ACME_KEY_H
#define ACME_KEY_H

#include "base/buf.h"
#include "base/err.h"

struct acme_key;

enum { ACME_SIGNATURE_LEN = 64, ACME_KEY_PEM_MAX = 1024 };

int acme_key_new(struct acme_key **ret_key, struct err *err) WARN_UNUSED;
/* From PEM without a pass phrase. ERR_BAD_INPUT: it is no key of P-256. */
int acme_key_read(struct slice pem, struct acme_key **ret_key, struct err *err) WARN_UNUSED;
/* Appends it as PEM; who is done with that wipes it. */
int acme_key_write(const struct acme_key *key, struct buf *to, struct err *err) WARN_UNUSED;
void acme_key_free(struct acme_key *key); /* NULL is fine */

/* R and S of ECDSA with SHA-256, 32 bytes each. */
int acme_key_sign(const struct acme_key *key, struct slice bytes,
	uint8_t ret_signature[ACME_SIGNATURE_LEN], struct err *err) WARN_UNUSED;
/* Appends the public key as a JWK, in the form whose digest is its thumbprint (RFC 7638). */
int acme_key_jwk(const struct acme_key *key, struct buf *to, struct err *err) WARN_UNUSED;
/* "TOKEN.THUMBPRINT" (RFC 8555 section 8.1): what answers a challenge of this account. */
int acme_key_authorization(const struct acme_key *key, struct slice token, struct buf *to,
	struct err *err) WARN_UNUSED;

/* A request of a certificate for these host names (PKCS #10, RFC 2986), as DER. */
int acme_key_request(const struct acme_key *key, const char *const *names, size_t count,
	struct buf *to, struct err *err) WARN_UNUSED;

#endif
