/* One signature as its header field says it: DKIM-Signature (RFC 6376 section 3.5), and the two of
 * ARC that are made alike (RFC 8617 sections 4.1.2 and 4.1.3). Pure. */
#ifndef FILTER_DKIM_SIGNATURE_H
#define FILTER_DKIM_SIGNATURE_H

#include "filter/canon.h"
#include "filter/digest.h"
#include "filter/dkim.h"

enum filter_dkim_kind {
	FILTER_DKIM_SIGNATURE,   /* DKIM-Signature */
	FILTER_DKIM_ARC_MESSAGE, /* ARC-Message-Signature */
	FILTER_DKIM_ARC_SEAL,    /* ARC-Seal: no body, no names; always relaxed */
};

enum filter_dkim_chain { FILTER_DKIM_CHAIN_NONE, FILTER_DKIM_CHAIN_PASS, FILTER_DKIM_CHAIN_FAIL };

struct filter_dkim_signature {
	struct message_field field;
	enum filter_dkim_algorithm algorithm;
	enum filter_canon header_form, body_form;
	struct slice algorithm_text; /* "a=" as it stands there */
	struct slice domain;         /* "d=" */
	struct slice selector;       /* "s=" */
	struct slice identity;       /* "i=" without folds, or "@" and the domain */
	struct slice names;          /* "h=", a list with colons */
	uint64_t body_len;           /* "l=", or FILTER_CANON_ALL */
	int64_t time, expiry;        /* "t=" and "x=", seconds since 1970; -1 when absent */
	unsigned char body_hash[FILTER_DIGEST_LEN];
	struct slice signature;       /* bytes */
	struct slice text;            /* "b=" as it stands there, trimmed */
	struct slice hole;            /* "b=" with all white space around it: not hashed */
	unsigned instance;            /* ARC's "i=", 1 … 50 */
	enum filter_dkim_chain chain; /* ARC-Seal's "cv=" */
};

enum { FILTER_ARC_INSTANCES_MAX = 50 }; /* RFC 8617 section 4.2.1 */

/* Reads the field; slices point into it or into `arena`. NONE when it is in order. What could be
 * read stands in *ret_signature either way, the rest is empty. */
WARN_UNUSED struct filter_dkim_verdict filter_dkim_signature_parse(enum filter_dkim_kind kind,
	const struct message_field *field, struct arena *arena,
	struct filter_dkim_signature *ret_signature);
/* Of time: expired, or of the future; NONE when neither. */
WARN_UNUSED struct filter_dkim_verdict filter_dkim_signature_check_time(
	const struct filter_dkim_signature *signature, int64_t now);

/* "1" … "50", no leading zeros; 0 when it is something else. */
unsigned filter_arc_instance(struct slice text);
/* Decodes base64 in which white space may be anywhere, into the arena; ptr NULL when malformed. */
struct slice filter_dkim_from_base64(struct slice text, struct arena *arena);

#endif
