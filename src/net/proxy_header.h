/* The PROXY protocol, versions 1 and 2: the header with which a balancer says who the client is.
 * Pure: bytes in, addresses out, and back. */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include "base/buf.h"
#include "net/address.h"

/* A version 2 header with more than this behind it is refused (addresses and all the TLVs that
 * balancers send fit many times). */
enum { NET_PROXY_HEADER_MAX = 4096 };

enum net_proxy_outcome {
	NET_PROXY_MORE,   /* a header so far; more bytes are needed */
	NET_PROXY_HEADER, /* read: drop ret_len bytes */
	NET_PROXY_BAD,    /* no header */
};

struct net_proxy_header {
	size_t len;   /* of the header in the input */
	bool is_real; /* false: LOCAL or UNKNOWN, the connection's own addresses hold */
	struct net_address source, destination;
};

enum net_proxy_outcome net_proxy_parse(struct slice input, struct net_proxy_header *ret_header);

/* Appends one of version 2: the client, and where it connected to. Without either (NULL, or no IP)
 * it says that the connection's own addresses hold. */
void net_proxy_write(
	const struct net_address *client, const struct net_address *local, struct buf *to);

#endif
