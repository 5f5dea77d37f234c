/* What messages with reports of DMARC (RFC 9990) and of TLS (RFC 8460 section 5.3) have in common.
 */
#ifndef FILTER_REPORT_MAIL_H
#define FILTER_REPORT_MAIL_H

#include "base/buf.h"

struct filter_report_mail {
	struct slice email;     /* From */
	struct slice submitter; /* the domain that reports */
	struct slice domain;    /* that it is about */
	struct slice id;        /* letters, digits, "-", "_", ".": unique among the submitter's */
};
/* From, To, Date (seconds since 1970), Message-ID, Subject. */
void filter_report_mail_header(const struct filter_report_mail *mail, const struct slice *to_whom,
	size_t count, int64_t date, struct buf *to);

#endif
