/* PTR, then A or AAAA of what it names. */
#include "dns/client.h"

#include "dns/records.h"

enum { V4_AT = 12, NAME_ROOM = 80 }; /* 32 nibbles with dots, "ip6.arpa" */

void dns_write_reversed(const uint8_t ip[16], struct buf *to)
{
	if (net_ip_is_v4(ip)) {
		for (int i = 15; i >= V4_AT; i--)
			buf_printf(to, "%u.", ip[i]);
		return;
	}
	for (int i = 15; i >= 0; i--)
		buf_printf(to, "%x.%x.", ip[i] & 15u, (unsigned)ip[i] >> 4);
}

/* 0: the name has the address. */
static int says_so(struct dns *dns, struct slice name, const uint8_t ip[16], struct arena *arena,
	struct err *err)
{
	struct dns_answer answer;
	enum dns_type type = net_ip_is_v4(ip) ? DNS_A : DNS_AAAA;
	int r = dns_lookup(dns, name, type, arena, &answer, err);
	for (size_t i = 0; r == 0 && i < answer.count; i++) {
		struct net_address address;
		uint8_t bytes[16];
		if (dns_read_address(type, answer.records[i], 0, &address) &&
			net_address_bytes(&address, bytes) && memcmp(bytes, ip, 16) == 0)
			return 0;
	}
	return r < 0 && err->class == ERR_TEMPORARY ? r : DNS_NO_NAME;
}

int dns_client_name(struct dns *dns, const struct net_address *client, struct arena *arena,
	struct slice *ret_name, struct err *err)
{
	AUTO(buf_free) struct buf reverse = BUF(NAME_ROOM);
	struct dns_answer answer;
	uint8_t ip[16];
	if (!net_address_bytes(client, ip))
		return DNS_NO_NAME;
	dns_write_reversed(ip, &reverse);
	buf_add_str(&reverse, net_ip_is_v4(ip) ? "in-addr.arpa" : "ip6.arpa");
	int r = dns_lookup(dns, buf_slice(&reverse), DNS_PTR, arena, &answer, err);
	if (r != 0)
		return r < 0 ? r : DNS_NO_NAME;
	bool unsure = false;
	for (size_t i = 0; i < answer.count && i < DNS_CLIENT_NAMES_MAX; i++) {
		if (!dns_read_name(answer.records[i], arena, ret_name) || ret_name->len == 0)
			continue;
		r = says_so(dns, *ret_name, ip, arena, err);
		if (r == 0)
			return 0;
		unsure |= r < 0;
	}
	return unsure ? -1 : DNS_NO_NAME;
}
