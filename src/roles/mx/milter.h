/* The milters of the config file, asked by the mx role about mail on its way in, one after the
 * other. What they say of connection, HELO and sender is answered to the first recipient, so that
 * nobody is asked about a client that knows no address here. A connection to a milter stands as
 * long as the client goes by the same HELO, and takes one transaction after the other. */
#ifndef ROLES_MX_MILTER_H
#define ROLES_MX_MILTER_H

#include "dns/dns.h"
#include "roles/role.h"
#include "smtp/server.h"

struct mx_milters;

/* Where a recipient's mailbox is, whom a milter adds: may be elsewhere. As a backend's. */
typedef int (*mx_milter_route)(
	void *context, struct smtp_transaction *t, struct smtp_recipient *r, struct err *err);

/* By the settings of the role, which outlive it, as `dns` does (NULL: clients have no names). */
int mx_milters_new(const struct role *role, struct dns *dns, mx_milter_route route, void *context,
	struct mx_milters **ret_milters, struct err *err) WARN_UNUSED;
void mx_milters_free(struct mx_milters *milters); /* NULL is fine */

/* A recipient that the directory knows. Negative: a milter does not want it, or does not work; the
 * transaction has its reply code. */
int mx_milters_recipient(struct mx_milters *milters, struct smtp_transaction *t,
	struct smtp_recipient *r, struct err *err) WARN_UNUSED;

/* What becomes of a message that is not refused. */
struct mx_milter_wish {
	bool drop; /* it is answered as if it were delivered */
	struct slice
		why; /* it is held in the queue; empty: it is not. In the transaction's arena */
};
/* The message is here whole. The first `ours` bytes of t->extra are for the milters to see: they
 * move to the front of the message. Changes are done in the transaction; the new message lies in
 * *message, which holds the old one or nothing. Negative as above. */
int mx_milters_message(struct mx_milters *milters, struct smtp_transaction *t, size_t ours,
	struct buf *message, struct mx_milter_wish *ret_wish, struct err *err) WARN_UNUSED;

/* For smtp_backend.forget. */
void mx_milters_forget(void *kept);
void mx_milters_metrics(struct mx_milters *milters, struct role *role, struct buf *to);

#endif
