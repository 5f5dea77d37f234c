/* The name of a client, as its address says it and the name says back. */
#ifndef DNS_CLIENT_H
#define DNS_CLIENT_H

#include "base/buf.h"
#include "dns/dns.h"
#include "net/address.h"

enum { DNS_CLIENT_NAMES_MAX = 5 }; /* of one address; more are not looked at */

/* An address as it stands in front of a zone, "1.2.0.192." or 32 nibbles with dots (RFC 1035
 * section 3.5, RFC 3596 section 2.5, RFC 5782): at most 64 bytes. IPv4 as ::ffff:a.b.c.d. */
void dns_write_reversed(const uint8_t ip[16], struct buf *to);
/* The first name of a PTR record that has the address itself among its own (RFC 8601 section 3,
 * "iprev"); in the arena. Waits. 0, DNS_NO_NAME: there is none, or negative: that can't be told
 * now. */
int dns_client_name(struct dns *dns, const struct net_address *client, struct arena *arena,
	struct slice *ret_name, struct err *err) WARN_UNUSED;

#endif
