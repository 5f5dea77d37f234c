/* The client half, for LMTP to a store: one transaction, on a connection from a pool. */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include "net/client.h"
#include "smtp/server.h"

struct smtp_client_pool;

struct smtp_client_options {
	struct net_client_options server;
	const char *hostname; /* for LHLO */
	unsigned idle_max;    /* connections kept; 0: 64 */
};
struct smtp_client_pool *smtp_client_pool_new(const struct smtp_client_options *options);
void smtp_client_pool_free(struct smtp_client_pool *pool);

/* Whether there is a server: 0, or temporary. */
int smtp_client_reach(struct smtp_client_pool *pool, struct err *err) WARN_UNUSED;
/* Positive outcome: the answer was lost, so the message may have been delivered; `err` says why. */
enum { SMTP_CLIENT_LOST = 1 };
/* Whether the server takes a message that it has already for what it is (XDELIVERY), so that one
 * whose answer was lost may be sent again; as it has offered last. */
WARN_UNUSED bool smtp_client_knows_again(struct smtp_client_pool *pool);
/* Passes the transaction on; fills each recipient's result with what the other side said about it.
 * 0 when each recipient has its result; negative when the server could not be reached or broke off
 * before (temporary: the same for all), or can't take such a message (permanent). A message that
 * may have been delivered is never sent again from here. Uses CHUNKING and PIPELINING where
 * offered. Thread-safe. */
int smtp_client_deliver(
	struct smtp_client_pool *pool, struct smtp_transaction *t, struct err *err) WARN_UNUSED;

#endif
