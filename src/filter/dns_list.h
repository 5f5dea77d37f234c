/* Lists in the DNS of clients and domains that send what nobody wants (RFC 5782). */
#ifndef FILTER_DNS_LIST_H
#define FILTER_DNS_LIST_H

#include "base/ip_range.h"
#include "dns/dns.h"
#include "net/address.h"

/* The name under which a list has a client or a domain; in the arena. False: it can have none. */
WARN_UNUSED bool filter_dns_list_client(const struct net_address *client, struct slice zone,
	struct arena *arena, struct slice *ret_name);
/* An address literal is no domain, nor is a name without a dot. */
WARN_UNUSED bool filter_dns_list_domain(
	struct slice domain, struct slice zone, struct arena *arena, struct slice *ret_name);

enum { FILTER_DNS_LIST_NOT_ON_IT = 1 };
/* Asks a list. 0: `name` is on it, by the answer *ret_code; FILTER_DNS_LIST_NOT_ON_IT; negative: it
 * can't be told now, or the list does not want our questions (127.255.255.0/24). Waits. */
int filter_dns_list_ask(struct dns *dns, struct slice name, const struct ip_range *ranges,
	size_t count, uint32_t *ret_code, struct err *err) WARN_UNUSED;

#endif
