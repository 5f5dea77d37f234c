/* What the parts of DKIM (RFC 6376, 8301, 8463, 8616) share: the message, the bounds, and what can
 * be said of a signature in the words of RFC 8601 section 2.7.1. */
#ifndef FILTER_DKIM_H
#define FILTER_DKIM_H

#include "base/arena.h"
#include "message/header.h"

enum {
	FILTER_DKIM_SIGNATURES_MAX = 8, /* of a message; more are not looked at */
	FILTER_DKIM_FIELD_MAX = 65536,  /* bytes of a signature's field */
	FILTER_DKIM_NAMES_MAX = 512,    /* names in "h=" */
	FILTER_DKIM_CLOCK_SKEW = 300,   /* seconds that signers' clocks may differ from ours */
	FILTER_DKIM_RSA_MIN = 1024,     /* bits (RFC 8301 section 3.2) */
	FILTER_DKIM_RSA_MAX = 4096,     /* bits; more would cost too much to verify */
	FILTER_DKIM_RECORD_MAX = 65536, /* bytes of a key record */
};

/* A message that is read as it lies; all of it is borrowed. */
struct filter_message {
	struct slice added;  /* fields of ours that stand in front; often empty */
	struct slice header; /* with or without its empty line */
	struct slice body;
};
static inline struct filter_message filter_message_of(struct slice whole)
{
	size_t header = message_header_len(whole);
	return (struct filter_message){
		.header = slice_sub(whole, 0, header), .body = slice_from(whole, header)};
}

enum filter_dkim_status {
	FILTER_DKIM_NONE,   /* no signature */
	FILTER_DKIM_PASS,   /* it holds, and `domain` answers for the message */
	FILTER_DKIM_FAIL,   /* it does not fit the message, or the key */
	FILTER_DKIM_POLICY, /* not accepted here: rsa-sha1, a weak key, expired, a part of a body */
	FILTER_DKIM_NEUTRAL,   /* malformed, or of a kind that nobody here understands */
	FILTER_DKIM_TEMPERROR, /* the key can't be had now */
	FILTER_DKIM_PERMERROR, /* the key can't be had ever, or may not be used for this */
};
/* "pass" */
const char *filter_dkim_status_word(enum filter_dkim_status status);

struct filter_dkim_verdict {
	enum filter_dkim_status status;
	const char *reason; /* one line, no trailing period; "" for NONE and PASS */
};
#define FILTER_DKIM_SAY(status_, reason_)                                                          \
	((struct filter_dkim_verdict){.status = FILTER_DKIM_##status_, .reason = (reason_)})

enum filter_dkim_algorithm { FILTER_DKIM_RSA_SHA256, FILTER_DKIM_ED25519_SHA256 };
/* "rsa-sha256" */
const char *filter_dkim_algorithm_word(enum filter_dkim_algorithm algorithm);

#endif
