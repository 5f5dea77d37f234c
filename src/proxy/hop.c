/* What the back end says about a recipient is said to the client while he waits, so each RCPT is a
 * question and an answer of its own there. */
#include "proxy/hop.h"

#include "base/alloc.h"
#include "envelope/path.h"
#include "envelope/xclient.h"
#include "proxy/say.h"

static int hello(
	struct proxy_hop *hop, const char *hostname, struct smtp_offer *offer, struct err *err)
{
	char line[300];
	*offer = (struct smtp_offer){0};
	(void)snprintf(
		line, sizeof(line), "%s %.255s\r\n", hop->x.lmtp ? "LHLO" : "EHLO", hostname);
	net_client_write(hop->x.net, slice_str(line));
	if (smtp_client_expect(hop->x.net, 250, offer, err) < 0)
		return -1;
	hop->x.extensions = offer->extensions;
	return 0;
}

static int start_tls(
	struct proxy_hop *hop, const char *hostname, struct smtp_offer *offer, struct err *err)
{
	if (!hop->link.wants_tls)
		return 0;
	if (!(offer->extensions & SMTP_HAS_STARTTLS))
		return err_temporary(err, ERR_UNAVAILABLE, "it offers no STARTTLS");
	net_client_write(hop->x.net, SLICE("STARTTLS\r\n"));
	if (smtp_client_expect(hop->x.net, 220, NULL, err) < 0 ||
		proxy_link_start_tls(&hop->link, err) < 0)
		return -1;
	return hello(hop, hostname, offer, err);
}

static const char *plain_helo(const struct proxy_client *client)
{
	return client->helo && envelope_is_domain(slice_str(client->helo)) ? client->helo : NULL;
}

/* Who the client is, as far as the back end wants to hear it; then the session begins anew. */
static int introduce(struct proxy_hop *hop, const struct proxy_client *client, const char *hostname,
	struct smtp_offer *offer, struct err *err)
{
	AUTO(buf_free) struct buf line = BUF(1024);
	if (!(offer->extensions & SMTP_HAS_XCLIENT))
		return 0;
	buf_add_str(&line, "XCLIENT");
	size_t nothing = line.len;
	proxy_say_xclient(client, plain_helo(client), hop->x.lmtp ? "LMTP" : "ESMTP",
		envelope_xclient_offered(slice_str(offer->xclient)), &line);
	if (line.len == nothing)
		return 0;
	buf_add_str(&line, "\r\n");
	net_client_write(hop->x.net, buf_slice(&line));
	if (smtp_client_expect(hop->x.net, 220, NULL, err) < 0)
		return -1;
	return hello(hop, hostname, offer, err);
}

static int greet(struct proxy_hop *hop, const struct proxy_client *client, const char *hostname,
	struct err *err)
{
	struct smtp_offer offer;
	if (smtp_client_expect(hop->x.net, 220, NULL, err) < 0 ||
		hello(hop, hostname, &offer, err) < 0 || start_tls(hop, hostname, &offer, err) < 0)
		return -1;
	return introduce(hop, client, hostname, &offer, err);
}

int proxy_hop_connect(struct proxy_hop *hop, struct proxy_backends *backends,
	const struct proxy_places *places, bool lmtp, const struct proxy_client *client,
	const char *hostname, struct err *err)
{
	const struct proxy_ends ends = {client->peer, client->local};
	unsigned tried = 0;
	for (;;) {
		if (proxy_backends_connect(backends, places, lmtp ? PROXY_LMTP : PROXY_SMTP, &ends,
			    &tried, &hop->link, err) < 0)
			return -1;
		hop->x = (struct smtp_exchange){.net = hop->link.net, .lmtp = lmtp};
		if (greet(hop, client, hostname, err) == 0) {
			proxy_link_works(&hop->link);
			hop->connected = true;
			return 0;
		}
		proxy_link_failed(&hop->link, err);
	}
}

bool proxy_hop_is_usable(struct proxy_hop *hop)
{
	return hop->connected && net_client_is_quiet(hop->x.net);
}

static void end(struct proxy_hop *hop)
{
	if (hop->open)
		arena_free(&hop->t.arena);
	hop->t = (struct smtp_transaction){0};
	hop->open = false;
}

void proxy_hop_close(struct proxy_hop *hop)
{
	end(hop);
	if (hop->connected)
		proxy_link_close(&hop->link);
	hop->connected = false;
}

void proxy_hop_reset(struct proxy_hop *hop)
{
	struct err err;
	bool was_open = hop->open;
	end(hop);
	if (was_open && smtp_exchange_reset(&hop->x, &err) != 0)
		proxy_hop_close(hop);
}

/* Of the message, as far as it is known before it comes. */
static int check_needs(
	const struct proxy_hop *hop, const struct smtp_transaction *t, struct err *err)
{
	unsigned has = hop->x.extensions;
	const char *lacks = t->sender.smtputf8 && !(has & SMTP_HAS_SMTPUTF8) ? "SMTPUTF8"
			    : t->sender.body == ENVELOPE_BINARYMIME &&
					    !((has & SMTP_HAS_CHUNKING) && (has & SMTP_HAS_BINARY))
				    ? "BINARYMIME"
			    : t->sender.require_tls && !(has & SMTP_HAS_REQUIRETLS) ? "REQUIRETLS"
										    : NULL;
	if (!lacks)
		return 0;
	(void)err_permanent(err, ERR_OTHER, "The mailbox's server can't take %s", lacks);
	(void)err_status(err, t->sender.require_tls ? "5.7.30" : "5.6.1");
	return SMTP_EXCHANGE_REFUSED;
}

int proxy_hop_begin(struct proxy_hop *hop, const struct smtp_transaction *whole, struct err *err)
{
	int r = check_needs(hop, whole, err);
	if (r != 0)
		return r;
	hop->t = *whole;
	hop->t.arena = ARENA_EMPTY;
	hop->t.recipients = NULL;
	hop->t.count = hop->t.room = 0;
	/* Of our own role that is the client, the one that it has told. */
	if (whole->origin)
		hop->t.client = whole->origin;
	hop->x.body = whole->sender.body;
	hop->x.smtputf8 = whole->sender.smtputf8;
	r = smtp_exchange_mail(&hop->x, &hop->t, whole->sender.size, err);
	hop->open = r == 0;
	if (r != 0)
		hop->t = (struct smtp_transaction){0};
	return r;
}

int proxy_hop_add(struct proxy_hop *hop, struct smtp_recipient *recipient, struct err *err)
{
	struct smtp_transaction *t = &hop->t;
	int r = smtp_exchange_rcpt(&hop->x, t, recipient, err);
	if (r != 0)
		return r;
	t->recipients =
		arena_grow(&t->arena, t->recipients, t->count, &t->room, sizeof(*t->recipients));
	t->recipients[t->count++] = recipient;
	return 0;
}

static void fail(struct proxy_hop *hop, const struct err *err)
{
	for (size_t i = 0; i < hop->t.count; i++) {
		struct smtp_recipient *r = hop->t.recipients[i];
		if (r->result < 0)
			continue;
		r->result = -1;
		r->err = *err;
		r->err.class = ERR_TEMPORARY;
	}
}

void proxy_hop_lose(struct proxy_hop *hop, const struct err *why)
{
	fail(hop, why);
	proxy_hop_close(hop);
}

void proxy_hop_send(struct proxy_hop *hop, const struct smtp_transaction *whole)
{
	struct err err;
	hop->x.extra = whole->extra;
	hop->x.message = whole->message;
	hop->t.log = whole->log;
	enum smtp_exchanged r = smtp_exchange_message(&hop->x, &hop->t, &err);
	if (r == SMTP_EXCHANGE_BROKEN)
		fail(hop, &err);
	end(hop);
	if (r == SMTP_EXCHANGE_BROKEN && !hop->x.complete) {
		proxy_link_failed(&hop->link, &err);
		hop->connected = false;
	} else if (r != SMTP_EXCHANGE_DONE)
		proxy_hop_close(hop);
}
