/* The message that carries an aggregate report (RFC 9990, "Email"). */
#include "base/base64.h"
#include "base/wait.h"
#include "filter/dmarc_report.h"
#include "filter/report_mail.h"

static void add_header(const struct filter_dmarc_report *r, const struct slice *to_whom,
	size_t count, int64_t date, struct buf *to)
{
	const struct filter_report_mail mail = {r->email, r->submitter, r->domain, r->id};
	filter_report_mail_header(&mail, to_whom, count, date, to);
	buf_printf(to,
		"Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/mixed;\r\n\tboundary=\"=_%.*s\"\r\n\r\n",
		SLICE_ARG(r->id));
}

void filter_dmarc_report_mail(const struct filter_dmarc_report *r, const struct slice *to_whom,
	size_t count, int64_t date, struct slice gzip, struct buf *to)
{
	add_header(r, to_whom, count, date, to);
	buf_printf(to,
		"--=_%.*s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
		"This is a DMARC aggregate report of mail from %.*s,\r\n"
		"as its record asks for (RFC 9990).\r\n\r\n",
		SLICE_ARG(r->id), SLICE_ARG(r->domain));
	buf_printf(to,
		"--=_%.*s\r\nContent-Type: application/gzip\r\n"
		"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n"
		"\tfilename=\"%.*s!%.*s!%lld!%lld.xml.gz\"\r\n\r\n",
		SLICE_ARG(r->id), SLICE_ARG(r->submitter), SLICE_ARG(r->domain),
		(long long)r->begin, (long long)r->end);
	base64_encode_lines(to, gzip);
	buf_printf(to, "\r\n--=_%.*s--\r\n", SLICE_ARG(r->id));
	wait_give_way();
}
