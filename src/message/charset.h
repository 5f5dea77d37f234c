/* Character sets by ICU. */
#ifndef MESSAGE_CHARSET_H
#define MESSAGE_CHARSET_H

#include "base/buf.h"
#include "base/slice.h"

/* Appends `bytes` in the named charset as valid UTF-8; what can't be converted becomes U+FFFD.
 * False (nothing appended) when the charset is unknown. */
WARN_UNUSED bool charset_to_utf8(struct slice charset, struct slice bytes, struct buf *to);
/* Appends bytes whose charset nobody told: valid UTF-8 as it is, anything else as windows-1252. */
void charset_guess_to_utf8(struct slice bytes, struct buf *to);
bool charset_is_known(struct slice charset);
bool utf8_is_valid(struct slice s);
/* For searching (RFC 5255 i;unicode-casemap in effect): case folded, decomposed, white space runs
 * as one space. Input must be valid UTF-8. */
void charset_fold(struct slice utf8, struct buf *to);

#endif
