/* Deliveries that may have been made before. */
#ifndef MAIL_DELIVERED_INTERNAL_H
#define MAIL_DELIVERED_INTERNAL_H

#include "mail/box_internal.h"
#include "mail/mail_internal.h"

/* So far back it is looked for: above that in one mailbox since the first attempt it is delivered
 * once more. */
enum { MAIL_DELIVERED_UIDS = 20000, MAIL_DELIVERED_CHANGES = 100000 };

/* Whether the mailbox, which a write has under its lock and has not changed, has or had the
 * message that was delivered as `id`. */
int mail_delivered_find(struct mail *mail, struct id account, const struct mail_box *box,
	struct id id, bool *ret_found, uint32_t *ret_uid, struct err *err) WARN_UNUSED;

#endif
