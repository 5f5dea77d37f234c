/* Lists in the DNS of clients and domains that send what nobody wants (RFC 5782). */
#ifndef FILTER_DNS_LIST_H
#define FILTER_DNS_LIST_H

#include "dns/dns.h"
#include "net/address.h"

/* Answers of a list that count, IPv4 addresses in host order; both ends belong to it. */
struct filter_dns_range {
	uint32_t first, last;
};
/* "127.0.0.2" or "127.0.0.4-127.0.0.11". */
WARN_UNUSED bool filter_dns_range_read(struct slice text, struct filter_dns_range *ret_range);

/* The name under which a list has a client or a domain; in the arena. False: it can have none. */
WARN_UNUSED bool filter_dns_list_client(const struct net_address *client, struct slice zone,
	struct arena *arena, struct slice *ret_name);
/* An address literal is no domain, nor is a name without a dot. */
WARN_UNUSED bool filter_dns_list_domain(
	struct slice domain, struct slice zone, struct arena *arena, struct slice *ret_name);

enum { FILTER_DNS_LIST_NOT_ON_IT = 1 };
/* Asks a list. 0: `name` is on it, by the answer *ret_code; FILTER_DNS_LIST_NOT_ON_IT; negative: it
 * can't be told now, or the list does not want our questions (127.255.255.0/24). Waits. */
int filter_dns_list_ask(struct dns *dns, struct slice name, const struct filter_dns_range *ranges,
	size_t count, uint32_t *ret_code, struct err *err) WARN_UNUSED;

#endif
