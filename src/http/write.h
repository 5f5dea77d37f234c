/* Heads written anew: what a head said of one connection (RFC 9110 section 7.6.1) does not go on to
 * the next, and framing is ours. Pure. */
#ifndef HTTP_WRITE_H
#define HTTP_WRITE_H

#include "http/head.h"
#include "net/address.h"

/* What the back end is told of the client. What he said of it himself is dropped: who may speak for
 * others was listened to before (http_client_read). */
struct http_client {
	struct net_address address; /* len 0: not known, and not told */
	bool secure;                /* he came by TLS */
	unsigned ttl;
};
/* Who the client is as a front end says: its X-Forwarded-For (the last address, the one that it saw
 * itself), or where it sends none its Forwarded; X-Forwarded-Proto or Forwarded's proto;
 * X-Rookery-TTL. What is not said stays as it is in *client. False: a port or the TTL is no number.
 */
WARN_UNUSED bool http_client_read(const struct http_head *head, struct http_client *client);

struct http_request_changes {
	const struct http_client *client;
	struct slice host;          /* where the request has none */
	struct slice authorization; /* in place of the request's; SLICE_NONE: that one */
	bool upgrade;               /* the request's Upgrade goes on */
};
/* A request in HTTP/1.1, its body framed as it came. */
void http_request_write(const struct http_request *request,
	const struct http_request_changes *changes, struct buf *to);

/* An answer in HTTP/1.1. `framing` is that of the body as it will be sent: a length as it came, or
 * chunks, or the end of the connection. */
void http_answer_write(
	const struct http_answer *answer, enum http_framing framing, bool close, struct buf *to);

#endif
