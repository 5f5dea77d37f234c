/* LMTP as a client. With PIPELINING and CHUNKING a small message is one write and one read. */
#include "smtp/client.h"

#include "base/alloc.h"
#include "envelope/dots.h"

#include <pthread.h>

enum {
	DEFAULT_IDLE_MAX = 64,
	REPLY_LINE_MAX = 2048,
	REPLY_LINES_MAX = 100,
	PIPELINED_MAX = 256 * 1024, /* larger messages wait for the answers to RCPT */
	PIECE = 64 * 1024,
};

enum extension {
	PIPELINING = 1,
	CHUNKING = 2,
	SMTPUTF8 = 4,
	EIGHT_BIT = 8,
	SIZE_ = 16,
	DSN = 32,
	XSESSION = 64,
};

struct connection {
	struct net_client *net;
	unsigned extensions;
	struct connection *next;
};

struct smtp_client_pool {
	struct smtp_client_options options;
	pthread_mutex_t lock; /* guards idle, idle_count */
	struct connection *idle;
	unsigned idle_count;
};

struct reply {
	int code;
	char text[160]; /* of the last line, with its enhanced code */
};

struct smtp_client_pool *smtp_client_pool_new(const struct smtp_client_options *options)
{
	struct smtp_client_pool *pool = ALLOC(struct smtp_client_pool);
	pool->options = *options;
	if (pool->options.idle_max == 0)
		pool->options.idle_max = DEFAULT_IDLE_MAX;
	(void)pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

static void close_connection(struct connection *c)
{
	net_client_close(c->net);
	free(c);
}

void smtp_client_pool_free(struct smtp_client_pool *pool)
{
	if (!pool)
		return;
	while (pool->idle) {
		struct connection *next = pool->idle->next;
		close_connection(pool->idle);
		pool->idle = next;
	}
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static unsigned extension_of(struct slice line)
{
	static const struct {
		const char *name;
		enum extension bit;
	} NAMES[] = {
		{"PIPELINING", PIPELINING},
		{"CHUNKING", CHUNKING},
		{"SMTPUTF8", SMTPUTF8},
		{"8BITMIME", EIGHT_BIT},
		{"SIZE", SIZE_},
		{"DSN", DSN},
		{"XSESSION", XSESSION},
	};
	struct slice word = slice_cut(&line, ' ');
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		if (slice_eq_nocase(word, slice_str(NAMES[i].name)))
			return NAMES[i].bit;
	return 0;
}

/* One reply, all its lines. `extensions` may be NULL. */
static int read_reply(
	struct net_client *net, struct reply *reply, unsigned *extensions, struct err *err)
{
	for (int i = 0; i < REPLY_LINES_MAX; i++) {
		struct slice line;
		uint64_t code;
		if (net_client_read_line(net, REPLY_LINE_MAX, &line, err) < 0)
			return -1;
		if (line.len < 3 || !slice_to_u64(slice_sub(line, 0, 3), 599, &code))
			return err_temporary(err, ERR_UNAVAILABLE, "not an SMTP reply: \"%.*s\"",
				(int)MIN(line.len, (size_t)40), line.ptr);
		struct slice text = slice_from(line, 4);
		if (extensions && i > 0)
			*extensions |= extension_of(text);
		if (line.len > 3 && line.ptr[3] == '-')
			continue;
		reply->code = (int)code;
		(void)snprintf(reply->text, sizeof(reply->text), "%.*s", SLICE_ARG(text));
		return 0;
	}
	return err_temporary(err, ERR_UNAVAILABLE, "endless SMTP reply");
}

/* What a refusal says, as an err. */
static int as_err(const struct reply *reply, struct err *err)
{
	static const struct {
		const char *status;
		enum err_kind kind;
	} KINDS[] = {
		{".1.1", ERR_ABSENT},
		{".2.2", ERR_OVER_QUOTA},
		{".3.4", ERR_LIMIT},
		{".7.1", ERR_DENIED},
	};
	struct slice text = slice_str(reply->text), rest = text, status = slice_cut(&rest, ' ');
	bool has_status = status.len >= 5 && status.len < sizeof(err->status) &&
			  status.ptr[1] == '.' && (status.ptr[0] == '4' || status.ptr[0] == '5');
	enum err_kind kind = ERR_OTHER;
	for (size_t i = 0; i < ARRAY_LEN(KINDS) && has_status; i++)
		if (slice_ends(status, slice_str(KINDS[i].status)))
			kind = KINDS[i].kind;
	struct slice words = has_status ? rest : text;
	if (reply->code >= 500)
		(void)err_permanent(err, kind, "%.*s", SLICE_ARG(words));
	else
		(void)err_temporary(err, kind, "%.*s", SLICE_ARG(words));
	if (has_status) {
		char copy[sizeof(err->status)];
		(void)snprintf(copy, sizeof(copy), "%.*s", SLICE_ARG(status));
		return err_status(err, copy);
	}
	return -1;
}

static int expect(struct net_client *net, int code, unsigned *extensions, struct err *err)
{
	struct reply reply;
	if (read_reply(net, &reply, extensions, err) < 0)
		return -1;
	if (reply.code == code)
		return 0;
	return err_temporary(
		err, ERR_UNAVAILABLE, "the LMTP server says %d %.100s", reply.code, reply.text);
}

static int connect_new(struct smtp_client_pool *pool, struct connection **ret, struct err *err)
{
	struct net_client *net;
	char hello[300];
	if (net_client_connect(&pool->options.server, &net, err) < 0)
		return -1;
	struct connection *c = ALLOC(struct connection);
	c->net = net;
	(void)snprintf(hello, sizeof(hello), "LHLO %.255s\r\n", pool->options.hostname);
	int r = expect(net, 220, NULL, err);
	if (r == 0) {
		net_client_write(net, slice_str(hello));
		r = expect(net, 250, &c->extensions, err);
	}
	if (r < 0) {
		close_connection(c);
		return r;
	}
	*ret = c;
	return 0;
}

static struct connection *take_idle(struct smtp_client_pool *pool)
{
	(void)pthread_mutex_lock(&pool->lock);
	struct connection *c = pool->idle;
	if (c) {
		pool->idle = c->next;
		pool->idle_count--;
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return c;
}

static void give_back(struct smtp_client_pool *pool, struct connection *c)
{
	(void)pthread_mutex_lock(&pool->lock);
	bool keep = pool->idle_count < pool->options.idle_max;
	if (keep) {
		c->next = pool->idle;
		pool->idle = c;
		pool->idle_count++;
	}
	(void)pthread_mutex_unlock(&pool->lock);
	if (!keep)
		close_connection(c);
}

static void write_mail(
	const struct connection *c, const struct smtp_transaction *t, uint64_t size, struct buf *to)
{
	const struct envelope_sender *s = &t->sender;
	static const char *const BODIES[] = {"", " BODY=8BITMIME", " BODY=BINARYMIME"};
	buf_printf(to, "MAIL FROM:<%.*s>", SLICE_ARG(s->path.address));
	if (c->extensions & SIZE_)
		buf_printf(to, " SIZE=%llu", (unsigned long long)size);
	if (c->extensions & EIGHT_BIT)
		buf_add_str(to, BODIES[s->body]);
	if ((c->extensions & SMTPUTF8) && s->smtputf8)
		buf_add_str(to, " SMTPUTF8");
	if ((c->extensions & DSN) && s->ret != ENVELOPE_RET_UNSET)
		buf_add_str(to, s->ret == ENVELOPE_RET_FULL ? " RET=FULL" : " RET=HDRS");
	if ((c->extensions & DSN) && s->envid.len > 0)
		buf_printf(to, " ENVID=%.*s", SLICE_ARG(s->envid));
	if (c->extensions & XSESSION)
		buf_printf(to, " XSESSION=%s", t->session);
	buf_add_str(to, "\r\n");
}

static void write_rcpt(
	const struct connection *c, const struct envelope_recipient *r, struct buf *to)
{
	static const char *const NAMES[] = {"NEVER", "SUCCESS", "FAILURE", "DELAY"};
	buf_printf(to, "RCPT TO:<%.*s>", SLICE_ARG(r->path.address));
	if ((c->extensions & DSN) && r->notify) {
		const char *gap = " NOTIFY=";
		for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
			if (r->notify & 1u << i) {
				buf_printf(to, "%s%s", gap, NAMES[i]);
				gap = ",";
			}
	}
	if ((c->extensions & DSN) && r->orcpt.len > 0)
		buf_printf(to, " ORCPT=%.*s", SLICE_ARG(r->orcpt));
	buf_add_str(to, "\r\n");
}

static void write_chunk(struct connection *c, const struct smtp_transaction *t)
{
	char line[64];
	(void)snprintf(line, sizeof(line), "BDAT %llu LAST\r\n",
		(unsigned long long)(t->extra.len + t->message.len));
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

/* Answers to RCPT: how many were taken. */
static int read_recipients(
	struct connection *c, struct smtp_transaction *t, size_t *ret_taken, struct err *err)
{
	*ret_taken = 0;
	for (size_t i = 0; i < t->count; i++) {
		struct reply reply;
		if (read_reply(c->net, &reply, NULL, err) < 0)
			return -1;
		t->recipients[i]->result =
			reply.code / 100 == 2 ? 0 : as_err(&reply, &t->recipients[i]->err);
		*ret_taken += t->recipients[i]->result == 0;
	}
	return 0;
}

static int read_results(struct connection *c, struct smtp_transaction *t, struct err *err)
{
	for (size_t i = 0; i < t->count; i++) {
		struct reply reply;
		if (t->recipients[i]->result < 0)
			continue;
		if (read_reply(c->net, &reply, NULL, err) < 0)
			return -1;
		t->recipients[i]->result =
			reply.code / 100 == 2 ? 0 : as_err(&reply, &t->recipients[i]->err);
	}
	return 0;
}

/* *ret_answered: the server has said something, so the connection was alive. */
static int transact(
	struct connection *c, struct smtp_transaction *t, bool *ret_answered, struct err *err)
{
	AUTO(buf_free) struct buf head = BUF(SIZE_MAX);
	uint64_t size = t->extra.len + t->message.len;
	bool chunking = c->extensions & CHUNKING;
	bool at_once = chunking && (c->extensions & PIPELINING) && size <= PIPELINED_MAX;
	struct reply reply;
	size_t taken;
	write_mail(c, t, size, &head);
	for (size_t i = 0; i < t->count; i++)
		write_rcpt(c, &t->recipients[i]->envelope, &head);
	net_client_write(c->net, buf_slice(&head));
	if (at_once)
		write_chunk(c, t);
	if (read_reply(c->net, &reply, NULL, err) < 0)
		return -1;
	*ret_answered = true;
	bool sender_ok = reply.code / 100 == 2;
	struct reply sender_reply = reply;
	if (read_recipients(c, t, &taken, err) < 0)
		return -1;
	if (taken == 0) {
		if (at_once && read_reply(c->net, &reply, NULL, err) < 0)
			return -1;
		if (!sender_ok) /* that is the reason, not what RCPT said then */
			for (size_t i = 0; i < t->count; i++)
				t->recipients[i]->result =
					as_err(&sender_reply, &t->recipients[i]->err);
		net_client_write(c->net, SLICE("RSET\r\n"));
		return expect(c->net, 250, NULL, err);
	}
	if (!at_once && chunking) {
		write_chunk(c, t);
	} else if (!at_once) {
		net_client_write(c->net, SLICE("DATA\r\n"));
		if (expect(c->net, 354, NULL, err) < 0)
			return -1;
		write_dotted(c, t);
	}
	return read_results(c, t, err);
}

int smtp_client_deliver(struct smtp_client_pool *pool, struct smtp_transaction *t, struct err *err)
{
	for (;;) {
		struct connection *c = take_idle(pool);
		bool reused = c != NULL, answered = false;
		if (!c && connect_new(pool, &c, err) < 0)
			return -1;
		if (transact(c, t, &answered, err) == 0) {
			give_back(pool, c);
			return 0;
		}
		close_connection(c);
		/* An idle connection may have been closed meanwhile: then nothing was taken. */
		if (!reused || answered)
			return err_prefix(err, "the store did not answer");
	}
}
