/* The text of a message as a person sees it, for search and previews. */
#ifndef MESSAGE_TEXT_H
#define MESSAGE_TEXT_H

#include "base/buf.h"
#include "message/message.h"

/* Appends the decoded text parts (text/..., HTML without its tags) as UTF-8, a line break between
 * them; stops silently when `to` is full. */
void message_body_text(const struct message_part *root, struct slice whole, struct buf *to);
/* As above with every header field of every part, encoded words decoded. */
void message_whole_text(const struct message_part *root, struct slice whole, struct buf *to);
/* RFC 5256 base subject: without re:, fwd:, [list], (fwd). Input decoded UTF-8. */
void message_base_subject(struct slice subject, struct buf *to);

#endif
