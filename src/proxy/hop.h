/* A connection to a back end by which mail goes on: SMTP or LMTP, one transaction after the other,
 * each in the steps in which the client says it. It knows who the client is (XCLIENT, where it is
 * offered to us). */
#ifndef PROXY_HOP_H
#define PROXY_HOP_H

#include "proxy/login.h"
#include "smtp/exchange.h"

struct proxy_hop {
	char *place; /* hosts, as the directory has them; owned */
	struct proxy_link link;
	struct smtp_exchange x;
	bool connected;
	bool open;                 /* MAIL was taken, and the transaction goes on */
	struct smtp_transaction t; /* then: those of the message's recipients who were taken */
};

/* Connects to the first host that is up, greets it and says who the client is. Negative: temporary.
 * `hostname` is ours. */
int proxy_hop_connect(struct proxy_hop *hop, struct proxy_backends *backends,
	const struct proxy_places *places, bool lmtp, const struct proxy_client *client,
	const char *hostname, struct err *err) WARN_UNUSED;
/* Begins a transaction with the sender of `whole`. As smtp_exchange_mail(); also refused: what the
 * message needs and the back end lacks. */
int proxy_hop_begin(
	struct proxy_hop *hop, const struct smtp_transaction *whole, struct err *err) WARN_UNUSED;
/* One more recipient, who is kept in the transaction when he is taken. As smtp_exchange_rcpt(). */
int proxy_hop_add(
	struct proxy_hop *hop, struct smtp_recipient *recipient, struct err *err) WARN_UNUSED;
/* The connection is gone in the middle of a transaction: whom it has taken has failed, for now. */
void proxy_hop_lose(struct proxy_hop *hop, const struct err *why);
/* The message of `whole`: each recipient has his result. The transaction is over. */
void proxy_hop_send(struct proxy_hop *hop, const struct smtp_transaction *whole);
/* The transaction is over without a message. */
void proxy_hop_reset(struct proxy_hop *hop);
/* Closes the connection; a transaction is over. */
void proxy_hop_close(struct proxy_hop *hop);
/* It can take another transaction: connected, and the back end has not closed it meanwhile. */
WARN_UNUSED bool proxy_hop_is_usable(struct proxy_hop *hop);

#endif
