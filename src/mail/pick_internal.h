/* The messages that a change is about: those of a view that are in a set. Under the account's lock
 * the newest view is the mailbox as it is, so the rows say, without reading one message, which ones
 * a change concerns. */
#ifndef MAIL_PICK_INTERNAL_H
#define MAIL_PICK_INTERNAL_H

#include "mail/box_internal.h"
#include "mail/view.h"

struct mail_pick {
	struct mail_view *view;
	const struct mail_set *uids; /* NULL: all */
	uint32_t range;              /* being walked */
	uint32_t seq;                /* next to look at; 0: the range is not begun */
};

/* Inside a write of the account. ERR_ABSENT. */
int mail_pick_begin(struct mail *mail, struct id account, struct id mailbox,
	const struct mail_set *uids, struct mail_pick *ret_pick, struct err *err) WARN_UNUSED;
/* The next row, ascending; NULL at the end. */
const struct mail_row *mail_pick_next(struct mail_pick *pick);
void mail_pick_end(struct mail_pick *pick);

#endif
