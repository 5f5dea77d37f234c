/* Where mail for a domain goes: its exchangers in the order in which they are tried, with their
 * addresses (RFC 5321 section 5.1). Asks a struct dns, and may wait as that does. */
#ifndef DNS_EXCHANGERS_H
#define DNS_EXCHANGERS_H

#include "dns/dns.h"
#include "net/address.h"

enum dns_families { DNS_IPV6_FIRST, DNS_IPV4_FIRST, DNS_IPV6_ONLY, DNS_IPV4_ONLY };

struct dns_route_options { /* borrowed for the call */
	uint16_t port;     /* of the addresses; 0: 25 */
	enum dns_families families;
	/* Who "we" are: names, and addresses (ports don't count). */
	const struct slice *own_names;
	size_t own_name_count;
	const struct net_address *own_addresses;
	size_t own_address_count;
	/* So many hosts are asked about, and so many addresses are taken, at most; 0: 10 and 20. */
	size_t hosts_max, addresses_max;
};

struct dns_exchanger {
	uint16_t preference;
	struct slice name;       /* as the MX record has it; what a certificate is for */
	struct slice final_name; /* at the end of CNAMEs; the same without one */
	/* The addresses, and all CNAMEs on the way to them, are validated (RFC 7672 section 2.2.2).
	 * Those that there are: of two families, both must be. */
	bool secure;
	/* In the order in which they are tried; one or more. */
	struct net_address *addresses;
	size_t count;
};

struct dns_route {
	struct slice domain;       /* as asked for, no final dot */
	struct slice final_domain; /* at the end of CNAMEs */
	/* The MX records, or that there are none, are validated (RFC 7672 section 2.2.1). */
	bool secure;
	bool implicit; /* no MX record: the domain is its own exchanger, with preference 0 */
	bool literal;  /* "[192.0.2.1]": no question was asked */
	struct dns_exchanger *hosts; /* one or more */
	size_t count;
	/* Hosts whose addresses can't be told now are not among them. */
	size_t unknown;
};

/* The domain is in A-labels, or an address literal. All that is given back lies in `arena`. Hosts
 * of one preference are shuffled. Where we are among the hosts, we and those that are not better
 * than we are left out. Negative, with the enhanced status code in *err:
 *   ERR_TEMPORARY       can't be told now (4.4.3), or no host of which anything is known
 *   ERR_PERMANENT       ERR_ABSENT: no such domain (5.1.2), it takes no mail (5.1.10, RFC 7505), or
 *                       no host of it has an address (5.4.4); ERR_DENIED: only we are left (5.4.6);
 *                       ERR_BAD_INPUT: no domain (5.1.3) */
WARN_UNUSED int dns_find_route(struct dns *dns, struct slice domain,
	const struct dns_route_options *options, struct arena *arena, struct dns_route *ret_route,
	struct err *err);

/* The same with a host that is given: its own addresses, whatever MX record it has. */
WARN_UNUSED int dns_find_host(struct dns *dns, struct slice name,
	const struct dns_route_options *options, struct arena *arena, struct dns_route *ret_route,
	struct err *err);

#endif
