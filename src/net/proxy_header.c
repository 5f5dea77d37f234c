/* PROXY protocol headers: version 1 is a line of at most 107 bytes, version 2 is binary. */
#include "net/proxy_header.h"

#include <netinet/in.h>

enum {
	V1_LONGEST = 107, /* section 2.1, with CR LF */
	V2_FIXED = 16,    /* signature, version and command, family, length */
};

static const struct slice V1_START = {.ptr = "PROXY ", .len = 6};
static const struct slice V2_SIGNATURE = {
	.ptr = "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a", .len = 12};

static bool could_become(struct slice input, struct slice start)
{
	return slice_starts(start, input);
}

/* Builds an address from the text of version 1, through the parser that everything uses. */
static bool v1_address(struct slice host, struct slice port, bool v6, struct net_address *ret)
{
	char text[NET_ADDRESS_TEXT];
	if (host.len > 64 || port.len > 5 || (slice_find(host, ':') >= 0) != v6)
		return false;
	int len = snprintf(text, sizeof(text), v6 ? "[%.*s]:%.*s" : "%.*s:%.*s", SLICE_ARG(host),
		SLICE_ARG(port));
	return net_address_parse(slice(text, (size_t)len), ret, NULL) == 0 &&
	       ret->storage.ss_family == (v6 ? AF_INET6 : AF_INET);
}

static enum net_proxy_outcome parse_v1(struct slice input, struct net_proxy_header *ret_header)
{
	struct slice rest = slice_sub(input, 0, V1_LONGEST);
	ssize_t end = slice_search(rest, SLICE("\r\n"));
	if (end < 0)
		return input.len < V1_LONGEST ? NET_PROXY_MORE : NET_PROXY_BAD;
	ret_header->len = (size_t)end + 2;
	rest = slice_sub(rest, V1_START.len, (size_t)end - V1_START.len);
	struct slice family = slice_cut(&rest, ' ');
	if (slice_eq(family, SLICE("UNKNOWN")))
		return NET_PROXY_HEADER;
	bool v6 = slice_eq(family, SLICE("TCP6"));
	if (!v6 && !slice_eq(family, SLICE("TCP4")))
		return NET_PROXY_BAD;
	struct slice source = slice_cut(&rest, ' '), destination = slice_cut(&rest, ' ');
	struct slice source_port = slice_cut(&rest, ' ');
	if (!v1_address(source, source_port, v6, &ret_header->source) ||
		!v1_address(destination, rest, v6, &ret_header->destination))
		return NET_PROXY_BAD;
	ret_header->is_real = true;
	return NET_PROXY_HEADER;
}

static void v2_address4(const char *ip, const char *port, struct net_address *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->storage;
	v4->sin_family = AF_INET;
	memcpy(&v4->sin_addr, ip, 4);
	memcpy(&v4->sin_port, port, 2);
	ret->len = sizeof(*v4);
}

static void v2_address6(const char *ip, const char *port, struct net_address *ret)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->storage;
	v6->sin6_family = AF_INET6;
	memcpy(&v6->sin6_addr, ip, 16);
	memcpy(&v6->sin6_port, port, 2);
	ret->len = sizeof(*v6);
	net_address_normalise(ret);
}

static enum net_proxy_outcome parse_v2(struct slice input, struct net_proxy_header *ret_header)
{
	enum { LOCAL = 0, PROXIED = 1, OVER_IPV4 = 1, OVER_IPV6 = 2 };
	if (input.len < V2_FIXED)
		return NET_PROXY_MORE;
	const uint8_t *head = (const uint8_t *)input.ptr;
	size_t more = (size_t)head[14] << 8 | head[15];
	unsigned command = head[12] & 15, family = head[13] >> 4;
	if (head[12] >> 4 != 2 || command > PROXIED || more > NET_PROXY_HEADER_MAX)
		return NET_PROXY_BAD;
	if (input.len - V2_FIXED < more)
		return NET_PROXY_MORE;
	ret_header->len = V2_FIXED + more;
	const char *at = input.ptr + V2_FIXED;
	if (command == LOCAL || (family != OVER_IPV4 && family != OVER_IPV6))
		return NET_PROXY_HEADER;
	if (more < (family == OVER_IPV4 ? 12u : 36u))
		return NET_PROXY_BAD;
	if (family == OVER_IPV4) {
		v2_address4(at, at + 8, &ret_header->source);
		v2_address4(at + 4, at + 10, &ret_header->destination);
	} else {
		v2_address6(at, at + 32, &ret_header->source);
		v2_address6(at + 16, at + 34, &ret_header->destination);
	}
	ret_header->is_real = true;
	return NET_PROXY_HEADER;
}

enum net_proxy_outcome net_proxy_parse(struct slice input, struct net_proxy_header *ret_header)
{
	*ret_header = (struct net_proxy_header){0};
	if (slice_starts(input, V2_SIGNATURE))
		return parse_v2(input, ret_header);
	if (slice_starts(input, V1_START))
		return parse_v1(input, ret_header);
	if (could_become(input, V1_START) || could_become(input, V2_SIGNATURE))
		return NET_PROXY_MORE;
	return NET_PROXY_BAD;
}

static void add_port(struct buf *to, const struct net_address *address)
{
	uint16_t port = net_address_port(address);
	buf_add_byte(to, (char)(port >> 8));
	buf_add_byte(to, (char)port);
}

void net_proxy_write(
	const struct net_address *client, const struct net_address *local, struct buf *to)
{
	enum { VERSION_LOCAL = 0x20, VERSION_PROXY = 0x21, TCP4 = 0x11, TCP6 = 0x21 };
	uint8_t from[16], at[16];
	bool known =
		client && local && net_address_bytes(client, from) && net_address_bytes(local, at);
	bool v4 = known && net_ip_is_v4(from) && net_ip_is_v4(at);
	size_t skip = v4 ? 12 : 0;
	buf_add_slice(to, V2_SIGNATURE);
	buf_add_byte(to, known ? VERSION_PROXY : VERSION_LOCAL);
	buf_add_byte(to, (char)(!known ? 0 : v4 ? TCP4 : TCP6));
	buf_add_byte(to, 0);
	buf_add_byte(to, (char)(!known ? 0 : v4 ? 12 : 36));
	if (!known)
		return;
	buf_add(to, from + skip, sizeof(from) - skip);
	buf_add(to, at + skip, sizeof(at) - skip);
	add_port(to, client);
	add_port(to, local);
}
