/* The DNS by libunbound: resolves, caches, validates DNSSEC.
 *
 * It has two threads of its own: libunbound's, which does the work, and one that takes the answers
 * and wakes who waits for them. Both block all signals. After dns_resolver_new() it opens no file
 * any more, but sockets: UDP to port 53 (and the ports of the servers below), and TCP to the same,
 * for answers that fit no datagram. */
#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H

#include "dns/dns.h"
#include "net/address.h"

/* A zone that others than the Internet's servers answer for. */
struct dns_zone {
	const char *name;
	const struct net_address *servers; /* authoritative ones; at least one */
	size_t count;
	/* Validated, from the root or one of the anchors. Else it is insecure, and what the root
	 * says of its name does not count. */
	bool is_signed;
};

struct dns_resolver_options { /* borrowed for the call */
	/* Other resolvers, which are asked everything. Without any, the Internet's own servers are,
	 * from the root on. */
	const struct net_address *servers;
	size_t server_count;
	const char *resolv_conf; /* file; its servers in place of those above. NULL: none */
	/* Files of trust anchors: DS or DNSKEY records in zone file form. NULL: none. Without the
	 * root's, nothing is secure but what stands in `anchors`. */
	const char *root_key, *anchors;
	const struct dns_zone *zones;
	size_t zone_count;
	unsigned timeout_ms;    /* of a question; 0: 20 s */
	unsigned questions_max; /* under way at once; 0: 1,000. More are ERR_TEMPORARY, ERR_LIMIT */
};

/* ERR_PERMANENT when the options can't be (a file that is missing or has no anchor in it). */
int dns_resolver_new(const struct dns_resolver_options *options, struct dns **ret_dns,
	struct err *err) WARN_UNUSED;

#endif
