/* Writing multipart/report: words for people, fields for programs, the message or its header. */
#include "queue/report.h"

#include "base/clock.h"
#include "base/id.h"
#include "message/date.h"
#include "message/header.h"
#include "message/seven_bit.h"

/* By the action. */
static const struct {
	const char *name, *status, *subject, *opening, *words;
} ACTIONS[] = {
	[QUEUE_REPORT_FAILED] = {"failed", "5.0.0", "Your message was not delivered",
		"could not deliver your message to all of its recipients", "not delivered"},
	[QUEUE_REPORT_DELAYED] = {"delayed", "4.0.0", "Your message is delayed",
		"has not delivered your message yet, and goes on trying. You need not send it "
		"again",
		"not delivered yet"},
	[QUEUE_REPORT_EXPANDED] = {"expanded", "2.0.0", "Your message was distributed",
		"reports, as you asked", "distributed to the addresses behind it"},
	[QUEUE_REPORT_RELAYED] = {"relayed", "2.0.0", "Your message was passed on",
		"reports, as you asked", "passed on to a server that does not report"},
	[QUEUE_REPORT_DELIVERED] = {"delivered", "2.1.5", "Your message was delivered",
		"reports, as you asked", "delivered to the mailbox"},
};

struct writer {
	const struct queue_report *report;
	char boundary[ID_TEXT_SIZE + 1];
	enum queue_report_action worst;
	bool utf8, eight_bit; /* of the report; of the original */
	bool whole;
	struct slice original;
	struct buf *to;
};

bool queue_report_wanted(struct slice sender, unsigned notify, enum queue_report_action action)
{
	if (sender.len == 0)
		return false; /* reports are not reported on */
	switch (action) {
	case QUEUE_REPORT_FAILED:
		return notify == 0 || (notify & ENVELOPE_NOTIFY_FAILURE);
	case QUEUE_REPORT_DELAYED:
		return notify == 0 || (notify & ENVELOPE_NOTIFY_DELAY);
	default:
		return notify & ENVELOPE_NOTIFY_SUCCESS;
	}
}

static bool is_ascii(struct slice s)
{
	return !message_octets(s).eight_bit;
}

bool queue_report_is_utf8(const struct queue_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		if (report->recipients[i].is_utf8 || !is_ascii(report->recipients[i].orcpt))
			return true;
	return report->smtputf8 || !is_ascii(report->sender);
}

/* A parameter's xtext undone, unless what it hides could break a header field. */
static void write_xtext(struct writer *w, struct slice xtext)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice text;
	bool good = envelope_from_xtext(xtext, &arena, &text);
	for (size_t i = 0; good && i < text.len; i++)
		good = text.ptr[i] >= ' ' && text.ptr[i] < 127;
	buf_add_slice(w->to, good ? text : xtext);
}

/* On one line. */
static void write_clean(struct writer *w, const char *text)
{
	for (const char *p = text; *p; p++) {
		bool good = (*p >= ' ' && *p < 127) || (w->utf8 && (unsigned char)*p >= 0x80);
		buf_add_byte(w->to, (char)(good ? *p : '?'));
	}
}

static void write_date(struct writer *w, const char *name, int64_t seconds)
{
	if (seconds == 0)
		return;
	buf_printf(w->to, "%s: ", name);
	message_write_date(
		w->to, (struct message_date){.seconds = seconds,
			       .zone_minutes = (int16_t)(clock_local_offset(seconds) / 60)});
	buf_add_str(w->to, "\r\n");
}

static void write_header(struct writer *w)
{
	const struct queue_report *r = w->report;
	buf_printf(w->to, "From: Mail delivery <postmaster@%s>\r\nTo: <%.*s>\r\n", r->hostname,
		SLICE_ARG(r->sender));
	write_date(w, "Date", clock_wall());
	buf_printf(w->to,
		"Message-ID: <%s@%s>\r\nSubject: %s\r\nAuto-Submitted: auto-replied\r\n"
		"MIME-Version: 1.0\r\nContent-Type: multipart/report; "
		"report-type=delivery-status;\r\n"
		"\tboundary=\"%s\"\r\n%s\r\n",
		w->boundary, r->hostname, ACTIONS[w->worst].subject, w->boundary,
		w->utf8 || w->eight_bit ? "Content-Transfer-Encoding: 8bit\r\n" : "");
}

static void write_part(struct writer *w, const char *type, bool eight_bit)
{
	buf_printf(w->to, "--%s\r\nContent-Type: %s\r\n%s\r\n", w->boundary, type,
		eight_bit ? "Content-Transfer-Encoding: 8bit\r\n" : "");
}

static void write_said(struct writer *w, const struct queue_report_recipient *r)
{
	buf_printf(w->to, "%d", r->code);
	if (r->said_status && r->said_status[0]) {
		buf_add_byte(w->to, ' ');
		write_clean(w, r->said_status);
	}
	if (r->said_text && r->said_text[0]) {
		buf_add_byte(w->to, ' ');
		write_clean(w, r->said_text);
	}
}

static void write_words(struct writer *w)
{
	write_part(
		w, w->utf8 ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii", w->utf8);
	buf_printf(w->to, "%s %s:\r\n\r\n", w->report->hostname, ACTIONS[w->worst].opening);
	for (size_t i = 0; i < w->report->count; i++) {
		const struct queue_report_recipient *r = &w->report->recipients[i];
		buf_printf(w->to, "<%.*s>: ", SLICE_ARG(r->address));
		write_clean(w, r->words ? r->words : ACTIONS[r->action].words);
		if (r->remote && r->code) {
			buf_add_str(w->to, "\r\n    ");
			write_clean(w, r->remote);
			buf_add_str(w->to, " said: ");
			write_said(w, r);
		}
		buf_add_str(w->to, "\r\n");
	}
	buf_add_str(w->to, "\r\n");
}

static void write_addresses(struct writer *w, const struct queue_report_recipient *r)
{
	if (r->orcpt.len > 0) {
		struct slice address = r->orcpt, type = slice_cut(&address, ';');
		buf_printf(w->to, "Original-Recipient: %.*s; ", SLICE_ARG(type));
		write_xtext(w, address);
		buf_add_str(w->to, "\r\n");
	}
	buf_printf(w->to, "Final-Recipient: %s; %.*s\r\n", r->is_utf8 ? "utf-8" : "rfc822",
		SLICE_ARG(r->address));
}

static void write_recipient(struct writer *w, const struct queue_report_recipient *r)
{
	buf_add_str(w->to, "\r\n");
	write_addresses(w, r);
	buf_printf(w->to, "Action: %s\r\nStatus: ", ACTIONS[r->action].name);
	write_clean(w, r->status && r->status[0] ? r->status : ACTIONS[r->action].status);
	buf_add_str(w->to, "\r\n");
	if (r->remote) {
		buf_add_str(w->to, "Remote-MTA: dns; ");
		write_clean(w, r->remote);
		buf_add_str(w->to, "\r\n");
	}
	if (r->code) {
		buf_add_str(w->to, "Diagnostic-Code: smtp; ");
		write_said(w, r);
		buf_add_str(w->to, "\r\n");
	}
	write_date(w, "Last-Attempt-Date", r->last_attempt);
	if (r->action == QUEUE_REPORT_DELAYED)
		write_date(w, "Will-Retry-Until", r->retry_until);
}

static void write_fields(struct writer *w)
{
	const struct queue_report *r = w->report;
	write_part(
		w, w->utf8 ? "message/global-delivery-status" : "message/delivery-status", w->utf8);
	buf_printf(w->to, "Reporting-MTA: dns; %s\r\n", r->hostname);
	if (r->envid.len > 0) {
		buf_add_str(w->to, "Original-Envelope-Id: ");
		write_xtext(w, r->envid);
		buf_add_str(w->to, "\r\n");
	}
	write_date(w, "Arrival-Date", r->arrival);
	for (size_t i = 0; i < r->count; i++)
		write_recipient(w, &r->recipients[i]);
	buf_add_str(w->to, "\r\n");
}

static void write_original(struct writer *w)
{
	static const char *const TYPES[2][2] = {
		/* [utf8][whole], RFC 6522, 6533 */
		{"text/rfc822-headers", "message/rfc822"},
		{"message/global-headers", "message/global"},
	};
	write_part(w, TYPES[w->report->smtputf8][w->whole], w->eight_bit);
	buf_add_slice(w->to, w->report->extra);
	buf_add_slice(w->to, w->original);
	buf_printf(w->to, "\r\n--%s--\r\n", w->boundary);
}

/* Binary bytes pass through no other server (RFC 3030). */
static bool is_returned_whole(const struct writer *w)
{
	struct slice message = w->report->message;
	if (w->worst != QUEUE_REPORT_FAILED || w->report->ret != ENVELOPE_RET_FULL)
		return false;
	struct message_octets octets = message_octets(message);
	return !octets.nul && !octets.bare;
}

void queue_report_write(const struct queue_report *report, struct buf *to)
{
	struct writer w = {
		.report = report,
		.worst = QUEUE_REPORT_DELIVERED,
		.utf8 = queue_report_is_utf8(report),
		.original = report->message,
		.to = to,
	};
	id_to_text(id_new(), w.boundary);
	for (size_t i = 0; i < report->count; i++)
		w.worst = MIN(w.worst, report->recipients[i].action);
	w.whole = is_returned_whole(&w);
	if (!w.whole)
		w.original.len = message_header_len(report->message);
	w.eight_bit = !is_ascii(w.original) || !is_ascii(report->extra);
	write_header(&w);
	write_words(&w);
	write_fields(&w);
	write_original(&w);
}
