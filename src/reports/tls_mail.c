/* The message that carries a report of TLS (RFC 8460 sections 5.1 and 5.3). */
#include "base/base64.h"
#include "base/wait.h"
#include "filter/report_mail.h"
#include "reports/tls_report.h"

static void add_header(const struct reports_tls_report *r, const struct slice *to_whom,
	size_t count, int64_t date, struct buf *to)
{
	const struct filter_report_mail mail = {r->email, r->submitter, r->domain, r->id};
	filter_report_mail_header(&mail, to_whom, count, date, to);
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
	base64_encode_lines(to, gzip);
	buf_printf(to, "\r\n--=_%.*s--\r\n", SLICE_ARG(r->id));
	wait_give_way();
}
