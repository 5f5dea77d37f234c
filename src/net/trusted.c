/* Sets of networks. All are kept as IPv6 (IPv4 mapped), so one comparison serves both families. */
#include "net/address.h"

#include "base/alloc.h"

#include <arpa/inet.h>

static bool parse_ip(struct slice text, uint8_t ret_bytes[16], unsigned *ret_bits)
{
	char copy[INET6_ADDRSTRLEN];
	if (text.len == 0 || text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET6, copy, ret_bytes) == 1) {
		*ret_bits = 128;
		return true;
	}
	memset(ret_bytes, 0, 10);
	memset(ret_bytes + 10, 0xff, 2);
	*ret_bits = 32;
	return inet_pton(AF_INET, copy, ret_bytes + 12) == 1;
}

int net_trusted_add(struct net_trusted *set, struct slice cidr, struct err *err)
{
	struct slice rest = cidr, host = slice_cut(&rest, '/');
	struct net_network network = {0};
	unsigned most;
	uint64_t bits;
	if (!parse_ip(host, network.bytes, &most))
		return err_permanent(
			err, ERR_BAD_INPUT, "\"%.*s\" is no IP address", SLICE_ARG(host));
	bits = most;
	if (host.len < cidr.len && !slice_to_u64(rest, most, &bits))
		return err_permanent(err, ERR_BAD_INPUT,
			"the prefix length in \"%.*s\" is not 0 to %u", SLICE_ARG(cidr), most);
	network.bits = (uint8_t)(128 - most + bits);
	set->networks = alloc_resize(set->networks, set->count + 1, sizeof(*set->networks));
	set->networks[set->count++] = network;
	return 0;
}

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) & (0xff00 >> bits % 8) & 0xff) == 0;
}

bool net_trusted_has(const struct net_trusted *set, const struct net_address *address)
{
	uint8_t bytes[16];
	if (!set || !net_address_bytes(address, bytes))
		return false;
	for (size_t i = 0; i < set->count; i++)
		if (same_prefix(bytes, set->networks[i].bytes, set->networks[i].bits))
			return true;
	return false;
}

void net_trusted_free(struct net_trusted *set)
{
	free(set->networks);
	*set = (struct net_trusted){0};
}
