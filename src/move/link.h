/* The driver's end of a connection to a node that takes users in: one request at a time, each
 * answered. By TLS, with a certificate that fits the host; the secret is said first. */
#ifndef MOVE_LINK_H
#define MOVE_LINK_H

#include "move/wire.h"

/* Of "host:143" only "host": where it listens for moves unless it is told. */
struct slice move_host_alone(struct slice host);

struct move_link;
struct move_link_options {
	struct slice host;       /* "host", "host:port", "[v6]:port" */
	const char *authorities; /* file of certificates; "": the system's */
	struct slice secret;
	unsigned timeout_ms; /* of connecting, and of each answer */
};
int move_link_open(const struct move_link_options *options, struct move_link **ret_link,
	struct err *err) WARN_UNUSED;
void move_link_close(struct move_link *link); /* NULL is fine */
void move_link_set_timeout(struct move_link *link, unsigned ms);
/* Sends a request and appends the answer. Negative: the other node refuses (the error is its own),
 * or the link is broken, then *ret_broken is set and it can only be closed. */
int move_link_ask(struct move_link *link, const struct move_request *request, struct buf *answer,
	bool *ret_broken, struct err *err) WARN_UNUSED;

#endif
