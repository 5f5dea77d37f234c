/* TLS reporting (RFC 8460): whether a domain wants to hear how mail reaches it, and where. Pure. */
#ifndef DNS_TLS_RPT_H
#define DNS_TLS_RPT_H

#include "base/slice.h"

enum { DNS_TLS_RPT_URIS_MAX = 10 }; /* of a record; more are left out */

/* The texts of the TXT records of _smtp._tls.DOMAIN in, the list of URIs out (borrowed from its
 * text). False: the domain wants no reports, as no record says so, several do, or the one is
 * malformed (section 3). */
WARN_UNUSED bool dns_tls_rpt_read_record(
	const struct slice *texts, size_t count, struct slice *ret_rua);

enum dns_tls_rpt_scheme { DNS_TLS_RPT_MAILTO, DNS_TLS_RPT_HTTPS };
struct dns_tls_rpt_uri {
	enum dns_tls_rpt_scheme scheme;
	/* Of mailto: the address, its %-escapes as they are, without a header ("?subject=…") and a
	 * size ("!10m"). Of https: the whole URI. Printing ASCII, never empty. */
	struct slice text;
};
/* Cuts the next URI of these schemes off the list; others are passed over. False at the end. */
WARN_UNUSED bool dns_tls_rpt_next_uri(struct slice *rua, struct dns_tls_rpt_uri *ret_uri);

#endif
