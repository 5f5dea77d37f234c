/* The field of a new signature, of DKIM or ARC: its tags, then the signature over the hash that the
 * field itself is a part of. Always relaxed/relaxed. */
#ifndef FILTER_DKIM_DRAFT_H
#define FILTER_DKIM_DRAFT_H

#include "filter/dkim_secret.h"
#include "filter/dkim_signature.h"
#include "filter/fold.h"

struct filter_dkim_signer {
	struct slice domain, selector; /* A-labels */
	const struct filter_dkim_secret *secret;
};

struct filter_dkim_draft {
	enum filter_dkim_kind kind;
	const struct filter_dkim_signer *signer;
	unsigned instance;            /* ARC's */
	enum filter_dkim_chain chain; /* a seal's */
	int64_t time, expiry;         /* seconds since 1970; expiry 0: none */
	struct slice names;           /* "from:from:to"; none in a seal */
	const unsigned char *body_hash;
};

/* Appends the field up to "b=", without a line end; *ret_fold goes on behind it. What is hashed is
 * *ret_signature, whose slices point into `to` until more is added. */
void filter_dkim_draft_write(const struct filter_dkim_draft *draft, struct buf *to,
	struct filter_fold *ret_fold, struct filter_dkim_signature *ret_signature);
/* Appends the signature of the hash, and the line end. */
int filter_dkim_draft_sign(const struct filter_dkim_draft *draft,
	const unsigned char hash[FILTER_DIGEST_LEN], struct filter_fold *fold,
	struct err *err) WARN_UNUSED;

#endif
