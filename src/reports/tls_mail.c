/* The message that carries a report of TLS (RFC 8460 sections 5.1 and 5.3). */
#include "base/base64.h"
#include "base/wait.h"
#include "message/date.h"
#include "reports/tls_report.h"

static void add_header(const struct reports_tls_report *r, const struct slice *to_whom,
	size_t count, int64_t date, struct buf *to)
{
	buf_printf(to, "From: <%.*s>\r\nTo: ", SLICE_ARG(r->email));
	for (size_t i = 0; i < count; i++)
		buf_printf(to, "%s<%.*s>", i ? ",\r\n\t" : "", SLICE_ARG(to_whom[i]));
	buf_add_str(to, "\r\nDate: ");
	message_write_date(to, (struct message_date){.seconds = date});
	buf_printf(
		to, "\r\nMessage-ID: <%.*s@%.*s>\r\n", SLICE_ARG(r->id), SLICE_ARG(r->submitter));
	buf_printf(to,
		"Subject: Report Domain: %.*s\r\n\tSubmitter: %.*s\r\n\tReport-ID: <%.*s@%.*s>\r\n",
		SLICE_ARG(r->domain), SLICE_ARG(r->submitter), SLICE_ARG(r->id),
		SLICE_ARG(r->submitter));
	/* RFC 8689 section 3: nor shall those who pass it on keep it for TLS. */
	buf_printf(to,
		"TLS-Report-Domain: %.*s\r\nTLS-Report-Submitter: %.*s\r\n"
		"TLS-Required: No\r\n",
		SLICE_ARG(r->domain), SLICE_ARG(r->submitter));
	buf_printf(to,
		"Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n"
		"\tboundary=\"=_%.*s\"\r\n\r\n",
		SLICE_ARG(r->id));
}

/* RFC 2045: 76 characters a line. */
static void add_base64(struct slice bytes, struct buf *to)
{
	enum { LINE_BYTES = 57 };
	for (size_t at = 0; at < bytes.len; at += LINE_BYTES) {
		base64_encode(to, slice_sub(bytes, at, LINE_BYTES));
		buf_add_str(to, "\r\n");
	}
}

void reports_tls_mail(const struct reports_tls_report *r, const struct slice *to_whom, size_t count,
	int64_t date, struct slice gzip, struct buf *to)
{
	add_header(r, to_whom, count, date, to);
	buf_printf(to,
		"--=_%.*s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
		"This is a report of how TLS went when mail was sent to %.*s,\r\n"
		"as its record asks for (RFC 8460).\r\n\r\n",
		SLICE_ARG(r->id), SLICE_ARG(r->domain));
	buf_printf(to,
		"--=_%.*s\r\nContent-Type: application/tlsrpt+gzip\r\n"
		"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n"
		"\tfilename=\"%.*s!%.*s!%lld!%lld.json.gz\"\r\n\r\n",
		SLICE_ARG(r->id), SLICE_ARG(r->submitter), SLICE_ARG(r->domain),
		(long long)r->begin, (long long)r->end);
	add_base64(gzip, to);
	buf_printf(to, "\r\n--=_%.*s--\r\n", SLICE_ARG(r->id));
	wait_give_way();
}
