/* What a milter wants changed, done in a transaction. */
#ifndef ROLES_MX_MILTER_CHANGES_H
#define ROLES_MX_MILTER_CHANGES_H

#include "filter/milter_changes.h"
#include "roles/mx/milter.h"

/* Message, sender and recipients, in the milter's order; `milter` is its name, for the log. Whom it
 * adds `route` is asked about; who is not there is left out. Negative: that can't be told now, or
 * there is no memory. */
int mx_milter_change(struct smtp_transaction *t, const struct filter_milter_changes *changes,
	const char *milter, mx_milter_route route, void *context, struct buf *message,
	struct err *err) WARN_UNUSED;

#endif
