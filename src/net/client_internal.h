/* What the pool needs of a client. */
#ifndef NET_CLIENT_INTERNAL_H
#define NET_CLIENT_INTERNAL_H

#include "net/client.h"
#include "net/end.h"

/* As net_client_connect(), with trust anchors that are lent (NULL: loaded when needed). */
int net_client_open(const struct net_client_options *options, struct net_tls_client *trust,
	struct net_client **ret_client, struct err *err) WARN_UNUSED;
/* Takes it apart: socket, layers and what was not sent go to `end`, what was read and not handed
 * out to `input`; the client is freed. */
void net_client_release(struct net_client *client, struct net_end *end, struct buf *input);
/* The link that a pool may use. */
struct net_client **net_client_next(struct net_client *client);

#endif
