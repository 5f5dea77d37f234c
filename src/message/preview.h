/* The first words of a message (RFC 8970). */
#ifndef MESSAGE_PREVIEW_H
#define MESSAGE_PREVIEW_H

#include "base/buf.h"
#include "message/message.h"

enum {
	MESSAGE_PREVIEW_CHARACTERS = 200, /* RFC 8970 section 3.1 */
	MESSAGE_PREVIEW_BYTES = 4 * MESSAGE_PREVIEW_CHARACTERS,
};

/* Appends the preview: valid UTF-8 in one line, runs of white space as one space. Nothing when the
 * message has no text. Looks at the front of the first text part that is no attachment only. */
void message_preview(const struct message_part *root, struct slice whole, struct buf *to);

#endif
