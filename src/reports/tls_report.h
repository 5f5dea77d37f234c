/* Reports of TLS (RFC 8460): counts become JSON (section 4.4), and a message (section 5.3). Pure
 * but for the message's boundary, which follows from the report's id. */
#ifndef REPORTS_TLS_REPORT_H
#define REPORTS_TLS_REPORT_H

#include "reports/row.h"

struct reports_tls_detail {
	struct reports_tls_failure failure;
	uint64_t count; /* sessions */
};
/* Sessions under one policy. */
struct reports_tls_part {
	struct reports_tls_policy policy;
	uint64_t good, bad; /* sessions */
	const struct reports_tls_detail *details;
	size_t detail_count;
};
struct reports_tls_report {
	struct slice organization;
	struct slice email;     /* his address; the message's From too */
	struct slice contact;   /* required: of who answers for it */
	struct slice submitter; /* his domain */
	struct slice id;        /* letters, digits, "-", "_", ".": unique among his reports */
	int64_t begin, end;     /* seconds since 1970 */
	struct slice domain;    /* whose mail servers they were */
	const struct reports_tls_part *parts;
	size_t count;
};
/* ERR_LIMIT when `to` is too small. What is not ASCII becomes "?". */
int reports_tls_json(
	const struct reports_tls_report *report, struct buf *to, struct err *err) WARN_UNUSED;
/* A whole message with the gzip file in it. `date`: seconds since 1970. It has to be signed by the
 * submitter's domain (section 3). */
void reports_tls_mail(const struct reports_tls_report *report, const struct slice *to_whom,
	size_t count, int64_t date, struct slice gzip, struct buf *to);

#endif
