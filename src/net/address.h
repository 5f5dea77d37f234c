/* Socket addresses: IPv4, IPv6, Unix. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/err.h"

#include <sys/socket.h>

struct net_address {
	socklen_t len; /* 0: unknown */
	struct sockaddr_storage storage;
};

enum { NET_ADDRESS_TEXT = 128 };

/* "192.0.2.1:25", "[2001:db8::1]:25", "*:25" (all of both families), "unix:/path". Host names are
 * not looked up. */
int net_address_parse(
	struct slice text, struct net_address *ret_address, struct err *err) WARN_UNUSED;
/* An IP alone, IPv6 without brackets, with or without "IPV6:" in front. False: it is none. */
WARN_UNUSED bool net_address_of_ip(struct slice ip, uint16_t port, struct net_address *ret_address);
/* As above, with the port. */
void net_address_text(const struct net_address *address, char ret_text[NET_ADDRESS_TEXT]);
/* The IP alone ("192.0.2.1", "2001:db8::1"), "local" for Unix sockets. */
void net_address_host(const struct net_address *address, char ret_text[NET_ADDRESS_TEXT]);
uint16_t net_address_port(const struct net_address *address); /* 0 for Unix */
bool net_address_is_loopback(const struct net_address *address);
bool net_address_is_unix(const struct net_address *address);
/* The 16 bytes of the IP, IPv4 as ::ffff:a.b.c.d; false when it has none. */
bool net_address_bytes(const struct net_address *address, uint8_t ret_bytes[16]);
bool net_ip_is_v4(const uint8_t bytes[16]); /* of those */
/* ::ffff:a.b.c.d (a client of IPv4 on a "*" socket) becomes a.b.c.d. */
void net_address_normalise(struct net_address *address);
/* Bound, listening, close-on-exec, non-blocking. SO_REUSEADDR; IPV6_V6ONLY unless "*". A stale Unix
 * socket file is replaced; `unix_mode` is its permission. */
int net_address_listen(const struct net_address *address, int backlog, unsigned unix_mode,
	int *ret_fd, struct err *err) WARN_UNUSED;

/* A set of networks in CIDR notation. */
struct net_trusted {
	struct net_network {
		uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
		uint8_t bits;      /* 0 … 128 */
	} * networks;
	size_t count;
};
int net_trusted_add(struct net_trusted *set, struct slice cidr, struct err *err) WARN_UNUSED;
bool net_trusted_has(const struct net_trusted *set, const struct net_address *address);
void net_trusted_free(struct net_trusted *set);

#endif
