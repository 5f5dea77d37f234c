/* A public key as its TXT record says it (RFC 6376 section 3.6.1, RFC 8463 section 4), where the
 * record lies, and what the key says to a signature. */
#ifndef FILTER_DKIM_KEY_H
#define FILTER_DKIM_KEY_H

#include "dns/dns.h"
#include "filter/dkim_signature.h"

struct filter_dkim_key {
	enum filter_dkim_algorithm algorithm; /* the one that it is for */
	unsigned bits;                        /* of RSA's modulus; 256 for Ed25519 */
	bool testing;     /* "t=y": the domain tries DKIM out; nothing follows from a failure */
	bool same_domain; /* "t=s": "i=" must be of "d=" itself */
	void *handle;     /* OpenSSL's; NULL when there is none */
};

/* Pure. NONE: a key that may be used for mail; the caller frees it. Otherwise there is no handle,
 * and what was read before the complaint. POLICY: too weak, or too large. */
WARN_UNUSED struct filter_dkim_verdict filter_dkim_key_parse(
	struct slice record, struct filter_dkim_key *ret_key);
void filter_dkim_key_free(struct filter_dkim_key *key); /* an empty one is fine */

/* Asks the DNS for the key of a signature; may wait. As filter_dkim_key_parse(), and TEMPERROR when
 * there is no answer now. Of several records the first that is a key counts. */
WARN_UNUSED struct filter_dkim_verdict filter_dkim_key_fetch(struct dns *dns, struct slice selector,
	struct slice domain, struct arena *arena, struct filter_dkim_key *ret_key);

/* Is `signature` of the hash made by the key's other half? */
WARN_UNUSED bool filter_dkim_key_verify(const struct filter_dkim_key *key,
	const unsigned char hash[FILTER_DIGEST_LEN], struct slice signature);

#endif
