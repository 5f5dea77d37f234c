/* Writing multipart/report: words for people, fields for programs, the message or its header. */
#include "smtp/dsn.h"

#include "base/clock.h"
#include "base/id.h"
#include "message/date.h"
#include "message/header.h"

bool smtp_dsn_wanted(const struct smtp_transaction *t, const struct smtp_recipient *r,
	enum smtp_dsn_action action)
{
	unsigned notify = r->envelope.notify;
	if (t->sender.path.address.len == 0)
		return false; /* reports are not reported on */
	if (action == SMTP_DSN_DELIVERED)
		return r->result == 0 && (notify & ENVELOPE_NOTIFY_SUCCESS);
	return r->result < 0 && (notify == 0 || (notify & ENVELOPE_NOTIFY_FAILURE));
}

/* A parameter's xtext undone, unless what it hides could break a header field. */
static void write_xtext(struct slice xtext, struct buf *to)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice text;
	bool good = envelope_from_xtext(xtext, &arena, &text);
	for (size_t i = 0; good && i < text.len; i++)
		good = text.ptr[i] >= ' ' && text.ptr[i] < 127;
	buf_add_slice(to, good ? text : xtext);
}

static void write_header(const struct smtp_transaction *t, enum smtp_dsn_action action,
	const char *hostname, const char *boundary, struct buf *to)
{
	int64_t now = clock_wall();
	buf_printf(to, "From: Mail delivery <postmaster@%s>\r\nTo: <%.*s>\r\nDate: ", hostname,
		SLICE_ARG(t->sender.path.address));
	message_write_date(to, (struct message_date){.seconds = now,
				       .zone_minutes = (int16_t)(clock_local_offset(now) / 60)});
	buf_printf(to,
		"\r\nMessage-ID: <%s@%s>\r\nSubject: %s\r\nAuto-Submitted: auto-replied\r\n"
		"MIME-Version: 1.0\r\nContent-Type: multipart/report; "
		"report-type=delivery-status;\r\n"
		"\tboundary=\"%s\"\r\n\r\n",
		boundary, hostname,
		action == SMTP_DSN_DELIVERED ? "Your message was delivered"
					     : "Your message was not delivered",
		boundary);
}

static void write_words(const struct smtp_transaction *t, enum smtp_dsn_action action,
	const char *hostname, const char *boundary, struct buf *to)
{
	buf_printf(to,
		"--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: 8bit\r\n\r\n%s reports, as you asked:\r\n\r\n",
		boundary, hostname);
	for (size_t i = 0; i < t->count; i++) {
		const struct smtp_recipient *r = t->recipients[i];
		if (!smtp_dsn_wanted(t, r, action))
			continue;
		buf_printf(to, "<%.*s>: %s\r\n", SLICE_ARG(r->envelope.path.address),
			action == SMTP_DSN_DELIVERED ? "delivered to the mailbox" : r->err.text);
	}
	buf_add_str(to, "\r\n");
}

static void write_recipient_fields(
	const struct smtp_recipient *r, enum smtp_dsn_action action, struct buf *to)
{
	buf_add_str(to, "\r\n");
	if (r->envelope.orcpt.len > 0) {
		struct slice address = r->envelope.orcpt, type = slice_cut(&address, ';');
		buf_printf(to, "Original-Recipient: %.*s; ", SLICE_ARG(type));
		write_xtext(address, to);
		buf_add_str(to, "\r\n");
	}
	buf_printf(to, "Final-Recipient: %s; %.*s\r\nAction: %s\r\nStatus: %s\r\n",
		r->envelope.path.is_utf8 ? "utf-8" : "rfc822", SLICE_ARG(r->envelope.path.address),
		action == SMTP_DSN_DELIVERED ? "delivered" : "failed",
		action == SMTP_DSN_DELIVERED ? "2.1.5"
		: r->err.status[0]           ? r->err.status
					     : "5.0.0");
}

static void write_fields(const struct smtp_transaction *t, enum smtp_dsn_action action,
	const char *hostname, const char *boundary, struct buf *to)
{
	buf_printf(to, "--%s\r\nContent-Type: message/%sdelivery-status\r\n\r\n", boundary,
		t->sender.smtputf8 ? "global-" : "");
	buf_printf(to, "Reporting-MTA: dns; %s\r\n", hostname);
	if (t->sender.envid.len > 0) {
		buf_add_str(to, "Original-Envelope-Id: ");
		write_xtext(t->sender.envid, to);
		buf_add_str(to, "\r\n");
	}
	for (size_t i = 0; i < t->count; i++)
		if (smtp_dsn_wanted(t, t->recipients[i], action))
			write_recipient_fields(t->recipients[i], action, to);
	buf_add_str(to, "\r\n");
}

/* The whole message comes back only with a failure, and when the sender has asked for it. */
static void write_original(const struct smtp_transaction *t, enum smtp_dsn_action action,
	const char *boundary, struct buf *to)
{
	static const char *const TYPES[2][2] = {
		/* [smtputf8][whole], RFC 3462, 6533 */
		{"text/rfc822-headers", "message/rfc822"},
		{"message/global-headers", "message/global"},
	};
	bool whole = action == SMTP_DSN_FAILED && t->sender.ret == ENVELOPE_RET_FULL;
	buf_printf(
		to, "--%s\r\nContent-Type: %s\r\n\r\n", boundary, TYPES[t->sender.smtputf8][whole]);
	buf_add_slice(to, t->extra);
	buf_add_slice(
		to, whole ? t->message : slice_sub(t->message, 0, message_header_len(t->message)));
	buf_printf(to, "\r\n--%s--\r\n", boundary);
}

void smtp_dsn_write(const struct smtp_transaction *t, enum smtp_dsn_action action,
	const char *hostname, struct buf *to)
{
	char boundary[ID_TEXT_SIZE + 1];
	id_to_text(id_new(), boundary);
	write_header(t, action, hostname, boundary, to);
	write_words(t, action, hostname, boundary, to);
	write_fields(t, action, hostname, boundary, to);
	write_original(t, action, boundary, to);
}
