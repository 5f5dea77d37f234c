/* The client half, for LMTP to a store: one transaction, on a connection from a pool.
 *
 * A store may have several servers, which are copies of each other: the first that works is used.
 * One that fails is passed over for 2 seconds, then 4 … 30, unless all fail. With "tls" it is
 * STARTTLS, or no mail. A host's addresses are looked up anew when a connection fails. */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include "net/client.h"
#include "net/remote.h"
#include "smtp/server.h"

struct smtp_client_pool;

enum { SMTP_CLIENT_SERVERS_MAX = 8 };

struct smtp_client_options {
	const struct net_remote *servers; /* copied; at most SMTP_CLIENT_SERVERS_MAX */
	size_t server_count;
	struct net_tls_client *trust; /* for those with TLS; borrowed. NULL: no mail goes there */
	const char *hostname;         /* for LHLO; copied */
	unsigned timeout_ms;          /* of each read and write; 0: 30 s */
	unsigned idle_max;            /* connections kept, of each server; 0: 64 */
};
struct smtp_client_pool *smtp_client_pool_new(const struct smtp_client_options *options);
void smtp_client_pool_free(struct smtp_client_pool *pool); /* NULL is fine */
/* Ends idle connections. */
void smtp_client_pool_drain(struct smtp_client_pool *pool);

/* Whether there is a server: 0, or temporary. */
int smtp_client_reach(struct smtp_client_pool *pool, struct err *err) WARN_UNUSED;
/* Positive outcome: each recipient has its result, but the answer was lost for some, who may have
 * the message: those with a `doubt`. */
enum { SMTP_CLIENT_LOST = 1 };
/* Passes the transaction on; fills each recipient's result with what the other side said about it.
 * 0 when each recipient has its result; negative, the same for all, when no server could be reached
 * or all broke off before they had the message (temporary), or they can't take such a message
 * (permanent). A message that may have been delivered is never sent again from here. Uses CHUNKING
 * and PIPELINING where offered. Thread-safe. */
int smtp_client_deliver(
	struct smtp_client_pool *pool, struct smtp_transaction *t, struct err *err) WARN_UNUSED;

#endif
