/* Delivery reports (queue/report.h) about the recipients of a transaction. Pure but for the
 * date and the ids. */
#ifndef SMTP_DSN_H
#define SMTP_DSN_H

#include "smtp/server.h"

enum smtp_dsn_action { SMTP_DSN_DELIVERED, SMTP_DSN_FAILED, SMTP_DSN_EXPANDED };

/* Is a report of this kind wanted for the recipient (RFC 3461 section 4.1)? */
bool smtp_dsn_wanted(const struct smtp_transaction *t, const struct smtp_recipient *r,
	enum smtp_dsn_action action);
/* One report about those recipients of the transaction for whom it is wanted; what of the message
 * comes back is by RET. Appends the whole message to `to`. */
void smtp_dsn_write(const struct smtp_transaction *t, enum smtp_dsn_action action,
	const char *hostname, struct buf *to);

#endif
