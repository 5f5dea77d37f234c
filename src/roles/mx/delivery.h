/* How a message gets to its recipients of ours, while its sender waits: at once to where each of
 * them lives, and into the queue for whom that does not work now. After 0 each recipient who has
 * the result 0 has the message, or it is in the queue for him. */
#ifndef ROLES_MX_DELIVERY_H
#define ROLES_MX_DELIVERY_H

#include "roles/mx/dsn.h"
#include "roles/mx/local.h"
#include "roles/mx/queue.h"

struct mx_delivery {
	struct mx_queue *queue; /* all are borrowed */
	struct mx_local *local;
	const struct mx_dsn *report;
};

/* To whom it stays here, or by the queue when some are elsewhere. Negative: the same for all. */
int mx_delivery_run(const struct mx_delivery *delivery, struct smtp_transaction *t,
	struct err *err) WARN_UNUSED;
/* All wait in the queue: held until an operator releases it, if `why` is not empty. */
int mx_delivery_keep(const struct mx_delivery *delivery, struct smtp_transaction *t,
	struct slice why, struct err *err) WARN_UNUSED;

#endif
