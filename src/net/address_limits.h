/* How many connections each client address has: IPv4 by address, IPv6 by /64. Thread-safe. */
#ifndef NET_ADDRESS_LIMITS_H
#define NET_ADDRESS_LIMITS_H

#include "net/address.h"

#include <pthread.h>

struct net_limits {
	pthread_mutex_t lock;
	struct net_limit_entry **buckets; /* all guarded by lock */
	size_t bucket_count, entry_count;
	unsigned most; /* per address */
};

void net_limits_init(struct net_limits *limits, unsigned most);
void net_limits_deinit(struct net_limits *limits);
/* Counts one connection in; NULL when that address has the most already. */
WARN_UNUSED struct net_limit_entry *net_limits_enter(
	struct net_limits *limits, const struct net_address *address);
void net_limits_leave(struct net_limits *limits, struct net_limit_entry *entry);

#endif
