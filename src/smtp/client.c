/* LMTP as a client. With PIPELINING and CHUNKING a small message is one write and one read.
 *
 * A message whose end has left us may have been delivered, whatever becomes of the answer: it is
 * never sent again from here. Then the failure is temporary, and the log says that the sender's
 * second try may double the message. */
#include "smtp/client.h"

#include "base/alloc.h"
#include "envelope/dots.h"
#include "smtp/client_reply.h"

#include <stdatomic.h>

enum {
	DEFAULT_IDLE_MAX = 64,
	PIPELINED_MAX = 256 * 1024, /* larger messages wait for the answers to RCPT */
	PIECE = 64 * 1024,
};

struct connection {
	struct net_client *net;
	unsigned extensions;
	bool answered; /* the server has said something in this transaction */
	bool complete; /* the message's end has been given to the kernel */
};

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

static int greet(struct smtp_client_pool *pool, struct connection *c, struct err *err)
{
	char hello[300];
	(void)snprintf(hello, sizeof(hello), "LHLO %.255s\r\n", pool->hostname);
	if (smtp_client_expect(c->net, 220, NULL, err) < 0)
		return -1;
	net_client_write(c->net, slice_str(hello));
	if (smtp_client_expect(c->net, 250, &c->extensions, err) < 0)
		return -1;
	atomic_store(&pool->extensions, c->extensions);
	return 0;
}

static int open_connection(
	struct smtp_client_pool *pool, struct connection *c, bool *ret_reused, struct err *err)
{
	*c = (struct connection){.extensions = atomic_load(&pool->extensions)};
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
	struct connection c;
	bool reused;
	if (open_connection(pool, &c, &reused, err) < 0)
		return err_prefix(err, "the store can't be reached");
	net_pool_give(pool->connections, c.net);
	return 0;
}

static void write_mail(
	const struct connection *c, const struct smtp_transaction *t, uint64_t size, struct buf *to)
{
	const struct envelope_sender *s = &t->sender;
	static const char *const BODIES[] = {"", " BODY=8BITMIME", " BODY=BINARYMIME"};
	buf_printf(to, "MAIL FROM:<%.*s>", SLICE_ARG(s->path.address));
	if (c->extensions & SMTP_HAS_SIZE)
		buf_printf(to, " SIZE=%llu", (unsigned long long)size);
	if (c->extensions & SMTP_HAS_EIGHT_BIT)
		buf_add_str(to, BODIES[s->body]);
	if ((c->extensions & SMTP_HAS_SMTPUTF8) && s->smtputf8)
		buf_add_str(to, " SMTPUTF8");
	if ((c->extensions & SMTP_HAS_DSN) && s->ret != ENVELOPE_RET_UNSET)
		buf_add_str(to, s->ret == ENVELOPE_RET_FULL ? " RET=FULL" : " RET=HDRS");
	if ((c->extensions & SMTP_HAS_DSN) && s->envid.len > 0)
		buf_printf(to, " ENVID=%.*s", SLICE_ARG(s->envid));
	if (c->extensions & SMTP_HAS_XSESSION)
		buf_printf(to, " XSESSION=%s", t->session);
	buf_add_str(to, "\r\n");
}

static void write_rcpt(
	const struct connection *c, const struct envelope_recipient *r, struct buf *to)
{
	static const char *const NAMES[] = {"NEVER", "SUCCESS", "FAILURE", "DELAY"};
	buf_printf(to, "RCPT TO:<%.*s>", SLICE_ARG(r->path.address));
	if ((c->extensions & SMTP_HAS_DSN) && r->notify) {
		const char *gap = " NOTIFY=";
		for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
			if (r->notify & 1u << i) {
				buf_printf(to, "%s%s", gap, NAMES[i]);
				gap = ",";
			}
	}
	if ((c->extensions & SMTP_HAS_DSN) && r->orcpt.len > 0)
		buf_printf(to, " ORCPT=%.*s", SLICE_ARG(r->orcpt));
	buf_add_str(to, "\r\n");
}

static void write_chunk(struct connection *c, const struct smtp_transaction *t)
{
	char line[64];
	(void)snprintf(line, sizeof(line), "BDAT %zu LAST\r\n", t->extra.len + t->message.len);
	net_client_write(c->net, slice_str(line));
	net_client_write(c->net, t->extra);
	net_client_write(c->net, t->message);
}

/* Behind DATA, piece by piece. */
static void write_dotted(struct connection *c, const struct smtp_transaction *t)
{
	AUTO(buf_free) struct buf piece = BUF(SIZE_MAX);
	bool line_start = true;
	envelope_dots_write(&piece, &line_start, t->extra);
	for (size_t at = 0; at < t->message.len; at += PIECE) {
		envelope_dots_write(&piece, &line_start, slice_sub(t->message, at, PIECE));
		net_client_write(c->net, buf_slice(&piece));
		buf_clear(&piece);
	}
	envelope_dots_write_end(&piece, line_start);
	net_client_write(c->net, buf_slice(&piece));
}

/* The message's end: from here on it may be delivered. */
static int send_end(struct connection *c, struct err *err)
{
	int r = net_client_flush(c->net, err);
	c->complete = r == 0;
	return r;
}

static int read_one(struct connection *c, struct smtp_client_reply *reply, struct err *err)
{
	int r = smtp_client_read_reply(c->net, reply, NULL, err);
	c->answered = c->answered || r == 0;
	return r;
}

/* Answers to RCPT: how many were taken. */
static int read_recipients(
	struct connection *c, struct smtp_transaction *t, size_t *ret_taken, struct err *err)
{
	*ret_taken = 0;
	for (size_t i = 0; i < t->count; i++) {
		struct smtp_client_reply reply;
		if (read_one(c, &reply, err) < 0)
			return -1;
		t->recipients[i]->result = reply.code / 100 == 2 ? 0
								 : smtp_client_reply_err(&reply,
									   &t->recipients[i]->err);
		*ret_taken += t->recipients[i]->result == 0;
	}
	return 0;
}

/* What has been said about some stays true when the rest of the answers is lost. */
static int read_results(struct connection *c, struct smtp_transaction *t, struct err *err)
{
	int r = 0;
	for (size_t i = 0; i < t->count; i++) {
		struct smtp_recipient *recipient = t->recipients[i];
		struct smtp_client_reply reply;
		if (recipient->result < 0)
			continue;
		if (r == 0)
			r = read_one(c, &reply, err);
		if (r < 0) {
			recipient->result = r;
			recipient->err = *err;
		} else if (reply.code / 100 != 2) {
			recipient->result = smtp_client_reply_err(&reply, &recipient->err);
		}
	}
	return r;
}

/* Nobody is left to take the message. *sender is the answer to MAIL. */
static int end_refused(struct connection *c, struct smtp_transaction *t,
	const struct smtp_client_reply *sender, bool message_sent, struct err *err)
{
	struct smtp_client_reply reply;
	if (sender->code / 100 != 2) /* that is the reason, not what RCPT said then */
		for (size_t i = 0; i < t->count; i++)
			t->recipients[i]->result =
				smtp_client_reply_err(sender, &t->recipients[i]->err);
	if (message_sent && read_one(c, &reply, err) < 0)
		return -1;
	net_client_write(c->net, SLICE("RSET\r\n"));
	return smtp_client_expect(c->net, 250, NULL, err);
}

/* What the message needs and the server lacks. */
static int check_needs(
	const struct connection *c, const struct smtp_transaction *t, struct err *err)
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

enum outcome {
	BROKEN = -1, /* the connection can't be used any more */
	DONE = 0,
	KNOWN = 1, /* broken too, but each recipient has its result */
};

static enum outcome transact(struct connection *c, struct smtp_transaction *t, struct err *err)
{
	AUTO(buf_free) struct buf head = BUF(SIZE_MAX);
	uint64_t size = t->extra.len + t->message.len;
	bool chunking = c->extensions & SMTP_HAS_CHUNKING;
	bool at_once = chunking && (c->extensions & SMTP_HAS_PIPELINING) && size <= PIPELINED_MAX;
	struct smtp_client_reply sender;
	size_t taken;
	write_mail(c, t, size, &head);
	for (size_t i = 0; i < t->count; i++)
		write_rcpt(c, &t->recipients[i]->envelope, &head);
	net_client_write(c->net, buf_slice(&head));
	if (at_once)
		write_chunk(c, t);
	if (at_once && send_end(c, err) < 0)
		return BROKEN;
	if (read_one(c, &sender, err) < 0 || read_recipients(c, t, &taken, err) < 0)
		return BROKEN;
	if (taken == 0)
		return end_refused(c, t, &sender, at_once, err) < 0 ? KNOWN : DONE;
	if (!at_once && chunking) {
		write_chunk(c, t);
	} else if (!at_once) {
		net_client_write(c->net, SLICE("DATA\r\n"));
		if (smtp_client_expect(c->net, 354, NULL, err) < 0)
			return BROKEN;
		write_dotted(c, t);
	}
	if (!at_once && send_end(c, err) < 0)
		return BROKEN;
	return read_results(c, t, err) < 0 ? KNOWN : DONE;
}

static void log_lost(const struct connection *c, const struct smtp_transaction *t)
{
	if (c->complete)
		log_warn(t->log, "answer lost, the message may be doubled", F_STR("id", t->session),
			F_SLICE("sender", t->sender.path.address));
}

int smtp_client_deliver(struct smtp_client_pool *pool, struct smtp_transaction *t, struct err *err)
{
	for (;;) {
		struct connection c;
		bool reused;
		if (open_connection(pool, &c, &reused, err) < 0)
			return err_prefix(err, "the store can't be reached");
		if (check_needs(&c, t, err) < 0) {
			net_pool_give(pool->connections, c.net);
			return -1;
		}
		enum outcome r = transact(&c, t, err);
		if (r == DONE) {
			net_pool_give(pool->connections, c.net);
			return 0;
		}
		net_client_close(c.net);
		if (c.answered || c.complete || !reused)
			log_lost(&c, t);
		if (r == KNOWN)
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
