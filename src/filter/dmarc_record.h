/* DMARC policy records (RFC 9989 sections 4.7 and 4.8). Pure; what is returned points into the
 * record. */
#ifndef FILTER_DMARC_RECORD_H
#define FILTER_DMARC_RECORD_H

#include "base/slice.h"

/* In the order of their strictness. */
enum filter_dmarc_policy {
	FILTER_DMARC_NONE,
	FILTER_DMARC_QUARANTINE,
	FILTER_DMARC_REJECT,
};

enum filter_dmarc_psd { FILTER_DMARC_PSD_UNKNOWN, FILTER_DMARC_PSD_NO, FILTER_DMARC_PSD_YES };

struct filter_dmarc_record {
	enum filter_dmarc_policy p, sp, np; /* sp and np: what applies when the tag is absent too */
	bool has_p, has_sp, has_np;
	bool bad_policy; /* p, sp or np holds what is no policy */
	bool strict_dkim, strict_spf;
	bool testing; /* t=y */
	enum filter_dmarc_psd psd;
	struct slice rua, ruf; /* lists of URIs; ptr NULL when absent */
	struct slice fo;       /* "0" when absent */
};

/* False: not a record of DMARC (v=DMARC1 does not come first). Tags that are not known, and pct, rf
 * and ri of RFC 7489, are left out; a value that can't be is as if it were absent. */
WARN_UNUSED bool filter_dmarc_record_parse(
	struct slice text, struct filter_dmarc_record *ret_record);
/* Cuts the next address off a list of URIs: of mailto: only, without its size ("!10m", obsolete).
 * Its %-escapes stay. False at the end. */
WARN_UNUSED bool filter_dmarc_next_address(struct slice *uris, struct slice *ret_address);
/* "none", "quarantine", "reject". */
const char *filter_dmarc_policy_name(enum filter_dmarc_policy policy);

#endif
