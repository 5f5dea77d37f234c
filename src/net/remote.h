/* A server as configs and directories name it, and its addresses.
 *
 * "unix:/path"; "host:port", "[2001:db8::1]:port", and each of these with "tls:" in front, which
 * says that the server is spoken to by TLS with a certificate of that name. */
#ifndef NET_REMOTE_H
#define NET_REMOTE_H

#include "net/address.h"

enum {
	NET_REMOTE_HOST_MAX = 256,
	NET_REMOTE_ADDRESSES_MAX = 4, /* of one host that are tried */
};

struct net_remote {
	bool tls;
	char host[NET_REMOTE_HOST_MAX], port[8]; /* "" of a Unix socket */
	struct net_address address;              /* of a Unix socket; else unknown */
};

/* `port` is for a host without one; NULL: it must have one. Errors: permanent. */
int net_remote_parse(struct slice text, const char *port, struct net_remote *ret_remote,
	struct err *err) WARN_UNUSED;
/* By the system's resolver, in its order; at least one. Blocks (wait_block_begin()). Errors:
 * temporary. */
int net_remote_look_up(const struct net_remote *remote,
	struct net_address ret_addresses[NET_REMOTE_ADDRESSES_MAX], size_t *ret_count,
	struct err *err) WARN_UNUSED;

#endif
