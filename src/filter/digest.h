/* SHA-256 of what comes in pieces, by OpenSSL; long pieces give way (base/wait.h). */
#ifndef FILTER_DIGEST_H
#define FILTER_DIGEST_H

#include "filter/canon.h"

enum { FILTER_DIGEST_LEN = 32 };

struct filter_digest {
	void *state; /* OpenSSL's */
};

/* Aborts when there is no memory, as small allocations do. */
struct filter_digest filter_digest_new(void);
/* Another one that has been given the same bytes. */
struct filter_digest filter_digest_copy(const struct filter_digest *digest);
void filter_digest_add(struct filter_digest *digest, struct slice piece);
/* A sink that adds; borrows the digest. */
struct filter_canon_sink filter_digest_sink(struct filter_digest *digest);
/* Frees the digest too. */
void filter_digest_end(struct filter_digest *digest, unsigned char ret_hash[FILTER_DIGEST_LEN]);
void filter_digest_free(struct filter_digest *digest); /* an ended one is fine */

#endif
