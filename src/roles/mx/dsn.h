/* Who asked for it hears of success (RFC 3461) before his message has gone on from here. A report
 * that can't be written is logged: the message is not lost for it. */
#ifndef ROLES_MX_DSN_H
#define ROLES_MX_DSN_H

#include "roles/mx/queue.h"

struct mx_dsn {
	const char *hostname; /* all are borrowed */
	struct mx_queue *queue;
};

/* His message is in the mailbox, of those recipients whose result is 0. */
void mx_dsn_delivered(const struct mx_dsn *report, const struct smtp_transaction *t);
/* It has gone on to several addresses behind this recipient, who has no mailbox. */
void mx_dsn_expanded(
	const struct mx_dsn *report, const struct smtp_transaction *t, struct smtp_recipient *r);

#endif
