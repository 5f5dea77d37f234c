/* One part's text, for those who want not all of it. */
#ifndef MESSAGE_TEXT_INTERNAL_H
#define MESSAGE_TEXT_INTERNAL_H

#include "base/buf.h"
#include "message/message.h"

bool text_is_text(const struct message_part *part);
/* The part that comes next in the order of the message; NULL after the last. */
const struct message_part *text_next_part(const struct message_part *part);
/* Appends the decoded text of a text part's first `limit` body bytes, in valid UTF-8, HTML as
 * text. Line ends are LF or CRLF as written. */
void text_of_part(
	const struct message_part *part, struct slice whole, size_t limit, struct buf *to);
/* As much of `s` (valid UTF-8) as fits into `to`, which does not fail. */
void text_add_fitting(struct buf *to, struct slice s);

#endif
