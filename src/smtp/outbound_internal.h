/* A connection to a server elsewhere, from inside. */
#ifndef SMTP_OUTBOUND_INTERNAL_H
#define SMTP_OUTBOUND_INTERNAL_H

#include "smtp/outbound.h"

struct smtp_outbound {
	struct smtp_exchange x; /* net, and how to speak there */
	struct smtp_offer offer;
	struct smtp_patience patience;
	char *host;
	const char *hostname;
	int spool_dir_fd;
	bool tls, verified;
	bool ended;
	/* While it is being opened. */
	const struct smtp_hop *hop;
	struct smtp_opening *opening;
	struct arena *arena;
};

/* A refusal is kept for reports. 421 is a failure: the connection has ended. `line` may be empty:
 * nothing is said, the server speaks first. */
int smtp_outbound_ask(struct smtp_outbound *o, struct slice line, struct smtp_client_reply *reply,
	struct smtp_offer *offer, struct err *err) WARN_UNUSED;
/* After a reply was read in another way. */
int smtp_outbound_heard(struct smtp_outbound *o, const struct smtp_client_reply *reply,
	struct err *err) WARN_UNUSED;

/* outbound_auth.c: AUTH (RFC 4954) with the hop's user. */
int smtp_outbound_login(struct smtp_outbound *o, struct err *err) WARN_UNUSED;

#endif
