/* A hash table with chains, that grows with the number of addresses. The hash is seeded by the
 * process (bytes_hash), so a client can't choose who shares its chain. */
#include "net/address_limits.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/must.h"

enum { BUCKETS_FIRST = 64 };

struct net_limit_entry {
	struct net_limit_entry *next;
	uint8_t network[16];
	unsigned count;
};

void net_limits_init(struct net_limits *limits, unsigned most)
{
	*limits = (struct net_limits){.most = most, .bucket_count = BUCKETS_FIRST};
	limits->buckets = alloc_zero(BUCKETS_FIRST, sizeof(*limits->buckets));
	must(pthread_mutex_init(&limits->lock, NULL) == 0);
}

void net_limits_deinit(struct net_limits *limits)
{
	for (size_t i = 0; i < limits->bucket_count; i++)
		while (limits->buckets[i]) {
			struct net_limit_entry *entry = limits->buckets[i];
			limits->buckets[i] = entry->next;
			free(entry);
		}
	free(limits->buckets);
	(void)pthread_mutex_destroy(&limits->lock);
}

/* The /64 of an IPv6 address; IPv4 whole. */
static void network_of(const struct net_address *address, uint8_t ret_network[16])
{
	memset(ret_network, 0, 16);
	(void)net_address_bytes(address, ret_network);
	if (address->storage.ss_family == AF_INET6)
		memset(ret_network + 8, 0, 8);
}

static struct net_limit_entry **bucket_of(struct net_limits *limits, const uint8_t network[16])
{
	return &limits->buckets[bytes_hash(slice(network, 16)) & (limits->bucket_count - 1)];
}

static void grow(struct net_limits *limits)
{
	struct net_limit_entry **old = limits->buckets;
	size_t old_count = limits->bucket_count;
	limits->bucket_count *= 2;
	limits->buckets = alloc_zero(limits->bucket_count, sizeof(*limits->buckets));
	for (size_t i = 0; i < old_count; i++)
		while (old[i]) {
			struct net_limit_entry *entry = old[i];
			struct net_limit_entry **bucket = bucket_of(limits, entry->network);
			old[i] = entry->next;
			entry->next = *bucket;
			*bucket = entry;
		}
	free(old);
}

struct net_limit_entry *net_limits_enter(
	struct net_limits *limits, const struct net_address *address)
{
	uint8_t network[16];
	network_of(address, network);
	(void)pthread_mutex_lock(&limits->lock);
	struct net_limit_entry **bucket = bucket_of(limits, network), *entry = *bucket;
	while (entry && memcmp(entry->network, network, 16) != 0)
		entry = entry->next;
	if (!entry) {
		entry = ALLOC(struct net_limit_entry);
		memcpy(entry->network, network, 16);
		entry->next = *bucket;
		*bucket = entry;
		if (++limits->entry_count > limits->bucket_count)
			grow(limits);
	}
	bool room = entry->count < limits->most;
	if (room)
		entry->count++;
	(void)pthread_mutex_unlock(&limits->lock);
	return room ? entry : NULL;
}

void net_limits_leave(struct net_limits *limits, struct net_limit_entry *entry)
{
	(void)pthread_mutex_lock(&limits->lock);
	if (--entry->count == 0) {
		struct net_limit_entry **at = bucket_of(limits, entry->network);
		while (*at != entry)
			at = &(*at)->next;
		*at = entry->next;
		limits->entry_count--;
		free(entry);
	}
	(void)pthread_mutex_unlock(&limits->lock);
}
