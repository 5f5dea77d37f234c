/* A message's facts in the text form that IMAP gives them (RFC 9051 section 7.5.2); kept beside the
 * message, so that FETCH ENVELOPE and BODYSTRUCTURE are a copy. Strings are quoted when they can
 * be, else literals. */
#ifndef MESSAGE_IMAP_FORM_H
#define MESSAGE_IMAP_FORM_H

#include "base/buf.h"
#include "message/address.h"
#include "message/message.h"

/* "(date subject from sender reply-to to cc bcc in-reply-to message-id)" with its parentheses. True
 * when its texts are all that the header has of these fields: none came twice, none has a NUL,
 * which IMAP's strings can't hold. */
bool message_write_envelope(struct slice header, struct buf *to);
/* BODYSTRUCTURE when `extended`, else BODY. */
void message_write_structure(
	const struct message_part *root, struct slice whole, bool extended, struct buf *to);
/* An nstring: NIL for ptr NULL, else quoted or literal. */
void message_write_nstring(struct buf *to, struct slice s);

/* Reading a stored ENVELOPE again, for SEARCH, SORT and THREAD. */
enum message_envelope_index {
	MESSAGE_ENVELOPE_DATE,
	MESSAGE_ENVELOPE_SUBJECT,
	MESSAGE_ENVELOPE_FROM,
	MESSAGE_ENVELOPE_SENDER,
	MESSAGE_ENVELOPE_REPLY_TO,
	MESSAGE_ENVELOPE_TO,
	MESSAGE_ENVELOPE_CC,
	MESSAGE_ENVELOPE_BCC,
	MESSAGE_ENVELOPE_IN_REPLY_TO,
	MESSAGE_ENVELOPE_MESSAGE_ID,
	MESSAGE_ENVELOPE_FIELDS,
};
/* The text of one field as it stands there: an nstring, or an address list in parentheses, or
 * "NIL". False when the envelope is not one. */
WARN_UNUSED bool message_envelope_field(
	struct slice envelope, unsigned index, struct slice *ret_field);
/* All fields at once, in one walk. */
WARN_UNUSED bool message_envelope_fields(
	struct slice envelope, struct slice ret_fields[MESSAGE_ENVELOPE_FIELDS]);
/* The bytes of an nstring; borrowed unless something was escaped. NIL and what is no nstring: ptr
 * NULL. */
struct slice message_read_nstring(struct slice nstring, struct arena *arena);
/* The addresses of a field's text, as message_parse_addresses gave them. */
struct message_address *message_read_addresses(struct slice field, struct arena *arena) WARN_UNUSED;

#endif
