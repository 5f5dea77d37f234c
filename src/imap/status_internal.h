/* The items of STATUS, which LIST can ask for too (RFC 5819). */
#ifndef IMAP_STATUS_INTERNAL_H
#define IMAP_STATUS_INTERNAL_H

#include "imap/session_internal.h"

/* "(MESSAGES UNSEEN …)" as bits, which imap_write_status understands. */
WARN_UNUSED bool imap_status_items(struct imap_parser *p, unsigned *ret_items);
/* "* STATUS name (…)" */
void imap_write_status(struct imap_session *s, const struct mail_mailbox *mailbox, unsigned items);

#endif
