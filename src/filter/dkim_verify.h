/* Verifies the DKIM signatures of a message (RFC 6376 section 6). */
#ifndef FILTER_DKIM_VERIFY_H
#define FILTER_DKIM_VERIFY_H

#include "dns/dns.h"
#include "filter/dkim_hash.h"

struct filter_dkim_result {
	struct filter_dkim_verdict verdict;
	/* What could be read of it: domain (header.d), identity (header.i), selector (header.s),
	 * algorithm_text (header.a) and text (header.b, by its first 8 characters). */
	struct filter_dkim_signature signature;
	unsigned key_bits; /* 0 when there is no key */
	bool testing;      /* the key says so: a failure means no more than no signature */
};

struct filter_dkim_results {
	struct filter_dkim_result *list; /* top to bottom */
	size_t count;                    /* 0: the message is not signed */
	bool more; /* there are more than FILTER_DKIM_SIGNATURES_MAX; those were not looked at */
};

/* Asks `dns` for the keys and may wait, by the rules of base/wait.h; long bodies give way. The
 * message and the arena live as long as the results. `now`: seconds since 1970.
 *
 * A good signature of the first part of a body only ("l=" with text behind it) is POLICY: anybody
 * could have added the rest (RFC 6376 section 8.2). */
void filter_dkim_verify(const struct filter_message *message, struct dns *dns, int64_t now,
	struct arena *arena, struct filter_dkim_results *ret_results);

/* One signature that is in order; its names were wanted and the header was scanned. ARC's use it
 * too. Fills result->verdict, key_bits and testing. */
void filter_dkim_check(struct filter_dkim_result *result, struct filter_dkim_hashes *hashes,
	struct dns *dns, int64_t now, struct arena *arena);
/* The same for a hash that was made otherwise; NONE of `body` is looked at. */
void filter_dkim_check_hash(struct filter_dkim_result *result,
	const unsigned char hash[FILTER_DIGEST_LEN], struct dns *dns, struct arena *arena);

#endif
