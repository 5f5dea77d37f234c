/* A message's facts in the text form that IMAP gives them (RFC 9051 section 7.5.2); kept beside the
 * message, so that FETCH ENVELOPE and BODYSTRUCTURE are a copy. Strings are quoted when they can
 * be, else literals. */
#ifndef MESSAGE_IMAP_FORM_H
#define MESSAGE_IMAP_FORM_H

#include "base/buf.h"
#include "message/message.h"

/* "(date subject from sender reply-to to cc bcc in-reply-to message-id)" with its parentheses. */
void message_write_envelope(struct slice header, struct buf *to);
/* BODYSTRUCTURE when `extended`, else BODY. */
void message_write_structure(
	const struct message_part *root, struct slice whole, bool extended, struct buf *to);
/* An nstring: NIL for ptr NULL, else quoted or literal. */
void message_write_nstring(struct buf *to, struct slice s);

#endif
