/* What records say: RDATA as on the wire in, facts out. Pure. What they give back as a slice lies
 * in the RDATA or, where an arena is asked for, in that. False: the RDATA is malformed. */
#ifndef DNS_RECORDS_H
#define DNS_RECORDS_H

#include "dns/dns.h"
#include "dns/name.h"
#include "net/address.h"

/* A (RFC 1035 section 3.4.1) or AAAA (RFC 3596 section 2.2), with a port. */
WARN_UNUSED bool dns_read_address(
	enum dns_type type, struct slice rdata, uint16_t port, struct net_address *ret_address);

/* RFC 1035 section 3.3.9. */
struct dns_mx {
	uint16_t preference; /* the lowest is tried first */
	struct slice name;   /* "": no mail is taken (RFC 7505) */
};
WARN_UNUSED bool dns_read_mx(struct slice rdata, struct arena *arena, struct dns_mx *ret_mx);

/* CNAME, NS and PTR (RFC 1035 section 3.3). */
WARN_UNUSED bool dns_read_name(struct slice rdata, struct arena *arena, struct slice *ret_name);

/* The strings of a TXT record (RFC 1035 section 3.3.14), joined without a space between (as
 * RFC 7208 section 3.3 and RFC 6376 section 3.6.2.2 want it). Any bytes. */
WARN_UNUSED bool dns_read_txt(struct slice rdata, struct arena *arena, struct slice *ret_text);

/* RFC 6698 section 2.1; the words for the numbers are those of RFC 7218. */
enum { DNS_TLSA_PKIX_TA, DNS_TLSA_PKIX_EE, DNS_TLSA_DANE_TA, DNS_TLSA_DANE_EE };
struct dns_tlsa {
	uint8_t usage, selector, matching;
	struct slice data; /* never empty */
};
WARN_UNUSED bool dns_read_tlsa(struct slice rdata, struct dns_tlsa *ret_tlsa);

/* RFC 2782. */
struct dns_srv {
	uint16_t priority, weight, port;
	struct slice name; /* "": the service is not there */
};
WARN_UNUSED bool dns_read_srv(struct slice rdata, struct arena *arena, struct dns_srv *ret_srv);

#endif
