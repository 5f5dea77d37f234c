/* A message is looked at once, whatever was declared about it: what was declared may be wrong, and
 * most messages turn out to need nothing. Only then a copy is made. */
#include "smtp/fit.h"

#include "dns/idn.h"
#include "message/crlf.h"
#include "message/seven_bit.h"

enum {
	SPOOL_MEMORY = 256 * 1024,
	PIECE = 64 * 1024,
	MANY_PARTS = 1024 * 1024, /* a field for each part that is converted */
};

static int refuse(struct err *err, const char *status, const char *text)
{
	(void)err_permanent(err, ERR_OTHER, "%s", text);
	return err_status(err, status);
}

static int check_tls(const struct smtp_fit *fit, const struct smtp_transaction *t, struct err *err)
{
	if (!t->sender.require_tls)
		return 0;
	if (!fit->tls_verified)
		return refuse(err, "5.7.30", "REQUIRETLS: no TLS with a verified certificate");
	if (!(fit->offer->extensions & SMTP_HAS_REQUIRETLS))
		return refuse(err, "5.7.30", "REQUIRETLS: the server does not offer it");
	return 0;
}

static bool is_ascii(struct slice s)
{
	return !message_octets(s).eight_bit;
}

bool smtp_path_to_ascii(struct envelope_path *path, struct arena *arena)
{
	struct slice domain;
	if (!path->is_utf8)
		return true;
	if (!is_ascii(path->local) || !dns_name_to_ascii(path->domain, arena, &domain))
		return false;
	path->address = slice_str(
		arena_printf(arena, "%.*s@%.*s", SLICE_ARG(path->local), SLICE_ARG(domain)));
	path->domain = slice_from(path->address, path->local.len + 1);
	path->local = slice_sub(path->address, 0, path->local.len);
	path->is_utf8 = false;
	return true;
}

static int fit_addresses(const struct smtp_fit *fit, struct smtp_exchange *x,
	struct smtp_transaction *t, struct err *err)
{
	static const char WORDS[] = "The server takes no address or header in UTF-8";
	struct envelope_sender *sender = &t->sender;
	bool needed = sender->smtputf8 || sender->path.is_utf8;
	for (size_t i = 0; i < t->count; i++)
		needed |= t->recipients[i]->envelope.path.is_utf8;
	x->smtputf8 = needed;
	if (!needed || (fit->offer->extensions & SMTP_HAS_SMTPUTF8))
		return 0;
	x->smtputf8 = false;
	if (!smtp_path_to_ascii(&sender->path, &t->arena) ||
		(sender->smtputf8 &&
			!(message_headers_are_ascii(t->message) && is_ascii(t->extra))))
		return refuse(err, "5.6.7", WORDS);
	for (size_t i = 0; i < t->count; i++) {
		struct smtp_recipient *r = t->recipients[i];
		if (!smtp_path_to_ascii(&r->envelope.path, &t->arena))
			r->result = refuse(&r->err, "5.6.7", WORDS);
	}
	return 0;
}

struct copy {
	struct spool *spool;
	struct message_crlf crlf;
	struct buf piece;
	struct err *err;
};

static int flush(struct copy *copy)
{
	int r = spool_add(copy->spool, buf_slice(&copy->piece), copy->err);
	buf_clear(&copy->piece);
	return r;
}

static int add(void *context, struct slice bytes)
{
	struct copy *copy = context;
	for (size_t at = 0; at < bytes.len; at += PIECE) {
		message_crlf_feed(&copy->crlf, slice_sub(bytes, at, PIECE), &copy->piece);
		if (copy->piece.len >= PIECE && flush(copy) < 0)
			return -1;
	}
	return 0;
}

static int no_room(struct err *err)
{
	err->class = ERR_TEMPORARY;
	err->kind = ERR_LIMIT;
	return err_status(err, "4.3.1");
}

static int cannot(enum message_transport transport, struct err *err)
{
	return refuse(err, "5.6.3",
		transport == MESSAGE_SEVEN_BIT
			? "The server takes 7-bit text only, which this can't become"
			: "The server takes text only, which this can't become");
}

/* Into the spool: with parts converted, or line ends alone. */
static int make_copy(struct smtp_fit *fit, struct slice message, bool convert,
	enum message_transport transport, struct slice *ret_copy, struct err *err)
{
	/* Quoted-printable makes three bytes of one, and adds line ends. */
	fit->spool =
		spool_new(fit->spool_dir_fd, SPOOL_MEMORY, 4 * (uint64_t)message.len + MANY_PARTS);
	struct copy copy = {
		.spool = fit->spool,
		.crlf = MESSAGE_CRLF(true),
		.piece = BUF(SIZE_MAX),
		.err = err,
	};
	int r = convert ? message_convert(message, transport, add, &copy) : add(&copy, message);
	message_crlf_end(&copy.crlf, &copy.piece);
	if (r == 0)
		r = flush(&copy);
	buf_free(&copy.piece);
	if (r == MESSAGE_CANT_CONVERT)
		return cannot(transport, err);
	if (r < 0 || spool_slice(fit->spool, ret_copy, err) < 0)
		return no_room(err);
	return 0;
}

static int fit_content(struct smtp_fit *fit, struct smtp_exchange *x,
	const struct smtp_transaction *t, struct err *err)
{
	unsigned has = fit->offer->extensions;
	bool binary = t->sender.body == ENVELOPE_BINARYMIME;
	struct message_octets octets = message_octets(t->message);
	bool extra_eight_bit = message_octets(t->extra).eight_bit;
	x->extra = t->extra;
	x->message = t->message;
	x->body = ENVELOPE_BINARYMIME;
	if (binary && (has & SMTP_HAS_BINARY) && (has & SMTP_HAS_CHUNKING))
		return 0;
	enum message_transport transport =
		has & SMTP_HAS_EIGHT_BIT ? MESSAGE_EIGHT_BIT : MESSAGE_SEVEN_BIT;
	bool convert = binary || (octets.eight_bit && transport == MESSAGE_SEVEN_BIT);
	bool eight_bit = octets.eight_bit || extra_eight_bit;
	x->body = eight_bit && transport == MESSAGE_EIGHT_BIT ? ENVELOPE_8BITMIME : ENVELOPE_7BIT;
	if (extra_eight_bit && transport == MESSAGE_SEVEN_BIT)
		return cannot(transport, err);
	if (!convert && !octets.bare)
		return 0;
	return make_copy(fit, t->message, convert, transport, &x->message, err);
}

int smtp_fit_message(
	struct smtp_fit *fit, struct smtp_exchange *x, struct smtp_transaction *t, struct err *err)
{
	if (check_tls(fit, t, err) < 0 || fit_addresses(fit, x, t, err) < 0 ||
		fit_content(fit, x, t, err) < 0)
		return -1;
	uint64_t size = (uint64_t)x->extra.len + x->message.len;
	if (fit->offer->size_max == 0 || size <= fit->offer->size_max)
		return 0;
	(void)err_permanent(err, ERR_LIMIT, "The server takes messages of %llu bytes at most",
		(unsigned long long)fit->offer->size_max);
	return err_status(err, "5.3.4");
}

void smtp_fit_end(struct smtp_fit *fit)
{
	spool_free(fit->spool);
	fit->spool = NULL;
}
