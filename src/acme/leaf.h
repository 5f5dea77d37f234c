/* What a certificate says of itself. */
#ifndef ACME_LEAF_H
#define ACME_LEAF_H

#include "acme/key.h"

enum {
	ACME_CHAIN_MAX = 64 * 1024,
	ACME_ISSUER_MAX = 128,
	ACME_DIGEST_LEN = 32,
	ACME_SERIAL_MAX = 48
};

struct acme_leaf {
	int64_t not_before, not_after; /* seconds since 1970 */
	char issuer[ACME_ISSUER_MAX];  /* the issuer's common name, else organisation; ASCII */
	char serial[ACME_SERIAL_MAX];  /* hexadecimal; "": it is longer than RFC 5280 allows */
	uint8_t key_digest[ACME_DIGEST_LEN]; /* SHA-256 of its public key: TLSA 3 1 1 (RFC 6698) */
};

/* The first certificate of a chain in PEM, of at most ACME_CHAIN_MAX bytes. ERR_BAD_INPUT: it is
 * none, or damaged. */
int acme_leaf_read(struct slice chain, struct acme_leaf *ret_leaf, struct err *err) WARN_UNUSED;
/* As above; and the chain's first certificate must be for this key and all of these names, and be
 * good at `now`. */
int acme_leaf_check(struct slice chain, const struct acme_key *key, const char *const *names,
	size_t count, int64_t now, struct acme_leaf *ret_leaf, struct err *err) WARN_UNUSED;
/* When it is to be renewed: after two thirds of its time (seconds since 1970). */
int64_t acme_leaf_due(const struct acme_leaf *leaf);

#endif
