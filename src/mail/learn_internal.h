/* Lessons as mail's own changes note them. */
#ifndef MAIL_LEARN_INTERNAL_H
#define MAIL_LEARN_INTERNAL_H

#include "mail/learn.h"
#include "mail/transfer_internal.h"

/* What a message's way from one mailbox into another says; 0: nothing, or nothing is learnt. */
unsigned mail_learn_verdict(const struct mail *mail, unsigned from_uses, unsigned to_uses);
/* Of a message that was just added by this transfer. */
int mail_learn_note(struct mail_transfer *transfer, const struct store_object *message,
	struct err *err) WARN_UNUSED;

#endif
