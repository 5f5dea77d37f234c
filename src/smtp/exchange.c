/* With PIPELINING the envelope is one write and one read. LMTP goes further: its server is our own,
 * so a small message goes out together with its envelope; elsewhere a message is sent only when
 * somebody has been found who takes it. */
#include "smtp/exchange.h"

#include "envelope/dots.h"
#include "smtp/exchange_internal.h"

enum {
	PIPELINED_MAX = 256 * 1024, /* LMTP: larger messages wait for the answers to RCPT */
	PIECE = 64 * 1024,
	/* RCPTs in one write to servers elsewhere: their answers fit into any socket's buffers, so
	 * nobody is stuck writing while the other one writes too (RFC 2920 section 3.1). */
	GROUP = 100,
	LAST_WORDS_MS = 1000,
};

const struct smtp_said *smtp_said_new(
	const struct smtp_client_reply *reply, const char *host, struct arena *arena)
{
	struct smtp_said *said = ARENA_NEW(arena, struct smtp_said);
	said->code = reply->code;
	said->status = arena_copy(arena, slice_str(reply->status)).ptr;
	said->text = arena_copy(arena, slice(reply->text, reply->len)).ptr;
	said->host = arena_copy(arena, slice_str(host)).ptr;
	return said;
}

void smtp_exchange_take(struct smtp_exchange *x, const struct smtp_transaction *t)
{
	x->extra = t->extra;
	x->message = t->message;
	x->body = t->sender.body;
	x->smtputf8 = t->sender.smtputf8;
}

static uint64_t size_of(const struct smtp_exchange *x)
{
	return (uint64_t)x->extra.len + x->message.len;
}

static void write_chunk(struct smtp_exchange *x)
{
	char line[64];
	(void)snprintf(line, sizeof(line), "BDAT %zu LAST\r\n", x->extra.len + x->message.len);
	net_client_write(x->net, slice_str(line));
	net_client_write(x->net, x->extra);
	net_client_write(x->net, x->message);
}

/* Behind DATA, piece by piece. */
static void write_dotted(struct smtp_exchange *x)
{
	AUTO(buf_free) struct buf piece = BUF(SIZE_MAX);
	bool line_start = true;
	envelope_dots_write(&piece, &line_start, x->extra);
	for (size_t at = 0; at < x->message.len; at += PIECE) {
		envelope_dots_write(&piece, &line_start, slice_sub(x->message, at, PIECE));
		net_client_write(x->net, buf_slice(&piece));
		buf_clear(&piece);
	}
	envelope_dots_write_end(&piece, line_start);
	net_client_write(x->net, buf_slice(&piece));
}

/* `what` is a member of struct smtp_patience. */
#define BE_PATIENT(x, what)                                                                        \
	do {                                                                                       \
		if ((x)->patience)                                                                 \
			net_client_set_timeout((x)->net, (x)->patience->what);                     \
	} while (0)

/* The message's end: from here on it may be delivered. */
static int send_end(struct smtp_exchange *x, struct err *err)
{
	int r = net_client_flush(x->net, err);
	x->complete = r == 0;
	BE_PATIENT(x, data_end);
	return r;
}

static void refuse(struct smtp_exchange *x, struct smtp_transaction *t, struct smtp_recipient *r,
	const struct smtp_client_reply *reply)
{
	r->result = smtp_client_reply_err(reply, &r->err);
	if (x->host)
		r->said = smtp_said_new(reply, x->host, &t->arena);
}

/* "Too many recipients" begins with a 5 for historical reasons, and means "not now" (RFC 5321
 * section 4.5.3.1.10). Said to the first one, 552 is a mailbox that is full. */
static void mend_too_many(
	struct smtp_recipient *r, const struct smtp_client_reply *reply, size_t taken)
{
	bool other = reply->status[0] && !slice_ends(slice_str(reply->status), SLICE(".5.3"));
	if (reply->code != 552 || taken == 0 || other)
		return;
	r->err.class = ERR_TEMPORARY;
	r->err.kind = ERR_LIMIT;
	(void)err_status(&r->err, "4.5.3");
}

/* One answer for all who are left. */
static void share(
	struct smtp_exchange *x, struct smtp_transaction *t, const struct smtp_client_reply *reply)
{
	bool good = reply->code / 100 == 2;
	const struct smtp_said *said = NULL;
	for (size_t i = 0; i < t->count; i++) {
		struct smtp_recipient *r = t->recipients[i];
		if (r->result < 0)
			continue;
		if (x->host && !said)
			said = smtp_said_new(reply, x->host, &t->arena);
		r->said = said;
		if (!good)
			r->result = smtp_client_reply_err(reply, &r->err);
	}
}

/* 421 is an answer for all who have none, and the end of the connection (RFC 5321 section 3.8). */
static int read_one(struct smtp_exchange *x, struct smtp_transaction *t,
	struct smtp_client_reply *reply, struct err *err)
{
	int r = smtp_client_read_reply(x->net, reply, NULL, err);
	x->answered = x->answered || r == 0;
	if (r == 0 && reply->code == 421 && !x->lmtp) {
		x->bye = true;
		share(x, t, reply);
		return smtp_client_reply_err(reply, err);
	}
	return r;
}

/* Answers to RCPT, of recipients `at` to `end`; NULL `taken`: they don't matter. */
static int read_recipients(struct smtp_exchange *x, struct smtp_transaction *t, size_t at,
	size_t end, size_t *taken, struct err *err)
{
	for (; at < end; at++) {
		UNINITIALIZED struct smtp_client_reply reply;
		struct smtp_recipient *r = t->recipients[at];
		if (r->result < 0)
			continue;
		if (read_one(x, t, &reply, err) < 0)
			return -1;
		if (!taken)
			continue;
		if (reply.code / 100 != 2)
			refuse(x, t, r, &reply);
		if (!x->lmtp)
			mend_too_many(r, &reply, *taken);
		*taken += r->result == 0;
	}
	return 0;
}

/* Answers to MAIL and to the RCPTs behind it. */
static int read_sender(struct smtp_exchange *x, struct smtp_transaction *t, size_t end,
	bool *ret_refused, size_t *taken, struct err *err)
{
	UNINITIALIZED struct smtp_client_reply sender;
	if (read_one(x, t, &sender, err) < 0)
		return -1;
	*ret_refused = sender.code / 100 != 2;
	if (read_recipients(x, t, 0, end, *ret_refused ? NULL : taken, err) < 0)
		return -1;
	if (*ret_refused) /* that is the reason, not what RCPT said then */
		share(x, t, &sender);
	return 0;
}

/* The envelope; *ret_taken: how many recipients were accepted. */
static int send_envelope(
	struct smtp_exchange *x, struct smtp_transaction *t, size_t *ret_taken, struct err *err)
{
	AUTO(buf_free) struct buf lines = BUF(SIZE_MAX);
	size_t group = !(x->extensions & SMTP_HAS_PIPELINING) ? 0 : x->lmtp ? t->count : GROUP;
	size_t at = MIN(group, t->count);
	bool refused;
	*ret_taken = 0;
	smtp_exchange_write_mail(x, t, size_of(x), &lines);
	smtp_exchange_write_rcpts(x, t, 0, at, &lines);
	net_client_write(x->net, buf_slice(&lines));
	if (read_sender(x, t, at, &refused, ret_taken, err) < 0)
		return -1;
	for (size_t end; !refused && at < t->count; at = end) {
		end = MIN(at + MAX(group, (size_t)1), t->count);
		buf_clear(&lines);
		smtp_exchange_write_rcpts(x, t, at, end, &lines);
		net_client_write(x->net, buf_slice(&lines));
		if (read_recipients(x, t, at, end, ret_taken, err) < 0)
			return -1;
	}
	return 0;
}

/* What has been said about some stays true when the rest of the answers is lost. */
static void lose(
	struct smtp_exchange *x, struct smtp_transaction *t, size_t at, const struct err *err)
{
	x->lost = !x->bye;
	for (; at < t->count; at++)
		if (t->recipients[at]->result >= 0) {
			t->recipients[at]->result = -1;
			t->recipients[at]->err = *err;
			t->recipients[at]->doubt = x->lost ? SMTP_DOUBT : SMTP_NO_DOUBT;
		}
}

static enum smtp_exchanged read_results(
	struct smtp_exchange *x, struct smtp_transaction *t, struct err *err)
{
	for (size_t i = 0; i < t->count; i++) {
		UNINITIALIZED struct smtp_client_reply reply;
		struct smtp_recipient *r = t->recipients[i];
		if (r->result < 0)
			continue;
		if (read_one(x, t, &reply, err) < 0) {
			lose(x, t, i, err);
			return SMTP_EXCHANGE_KNOWN;
		}
		if (!x->lmtp) {
			share(x, t, &reply);
			return SMTP_EXCHANGE_DONE;
		}
		if (reply.code / 100 != 2)
			refuse(x, t, r, &reply);
	}
	return SMTP_EXCHANGE_DONE;
}

/* Nobody is left to take the message. */
static enum smtp_exchanged end_refused(struct smtp_exchange *x, struct err *err)
{
	net_client_write(x->net, SLICE("RSET\r\n"));
	return smtp_client_expect(x->net, 250, NULL, err) < 0 ? SMTP_EXCHANGE_KNOWN
							      : SMTP_EXCHANGE_DONE;
}

static enum smtp_exchanged failed(const struct smtp_exchange *x)
{
	return x->bye ? SMTP_EXCHANGE_KNOWN : SMTP_EXCHANGE_BROKEN;
}

/* The server closed in the middle of the message, but maybe not without a word ("552 too big"):
 * that is the answer then. */
static enum smtp_exchanged read_last_words(
	struct smtp_exchange *x, struct smtp_transaction *t, struct err *err)
{
	UNINITIALIZED struct smtp_client_reply reply;
	struct err none;
	if (x->lmtp)
		return SMTP_EXCHANGE_BROKEN;
	net_client_stop_writing(x->net);
	net_client_set_timeout(x->net, LAST_WORDS_MS);
	if (smtp_client_read_reply(x->net, &reply, NULL, &none) < 0 || reply.code < 400)
		return SMTP_EXCHANGE_BROKEN;
	x->bye = reply.code == 421;
	share(x, t, &reply);
	return SMTP_EXCHANGE_KNOWN;
}

/* The message, for whom the envelope has left. */
static enum smtp_exchanged send_message(
	struct smtp_exchange *x, struct smtp_transaction *t, struct err *err)
{
	UNINITIALIZED struct smtp_client_reply reply;
	BE_PATIENT(x, data_begin);
	if (x->extensions & SMTP_HAS_CHUNKING) {
		BE_PATIENT(x, data_block);
		write_chunk(x);
	} else {
		net_client_write(x->net, SLICE("DATA\r\n"));
		if (read_one(x, t, &reply, err) < 0)
			return failed(x);
		if (reply.code >= 400) {
			share(x, t, &reply);
			return end_refused(x, err);
		}
		if (reply.code != 354) {
			(void)smtp_client_reply_err(&reply, err);
			return SMTP_EXCHANGE_BROKEN;
		}
		BE_PATIENT(x, data_block);
		write_dotted(x);
	}
	return send_end(x, err) < 0 ? read_last_words(x, t, err) : read_results(x, t, err);
}

/* Envelope and message in one write. */
static enum smtp_exchanged run_at_once(
	struct smtp_exchange *x, struct smtp_transaction *t, struct err *err)
{
	AUTO(buf_free) struct buf lines = BUF(SIZE_MAX);
	UNINITIALIZED struct smtp_client_reply reply;
	size_t taken = 0;
	bool refused;
	smtp_exchange_write_mail(x, t, size_of(x), &lines);
	smtp_exchange_write_rcpts(x, t, 0, t->count, &lines);
	net_client_write(x->net, buf_slice(&lines));
	write_chunk(x);
	if (send_end(x, err) < 0 || read_sender(x, t, t->count, &refused, &taken, err) < 0)
		return SMTP_EXCHANGE_BROKEN;
	if (taken > 0)
		return read_results(x, t, err);
	if (read_one(x, t, &reply, err) < 0)
		return SMTP_EXCHANGE_KNOWN;
	return end_refused(x, err);
}

static bool is_at_once(const struct smtp_exchange *x)
{
	return x->lmtp && (x->extensions & SMTP_HAS_CHUNKING) &&
	       (x->extensions & SMTP_HAS_PIPELINING) && size_of(x) <= PIPELINED_MAX;
}

enum smtp_exchanged smtp_exchange_run(
	struct smtp_exchange *x, struct smtp_transaction *t, struct err *err)
{
	size_t taken;
	if (is_at_once(x))
		return run_at_once(x, t, err);
	BE_PATIENT(x, command);
	if (send_envelope(x, t, &taken, err) < 0)
		return failed(x);
	return taken > 0 ? send_message(x, t, err) : end_refused(x, err);
}

static int ask(struct smtp_exchange *x, struct slice lines, struct err *err)
{
	UNINITIALIZED struct smtp_client_reply reply;
	net_client_write(x->net, lines);
	if (smtp_client_read_reply(x->net, &reply, NULL, err) < 0)
		return -1;
	if (reply.code / 100 == 2)
		return 0;
	(void)smtp_client_reply_err(&reply, err);
	return reply.code == 421 ? -1 : SMTP_EXCHANGE_REFUSED;
}

int smtp_exchange_mail(
	struct smtp_exchange *x, struct smtp_transaction *t, uint64_t size, struct err *err)
{
	AUTO(buf_free) struct buf lines = BUF(SIZE_MAX);
	x->answered = x->complete = x->lost = x->bye = false;
	smtp_exchange_write_mail(x, t, size, &lines);
	return ask(x, buf_slice(&lines), err);
}

int smtp_exchange_rcpt(struct smtp_exchange *x, struct smtp_transaction *t,
	struct smtp_recipient *r, struct err *err)
{
	AUTO(buf_free) struct buf lines = BUF(SIZE_MAX);
	struct smtp_transaction one = *t;
	one.recipients = &r;
	one.count = 1;
	smtp_exchange_write_rcpts(x, &one, 0, 1, &lines);
	return ask(x, buf_slice(&lines), err);
}

enum smtp_exchanged smtp_exchange_message(
	struct smtp_exchange *x, struct smtp_transaction *t, struct err *err)
{
	return send_message(x, t, err);
}

int smtp_exchange_reset(struct smtp_exchange *x, struct err *err)
{
	return ask(x, SLICE("RSET\r\n"), err);
}
