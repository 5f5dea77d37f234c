/* What happened since a client was last here (QRESYNC, RFC 7162). */
#ifndef MAIL_CHANGES_H
#define MAIL_CHANGES_H

#include "mail/mail.h"
#include "mail/set.h"

/* UIDs expunged after change number `since`; those that came after it and are gone again too. */
int mail_vanished(struct mail *mail, struct id account, struct id mailbox, uint64_t since,
	struct mail_set *ret_uids, struct err *err) WARN_UNUSED;
/* Of a UID that was there at change number `since` and is not now: whether its message has left the
 * mailbox. Else it is under another UID (docs/mirror.md), or nobody knows. */
int mail_has_left(struct mail *mail, struct id account, struct id mailbox, uint64_t since,
	uint32_t uid, bool *ret_left, struct err *err) WARN_UNUSED;

#endif
