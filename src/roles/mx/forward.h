/* What goes on from an address of ours to addresses elsewhere: by the queue, from a sender that is
 * ours, with Delivered-To in front by which it is known when it comes back, and sealed (ARC).
 * docs/forward.md. */
#ifndef ROLES_MX_FORWARD_H
#define ROLES_MX_FORWARD_H

#include "roles/mx/checks.h"
#include "roles/mx/queue.h"
#include "roles/mx/recipients.h"
#include "roles/mx/dsn.h"

struct mx_forward {
	const struct conf_mx *conf;
	struct mx_queue *queue;
	struct directory *directory;
	struct mx_srs *srs;
	const struct mx_dsn *report;
	atomic_uint_fast64_t forwarded, sealed, looped;
};

/* Whether what one of the recipients forwards may go on. A message that he has forwarded before is
 * in a circle, and one that pretends to be by us, which our own sender would make it seem to be, is
 * not passed on: ERR_PERMANENT. */
int mx_forward_check(struct mx_forward *forward, const struct smtp_transaction *t,
	const struct mx_checked *checked, struct err *err) WARN_UNUSED;

/* Takes recipients out of the transaction of whom nothing stays here and nothing is relayed, until
 * mx_forward_rejoin(); how many there were. */
WARN_UNUSED size_t mx_forward_set_aside(struct smtp_transaction *t);
void mx_forward_rejoin(struct smtp_transaction *t, size_t count);

/* After the others have their results: what goes on is in the queue when 0, held if `why` is not
 * empty. Of a recipient that failed nothing goes on; nor of any when one is to be tried again,
 * since then the whole message comes again. */
int mx_forward_queue(struct mx_forward *forward, struct smtp_transaction *t,
	const struct mx_checked *checked, struct slice why, struct err *err) WARN_UNUSED;

void mx_forward_metrics(struct mx_forward *forward, struct role *role, struct buf *to);

#endif
