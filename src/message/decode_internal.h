/* Transfer encodings undone; all take whatever comes. */
#ifndef MESSAGE_DECODE_INTERNAL_H
#define MESSAGE_DECODE_INTERNAL_H

#include "base/base64.h"
#include "base/buf.h"

/* The Q encoding of RFC 2047 section 4.2. */
void decode_q(struct slice text, struct buf *to);
/* RFC 2045 section 6.7. */
void decode_quoted_printable(struct slice text, struct buf *to);
/* "%41" of RFC 2231. */
void decode_percent(struct slice text, struct buf *to);
/* The body of a "begin … end" (uuencode of POSIX); text without a begin gives nothing. */
void decode_uuencode(struct slice text, struct buf *to);

#endif
