/* A delivery of the queue as a transaction of the SMTP client, and what came of it. */
#ifndef ROLES_MX_SENDING_H
#define ROLES_MX_SENDING_H

#include "queue/queue.h"
#include "smtp/server.h"

struct mx_sending {
	struct smtp_transaction t; /* slices point into the delivery, or into its arena */
	struct smtp_recipient *recipients;
};
void mx_sending_begin(struct mx_sending *sending, const struct queue_delivery *delivery);
/* Results of the recipients become outcomes. */
void mx_sending_tell(const struct mx_sending *sending, struct queue_delivery *delivery);
void mx_sending_end(struct mx_sending *sending);

#endif
