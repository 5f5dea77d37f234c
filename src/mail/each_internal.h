/* Reading many messages of which the UIDs are known: in one scan when they lie close together, else
 * one by one. */
#ifndef MAIL_EACH_INTERNAL_H
#define MAIL_EACH_INTERNAL_H

#include "mail/mail.h"

/* `uids` ascend. Calls `visit` with the index of each that is there, ascending; what it gets is
 * valid during the call. `visit` must not call the store. A mailbox that is gone has no messages.
 */
int mail_each_object(struct mail *mail, struct id account, struct id mailbox, const uint32_t *uids,
	uint32_t count,
	void (*visit)(void *context, uint32_t index, const struct store_object *object),
	void *context, struct err *err) WARN_UNUSED;
int mail_each_facet(struct mail *mail, struct id account, struct id mailbox, const uint32_t *uids,
	uint32_t count, void (*visit)(void *context, uint32_t index, struct slice facet),
	void *context, struct err *err) WARN_UNUSED;

#endif
