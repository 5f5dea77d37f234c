/* What ID says (RFC 2971), pure: of the client, and of a front end the fields by which Dovecot's
 * proxies and ours say who their client is. */
#ifndef IMAP_ID_H
#define IMAP_ID_H

#include "imap/parse.h"
#include "net/origin.h"

enum {
	IMAP_ID_FIELDS_MAX = 40, /* RFC 2971 section 3.3 allows 30; front ends add theirs */
	IMAP_ID_SAID_MAX = 200,
};

struct imap_id {
	struct buf said; /* for the log: what no field of a front end is; the caller frees it */
	/* x-originating-ip, x-originating-port, x-connected-ip, x-connected-port, x-proxy-ttl,
	 * x-session-id; what there is besides (x-forward-…) is left out. */
	bool has_origin;
	struct net_origin_words origin;
};
/* The arguments behind "ID ". */
WARN_UNUSED bool imap_parse_id(struct imap_parser *p, struct imap_id *ret_id);

#endif
