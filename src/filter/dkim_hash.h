/* The two hashes of a signature (RFC 6376 section 3.7) over one message: of its body, done once for
 * all signatures that want it alike, and of the fields that the signature names, with its own. */
#ifndef FILTER_DKIM_HASH_H
#define FILTER_DKIM_HASH_H

#include "filter/dkim_fields.h"
#include "filter/dkim_signature.h"

struct filter_dkim_body {
	enum filter_canon form;
	uint64_t limit;
	uint64_t len; /* of the whole canonical body, which may be longer than the limit, or shorter
		       */
	unsigned char hash[FILTER_DIGEST_LEN];
};

struct filter_dkim_hashes {
	const struct filter_message *message; /* borrowed */
	struct filter_dkim_fields *fields;
	struct filter_dkim_body bodies[FILTER_DKIM_SIGNATURES_MAX];
	size_t body_count;
};

struct filter_dkim_hashes *filter_dkim_hashes_new(
	const struct filter_message *message, struct arena *arena) WARN_UNUSED;
/* The fields of that list ("h=") will be asked for. */
void filter_dkim_hashes_want(struct filter_dkim_hashes *hashes, struct slice names);
/* Walks over the header; all wants are told. */
void filter_dkim_hashes_scan(struct filter_dkim_hashes *hashes);
/* Of the first `limit` canonical bytes; for FILTER_DKIM_SIGNATURES_MAX different ones. Gives way.
 */
const struct filter_dkim_body *filter_dkim_hashes_body(
	struct filter_dkim_hashes *hashes, enum filter_canon form, uint64_t limit);
/* Of the named fields, then the signature's own without its "b=". Gives way. */
void filter_dkim_hashes_header(struct filter_dkim_hashes *hashes,
	const struct filter_dkim_signature *signature, unsigned char ret_hash[FILTER_DIGEST_LEN]);

#endif
