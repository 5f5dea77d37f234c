/* DATA and BDAT (RFC 3030): the message goes to a spool as it comes; at its end the backend
 * delivers, and only then comes the answer. After a failure the rest of the message is read and
 * thrown away, for the client looks for an answer only when it has sent everything. */
#include "smtp/session_internal.h"

enum {
	SPOOL_MEMORY = 256 * 1024, /* larger messages go to a file */
	/* What messages on their way in may hold of memory together: so many of them have as much
	 * as above, all others a little. */
	CROWD = 256,
	SPOOL_MEMORY_CROWDED = 16 * 1024,
};

static void begin_spool(struct smtp_session *s)
{
	AUTO(buf_free) struct buf trace = BUF(SMTP_FIELDS_MAX);
	bool crowded = atomic_fetch_add_explicit(
			       &s->service->messages_open, 1, memory_order_relaxed) >= CROWD;
	s->spool =
		spool_new(s->service->spool_dir_fd, crowded ? SPOOL_MEMORY_CROWDED : SPOOL_MEMORY,
			smtp_message_max(s) + SMTP_FIELDS_MAX);
	if (!smtp_is_lmtp(s))
		return;
	smtp_write_lmtp_trace(s, &trace);
	s->spool_result = spool_add(s->spool, buf_slice(&trace), &s->spool_err);
}

static int too_big(struct err *err)
{
	(void)err_permanent(err, ERR_LIMIT, "Message too big");
	return err_status(err, "5.3.4");
}

/* A spool fails for want of room on the disk, or of memory. */
static int no_room(struct err *err)
{
	err->class = ERR_TEMPORARY;
	err->kind = ERR_LIMIT;
	return err_status(err, "4.3.1");
}

static int take(void *context, struct slice piece)
{
	struct smtp_session *s = context;
	s->received += piece.len;
	if (s->spool_result < 0)
		return 0;
	if (s->received > smtp_message_max(s))
		s->spool_result = too_big(&s->spool_err);
	else if (spool_add(s->spool, piece, &s->spool_err) < 0)
		s->spool_result = no_room(&s->spool_err);
	if (s->spool_result < 0)
		smtp_spool_end(s);
	return 0;
}

/* Nobody reads on for ever: a message of twice what is allowed ends the connection. */
static bool is_endless(const struct smtp_session *s, uint64_t to_come)
{
	uint64_t most = 2 * smtp_message_max(s);
	return s->received > most || to_come > most - s->received;
}

static enum smtp_run give_up(struct smtp_session *s)
{
	struct err err;
	(void)too_big(&err);
	(void)smtp_failed(s, &err, "4.3.0", "5.3.4");
	return SMTP_CLOSE;
}

static void log_accepted(
	struct smtp_session *s, const struct smtp_transaction *t, const struct smtp_recipient *r)
{
	char origin[NET_ADDRESS_TEXT];
	struct log_field id = F_STR("id", t->session),
			 sender = F_SLICE("sender", t->sender.path.address),
			 recipient = F_SLICE("recipient", r->envelope.path.address),
			 size = F_UINT("size", t->message.len + t->extra.len);
	if (!t->origin) {
		log_info(net_log(s->net), "message accepted", id, sender, recipient, size);
		return;
	}
	net_address_host(t->origin, origin);
	log_info(net_log(s->net), "message accepted", id, sender, recipient, size,
		F_STR("origin", origin));
}

static void log_outcome(struct smtp_session *s, const struct smtp_recipient *r)
{
	struct smtp_transaction *t = s->transaction;
	if (r->result == 0)
		log_accepted(s, t, r);
	else
		log_warn(net_log(s->net), "message not accepted", F_STR("id", t->session),
			F_SLICE("sender", t->sender.path.address),
			F_SLICE("recipient", r->envelope.path.address), F_ERR(&r->err));
}

/* SMTP has one answer for all: it is good only when all are. Which one it is otherwise: a temporary
 * failure lets the client try again, so it goes before a permanent one. */
static const struct err *worst(const struct smtp_transaction *t)
{
	const struct err *found = NULL;
	for (size_t i = 0; i < t->count; i++) {
		const struct smtp_recipient *r = t->recipients[i];
		if (r->result >= 0)
			continue;
		if (!found || (found->class == ERR_PERMANENT && r->err.class != ERR_PERMANENT))
			found = &r->err;
	}
	return found;
}

static enum smtp_run answer_one(struct smtp_session *s, const struct err *err)
{
	char text[96];
	if (err)
		return smtp_failed(s, err, "4.3.0", "5.3.0");
	(void)snprintf(text, sizeof(text), "Delivered as %.60s", s->transaction->session);
	return smtp_reply(s, 250, "2.0.0", text);
}

static int deliver(struct smtp_session *s, struct err *err)
{
	struct smtp_transaction *t = s->transaction;
	if (s->spool_result < 0) {
		*err = s->spool_err;
		return -1;
	}
	if (spool_slice(s->spool, &t->message, err) < 0)
		return no_room(err);
	if (smtp_complete_header(s, t->message, err) < 0)
		return -1;
	return s->service->backend->deliver(s->service->context, t, err);
}

/* The message has come in whole. */
static enum smtp_run message_ended(struct smtp_session *s)
{
	struct smtp_transaction *t = s->transaction;
	struct err err;
	enum smtp_run next = SMTP_GO_ON;
	int r = deliver(s, &err);
	for (size_t i = 0; i < t->count; i++) {
		if (r < 0) {
			t->recipients[i]->result = r;
			t->recipients[i]->err = err;
		}
		log_outcome(s, t->recipients[i]);
		if (smtp_is_lmtp(s))
			(void)answer_one(
				s, t->recipients[i]->result < 0 ? &t->recipients[i]->err : NULL);
	}
	const struct err *bad = r < 0 ? &err : worst(t);
	if (!smtp_is_lmtp(s))
		next = answer_one(s, bad);
	if (!bad)
		s->errors = 0;
	atomic_fetch_add_explicit(
		bad ? &s->service->figures.refused : &s->service->figures.accepted, 1,
		memory_order_relaxed);
	smtp_transaction_end(s);
	s->phase = SMTP_COMMANDS;
	return next;
}

enum smtp_run smtp_cmd_data(struct smtp_session *s, struct slice arguments)
{
	if (arguments.len > 0)
		return smtp_reply(s, 501, "5.5.4", "DATA has no parameter");
	if (!s->transaction)
		return smtp_reply(s, 503, "5.5.1", "MAIL first");
	if (s->in_chunks)
		return smtp_reply(s, 503, "5.5.1", "BDAT has begun this message");
	if (s->transaction->count == 0)
		return smtp_reply(s, 503, "5.5.1", "RCPT first");
	if (s->transaction->sender.body == ENVELOPE_BINARYMIME)
		return smtp_reply(s, 503, "5.5.1", "BDAT with BINARYMIME");
	begin_spool(s);
	s->phase = SMTP_IN_DATA;
	return smtp_reply(s, 354, NULL, "Go ahead, end with a lone dot");
}

enum smtp_run smtp_data_input(struct smtp_session *s)
{
	struct slice input = net_input(s->net), rest = input;
	if (input.len == 0)
		return SMTP_PARK;
	enum envelope_dots_outcome r = envelope_dots_feed(&s->dots, &rest, take, s);
	net_consume(s->net, input.len - rest.len);
	if (r == ENVELOPE_DOTS_MORE && is_endless(s, 0))
		return give_up(s);
	if (r == ENVELOPE_DOTS_MORE)
		return net_read_more(s->net) ? SMTP_GO_ON : SMTP_PARK;
	if (s->dots.bare > 0)
		log_info(net_log(s->net), "bare line ends mended", F_UINT("count", s->dots.bare));
	return message_ended(s);
}

/* A chunk comes whatever we say to BDAT, so it is read in any case. */
enum smtp_run smtp_cmd_bdat(struct smtp_session *s, struct slice arguments)
{
	uint64_t size;
	bool last;
	if (!envelope_parse_bdat(arguments, &size, &last)) {
		(void)smtp_reply(s, 501, "5.5.4", "BDAT takes a size, and LAST");
		return SMTP_CLOSE; /* nobody knows where the next command begins */
	}
	if (is_endless(s, size))
		return give_up(s);
	s->chunk_left = size;
	s->chunk_last = last;
	s->phase = SMTP_IN_CHUNK;
	if (s->transaction && s->transaction->count > 0 && !s->in_chunks) {
		begin_spool(s);
		s->in_chunks = true;
	}
	return SMTP_GO_ON;
}

static enum smtp_run chunk_ended(struct smtp_session *s)
{
	char text[64];
	s->phase = SMTP_COMMANDS;
	if (!s->in_chunks)
		return smtp_reply(s, 503, "5.5.1", "MAIL and RCPT first");
	if (s->chunk_last)
		return message_ended(s);
	if (s->spool_result < 0) { /* chunks that are under way already will get a 503 each */
		struct err err = s->spool_err;
		smtp_transaction_end(s);
		return smtp_failed(s, &err, "4.3.0", "5.3.0");
	}
	(void)snprintf(text, sizeof(text), "%llu bytes so far", (unsigned long long)s->received);
	return smtp_reply(s, 250, "2.0.0", text);
}

enum smtp_run smtp_chunk_input(struct smtp_session *s)
{
	struct slice input = net_input(s->net);
	size_t n = (size_t)MIN(s->chunk_left, (uint64_t)input.len);
	if (n > 0 && s->in_chunks)
		(void)take(s, slice(input.ptr, n));
	s->chunk_left -= n;
	net_consume(s->net, n);
	if (s->chunk_left == 0)
		return chunk_ended(s);
	return net_read_more(s->net) ? SMTP_GO_ON : SMTP_PARK;
}
