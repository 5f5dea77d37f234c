/* Base64 (RFC 4648 section 4). */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

/* Padded, no line breaks. */
void base64_encode(struct buf *to, struct slice bytes);
/* As the body of a part of mail (RFC 2045 section 6.8): lines of 76 characters, each ended by CR
 * LF. */
void base64_encode_lines(struct buf *to, struct slice bytes);
/* Strict, as SASL wants it: padding required, no other characters. False when malformed. */
WARN_UNUSED bool base64_decode(struct buf *to, struct slice text);
/* Tolerant, as mail needs it: other characters are skipped, decoding ends at padding or the end. */
void base64_decode_mail(struct buf *to, struct slice text);
/* What a character stands for, 0 to 63; -1: none of the alphabet's. */
int base64_digit(char c);

#endif
