/* The Subject's form is one for both kinds, and receivers go by it. */
#include "filter/report_mail.h"

#include "message/date.h"

void filter_report_mail_header(const struct filter_report_mail *m, const struct slice *to_whom,
	size_t count, int64_t date, struct buf *to)
{
	buf_printf(to, "From: <%.*s>\r\nTo: ", SLICE_ARG(m->email));
	for (size_t i = 0; i < count; i++)
		buf_printf(to, "%s<%.*s>", i ? ",\r\n\t" : "", SLICE_ARG(to_whom[i]));
	buf_add_str(to, "\r\nDate: ");
	message_write_date(to, (struct message_date){.seconds = date});
	buf_printf(
		to, "\r\nMessage-ID: <%.*s@%.*s>\r\n", SLICE_ARG(m->id), SLICE_ARG(m->submitter));
	buf_printf(to,
		"Subject: Report Domain: %.*s\r\n\tSubmitter: %.*s\r\n\tReport-ID: <%.*s@%.*s>\r\n",
		SLICE_ARG(m->domain), SLICE_ARG(m->submitter), SLICE_ARG(m->id),
		SLICE_ARG(m->submitter));
}
