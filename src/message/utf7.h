/* Mailbox names in the modified UTF-7 of IMAP4rev1 (RFC 3501 section 5.1.3). */
#ifndef MESSAGE_UTF7_H
#define MESSAGE_UTF7_H

#include "base/buf.h"

/* Appends the name in UTF-8. False (what was appended is then to be dropped) when it is not
 * well-formed: 8-bit or control bytes, an unfinished shift, bits left over, half a surrogate pair,
 * or ASCII written in base64. Each name has one form only, so what is accepted comes back the same
 * from utf7_from_utf8. */
WARN_UNUSED bool utf7_to_utf8(struct slice name, struct buf *to);
/* Appends the name in modified UTF-7. False (as above) when `name` is no valid UTF-8. */
WARN_UNUSED bool utf7_from_utf8(struct slice name, struct buf *to);

#endif
