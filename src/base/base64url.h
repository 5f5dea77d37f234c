/* Base64 as URLs bear it, without padding (RFC 4648 section 5; RFC 7515 section 2). */
#ifndef BASE_BASE64URL_H
#define BASE_BASE64URL_H

#include "base/buf.h"

void base64url_encode(struct buf *to, struct slice bytes);
/* Padding may be there. False when malformed. */
WARN_UNUSED bool base64url_decode(struct buf *to, struct slice text);
/* Of the alphabet, and of 1 to `most` characters: a token (RFC 8555 section 8.1). */
bool base64url_is(struct slice text, size_t most);

#endif
