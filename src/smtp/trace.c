/* The header fields that we add. */
#include "smtp/session_internal.h"

#include "base/clock.h"
#include "base/id.h"
#include "message/date.h"
#include "message/header.h"
#include "net/tls.h"

static const char *with_keyword(const struct smtp_session *s)
{
	static const char *const WORDS[2][2][2] = {
		/* [lmtp][tls][auth], RFC 3848 */
		{{"ESMTP", "ESMTPA"}, {"ESMTPS", "ESMTPSA"}},
		{{"LMTP", "LMTPA"}, {"LMTPS", "LMTPSA"}},
	};
	if (!s->extended)
		return "SMTP";
	return WORDS[smtp_is_lmtp(s)][net_is_tls(s->net)][s->user != NULL];
}

static void write_now(struct buf *to)
{
	int64_t now = clock_wall();
	message_write_date(to, (struct message_date){.seconds = now,
				       .zone_minutes = (int16_t)(clock_local_offset(now) / 60)});
}

void smtp_write_trace(struct smtp_session *s, struct buf *to)
{
	const struct smtp_transaction *t = s->transaction;
	const struct net_tls_info *tls = net_tls_info(s->net);
	char ip[NET_ADDRESS_TEXT];
	net_address_host(net_peer(s->net), ip);
	if (smtp_is_lmtp(s))
		buf_printf(to, "Return-Path: <%.*s>\r\n", SLICE_ARG(t->sender.path.address));
	/* Within the machine there is nothing to tell: mx has said where the message came from. */
	if (smtp_is_lmtp(s) && net_address_is_unix(net_peer(s->net)))
		return;
	bool v6 = strchr(ip, ':') != NULL;
	buf_printf(to, "Received: from %s ([%s%s])\r\n", s->helo, v6 ? "IPv6:" : "", ip);
	if (tls)
		buf_printf(to, "\t(using %s with cipher %s)\r\n", tls->version, tls->cipher);
	buf_printf(to, "\tby %s (Rookery) with %s id %s", s->service->hostname, with_keyword(s),
		t->session);
	if (t->count == 1)
		buf_printf(
			to, "\r\n\tfor <%.*s>", SLICE_ARG(t->recipients[0]->envelope.path.address));
	buf_add_str(to, ";\r\n\t");
	write_now(to);
	buf_add_str(to, "\r\n");
}

static void add_missing(struct smtp_session *s, bool has_date, bool has_id)
{
	AUTO(buf_free) struct buf extra = BUF(4096);
	char id[ID_TEXT_SIZE + 1];
	if (!has_date) {
		buf_add_str(&extra, "Date: ");
		write_now(&extra);
		buf_add_str(&extra, "\r\n");
	}
	if (!has_id) {
		id_to_text(id_new(), id);
		buf_printf(&extra, "Message-ID: <%s@%s>\r\n", id, s->service->hostname);
	}
	s->transaction->extra = arena_copy(&s->transaction->arena, buf_slice(&extra));
}

int smtp_look_at_header(struct smtp_session *s, struct slice message, struct err *err)
{
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
	if (hops > SMTP_HOPS_MAX) {
		(void)err_permanent(
			err, ERR_OTHER, "Too many hops: this message goes round in circles");
		return err_status(err, "5.4.6");
	}
	if (s->service->kind == SMTP_SUBMISSION && (!has_date || !has_id))
		add_missing(s, has_date, has_id);
	return 0;
}
