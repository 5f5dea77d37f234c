/* The header fields that we add. */
#include "smtp/session_internal.h"

#include "base/clock.h"
#include "base/id.h"
#include "message/date.h"
#include "message/header.h"
#include "net/tls.h"
#include "smtp/fit.h"

/* RFC 3848, RFC 6531 section 4.3: "ESMTPSA", "UTF8LMTP", … */
static void write_keyword(const struct smtp_session *s, struct buf *to)
{
	bool utf8 = s->transaction->sender.smtputf8;
	if (!s->extended || s->client_is_plain) {
		buf_add_str(to, "SMTP");
		return;
	}
	buf_add_str(to, utf8 ? "UTF8" : smtp_is_lmtp(s) ? "" : "E");
	buf_add_str(to, smtp_is_lmtp(s) ? "LMTP" : "SMTP");
	buf_add_str(to, net_is_tls(s->net) ? "S" : "");
	buf_add_str(to, s->user ? "A" : "");
}

static void write_now(struct buf *to)
{
	int64_t now = clock_wall();
	message_write_date(to, (struct message_date){.seconds = now,
				       .zone_minutes = (int16_t)(clock_local_offset(now) / 60)});
}

/* In ASCII where it has such a form: servers without SMTPUTF8 take no other header. */
static void write_recipient(struct smtp_session *s, struct buf *to)
{
	struct envelope_path path = s->transaction->recipients[0]->envelope.path;
	(void)!smtp_path_to_ascii(&path, &s->transaction->arena);
	buf_printf(to, "\r\n\tfor <%.*s>", SLICE_ARG(path.address));
}

static void write_received(struct smtp_session *s, struct buf *to)
{
	const struct smtp_transaction *t = s->transaction;
	const struct net_tls_info *tls = net_tls_info(s->net);
	char ip[NET_ADDRESS_TEXT];
	net_address_host(net_peer(s->net), ip);
	bool v6 = strchr(ip, ':') != NULL;
	buf_printf(to, "Received: from %s ([%s%s])\r\n", s->helo, v6 ? "IPv6:" : "", ip);
	if (tls)
		buf_printf(to, "\t(using %s with cipher %s)\r\n", tls->version, tls->cipher);
	buf_printf(to, "\tby %s (Rookery) with ", s->service->hostname);
	write_keyword(s, to);
	buf_printf(to, " id %s", t->session);
	/* With several recipients none is named: they need not know of each other. */
	if (t->count == 1)
		write_recipient(s, to);
	buf_add_str(to, ";\r\n\t");
	write_now(to);
	buf_add_str(to, "\r\n");
}

void smtp_write_lmtp_trace(struct smtp_session *s, struct buf *to)
{
	if (!s->service->passes_on)
		buf_printf(to, "Return-Path: <%.*s>\r\n",
			SLICE_ARG(s->transaction->sender.path.address));
	/* Within the machine there is nothing to tell: mx has said where the message came from. */
	if (!net_address_is_unix(net_peer(s->net)))
		write_received(s, to);
}

static void write_missing(struct smtp_session *s, bool has_date, bool has_id, struct buf *to)
{
	char id[ID_TEXT_SIZE + 1];
	if (!has_date) {
		buf_add_str(to, "Date: ");
		write_now(to);
		buf_add_str(to, "\r\n");
	}
	if (!has_id) {
		id_to_text(id_new(), id);
		buf_printf(to, "Message-ID: <%s@%s>\r\n", id, s->service->hostname);
	}
}

int smtp_complete_header(struct smtp_session *s, struct slice message, struct err *err)
{
	AUTO(buf_free) struct buf extra = BUF(SMTP_FIELDS_MAX);
	struct message_field field;
	unsigned hops = 0;
	bool has_date = false, has_id = false;
	if (smtp_is_lmtp(s))
		return 0;
	for (struct slice rest = message; message_next_field(&rest, &field);) {
		hops += slice_eq_nocase(field.name, SLICE("Received"));
		has_date |= slice_eq_nocase(field.name, SLICE("Date"));
		has_id |= slice_eq_nocase(field.name, SLICE("Message-ID"));
	}
	if (hops >= SMTP_HOPS_MAX) {
		(void)err_permanent(
			err, ERR_OTHER, "Too many hops: this message goes round in circles");
		return err_status(err, "5.4.6");
	}
	write_received(s, &extra);
	if (s->service->kind == SMTP_SUBMISSION)
		write_missing(s, has_date, has_id, &extra);
	s->transaction->extra = arena_copy(&s->transaction->arena, buf_slice(&extra));
	return 0;
}
