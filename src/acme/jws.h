/* Signed requests: the flattened JSON form of a JWS (RFC 7515 section 7.2.2) as RFC 8555
 * section 6.2 asks for it. */
#ifndef ACME_JWS_H
#define ACME_JWS_H

#include "acme/key.h"

struct acme_jws {
	const struct acme_key *key;
	const char *kid; /* the account's URL; NULL: the key itself stands in the header */
	const char *nonce, *url;
	struct slice payload; /* JSON; empty: POST-as-GET (section 6.3) */
};

/* Appends it. */
int acme_jws_write(const struct acme_jws *jws, struct buf *to, struct err *err) WARN_UNUSED;

/* Appends what binds an account's key to a customer's (RFC 8555 section 7.3.4): signed by HS256
 * with `hmac_key`, base64url as the authority gave it. ERR_BAD_INPUT: that is no such key. */
int acme_jws_bind(const struct acme_key *key, const char *kid, const char *hmac_key,
	const char *url, struct buf *to, struct err *err) WARN_UNUSED;

#endif
