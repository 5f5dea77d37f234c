/* Connections to the servers of a store: which one, and how it begins. */
#ifndef SMTP_CLIENT_INTERNAL_H
#define SMTP_CLIENT_INTERNAL_H

#include "smtp/client.h"
#include "smtp/exchange.h"

struct smtp_client_server;

struct smtp_client_link {
	struct smtp_exchange x; /* its extensions are those of the server */
	struct smtp_client_server *server;
	bool reused;
};

/* A connection to the first server that works; servers whose bit in *tried is set are left out, and
 * those that fail get it. Negative: there is none (temporary). */
int smtp_client_open(struct smtp_client_pool *pool, unsigned *tried,
	struct smtp_client_link *ret_link, struct err *err) WARN_UNUSED;
/* It can be used again. */
void smtp_client_keep(struct smtp_client_link *link);
/* It can't. `failed`: nor need its server be asked for a while; *tried gets its bit. */
void smtp_client_drop(
	struct smtp_client_pool *pool, struct smtp_client_link *link, bool failed, unsigned *tried);

#endif
