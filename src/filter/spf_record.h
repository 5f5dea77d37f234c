/* Records of SPF (RFC 7208 sections 4.5, 4.6.1, 5 and 6): which of a name's TXT records is one, and
 * its terms. Pure; what is returned points into the record. */
#ifndef FILTER_SPF_RECORD_H
#define FILTER_SPF_RECORD_H

#include "base/slice.h"

enum filter_spf_mechanism {
	FILTER_SPF_ALL,
	FILTER_SPF_INCLUDE,
	FILTER_SPF_A,
	FILTER_SPF_MX,
	FILTER_SPF_PTR,
	FILTER_SPF_IP4,
	FILTER_SPF_IP6,
	FILTER_SPF_EXISTS,
};

struct filter_spf_term {
	struct slice text; /* all of it, as it was written */
	enum filter_spf_mechanism mechanism;
	char qualifier;       /* + - ~ ? */
	struct slice domain;  /* domain-spec; empty: the current domain */
	uint8_t address[16];  /* of ip4 (as ::ffff:a.b.c.d) and ip6 */
	uint8_t bits4, bits6; /* of a and mx; of ip4 and ip6 the one that is theirs */
};

struct filter_spf_record {
	struct slice terms;         /* behind the version */
	struct slice redirect, exp; /* domain-spec; empty: none */
	struct slice bad;           /* the term that is wrong, when it could not be read */
};

/* Is this TXT record one of SPF's? */
bool filter_spf_is_record(struct slice text);
/* False when a term anywhere is malformed, or exp or redirect stands twice: "permerror". */
WARN_UNUSED bool filter_spf_record_parse(struct slice text, struct filter_spf_record *ret_record);
/* Cuts the next mechanism off the front of *terms, which were of a record that could be read.
 * False at the end. */
WARN_UNUSED bool filter_spf_next_term(struct slice *terms, struct filter_spf_term *ret_term);

#endif
