/* LMTP as a client. With PIPELINING and CHUNKING a small message is one write and one read.
 *
 * A message whose end has left us may have been delivered, whatever becomes of the answer: it is
 * never sent again from here. The caller may, if the server knows what it has (XDELIVERY). */
#include "smtp/client.h"

#include "base/alloc.h"
#include "smtp/exchange.h"

#include <stdatomic.h>

enum { DEFAULT_IDLE_MAX = 64 };

struct smtp_client_pool {
	struct net_pool *connections;
	char *hostname;
	atomic_uint extensions; /* what the server has offered last; it is always the same server */
};

struct smtp_client_pool *smtp_client_pool_new(const struct smtp_client_options *options)
{
	struct smtp_client_pool *pool = ALLOC(struct smtp_client_pool);
	pool->connections = net_pool_new(
		&options->server, options->idle_max ? options->idle_max : DEFAULT_IDLE_MAX);
	pool->hostname = slice_dup(slice_str(options->hostname));
	atomic_init(&pool->extensions, 0);
	return pool;
}

void smtp_client_pool_free(struct smtp_client_pool *pool)
{
	if (!pool)
		return;
	net_pool_free(pool->connections);
	free(pool->hostname);
	free(pool);
}

static int greet(struct smtp_client_pool *pool, struct smtp_exchange *c, struct err *err)
{
	struct smtp_offer offer = {0};
	char hello[300];
	(void)snprintf(hello, sizeof(hello), "LHLO %.255s\r\n", pool->hostname);
	if (smtp_client_expect(c->net, 220, NULL, err) < 0)
		return -1;
	net_client_write(c->net, slice_str(hello));
	if (smtp_client_expect(c->net, 250, &offer, err) < 0)
		return -1;
	c->extensions = offer.extensions;
	atomic_store(&pool->extensions, c->extensions);
	return 0;
}

static int open_connection(
	struct smtp_client_pool *pool, struct smtp_exchange *c, bool *ret_reused, struct err *err)
{
	*c = (struct smtp_exchange){.lmtp = true, .extensions = atomic_load(&pool->extensions)};
	if (net_pool_take(pool->connections, &c->net, ret_reused, err) < 0)
		return -1;
	if (*ret_reused)
		return 0;
	c->extensions = 0;
	if (greet(pool, c, err) == 0)
		return 0;
	net_client_close(c->net);
	return -1;
}

int smtp_client_reach(struct smtp_client_pool *pool, struct err *err)
{
	struct smtp_exchange c;
	bool reused;
	if (open_connection(pool, &c, &reused, err) < 0)
		return err_prefix(err, "the store can't be reached");
	net_pool_give(pool->connections, c.net);
	return 0;
}

bool smtp_client_knows_again(struct smtp_client_pool *pool)
{
	return atomic_load(&pool->extensions) & SMTP_HAS_XDELIVERY;
}

/* What the message needs and the server lacks. */
static int check_needs(
	const struct smtp_exchange *c, const struct smtp_transaction *t, struct err *err)
{
	const char *lacks =
		t->sender.smtputf8 && !(c->extensions & SMTP_HAS_SMTPUTF8) ? "SMTPUTF8"
		: t->sender.body == ENVELOPE_BINARYMIME && !(c->extensions & SMTP_HAS_CHUNKING)
			? "BINARYMIME"
			: NULL;
	if (!lacks)
		return 0;
	(void)err_permanent(err, ERR_OTHER, "The mailbox's server can't take %s", lacks);
	return err_status(err, "5.6.1");
}

static void log_lost(const struct smtp_exchange *c, const struct smtp_transaction *t)
{
	if (c->complete)
		log_warn(t->log,
			c->extensions & SMTP_HAS_XDELIVERY && !id_is_none(t->sender.delivery)
				? "answer lost"
				: "answer lost, the message may be doubled",
			F_STR("id", t->session), F_SLICE("sender", t->sender.path.address));
}

int smtp_client_deliver(struct smtp_client_pool *pool, struct smtp_transaction *t, struct err *err)
{
	for (size_t i = 0; i < t->count; i++)
		t->recipients[i]->result = 0;
	for (;;) {
		struct smtp_exchange c;
		bool reused;
		if (open_connection(pool, &c, &reused, err) < 0)
			return err_prefix(err, "the store can't be reached");
		if (check_needs(&c, t, err) < 0) {
			net_pool_give(pool->connections, c.net);
			return -1;
		}
		smtp_exchange_take(&c, t);
		enum smtp_exchanged r = smtp_exchange_run(&c, t, err);
		if (r == SMTP_EXCHANGE_DONE) {
			net_pool_give(pool->connections, c.net);
			return 0;
		}
		net_client_close(c.net);
		if (c.answered || c.complete || !reused)
			log_lost(&c, t);
		if (r == SMTP_EXCHANGE_KNOWN)
			return 0;
		if (c.complete) {
			(void)err_prefix(err, "the store did not answer");
			return SMTP_CLIENT_LOST;
		}
		/* An idle connection may have ended just now: then nothing was taken. */
		if (c.answered || !reused)
			return err_prefix(err, "the store did not answer");
	}
}
