/* Who asked for it hears of success (RFC 3461) before his message has gone on from here. A report
 * that can't be written is logged: the message is not lost for it. */
#ifndef ROLES_MX_REPORT_H
#define ROLES_MX_REPORT_H

#include "roles/mx/queue.h"

struct mx_report {
	const char *hostname; /* all are borrowed */
	struct mx_queue *queue;
};

/* His message is in the mailbox, of those recipients whose result is 0. */
void mx_report_delivered(const struct mx_report *report, const struct smtp_transaction *t);
/* It has gone on to several addresses behind this recipient, who has no mailbox. */
void mx_report_expanded(
	const struct mx_report *report, const struct smtp_transaction *t, struct smtp_recipient *r);

#endif
