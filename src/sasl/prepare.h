/* SASLprep (RFC 4013) of user names and passwords, so that the same word typed on two machines is
 * the same bytes. */
#ifndef SASL_PREPARE_H
#define SASL_PREPARE_H

#include "base/buf.h"

enum { SASL_TEXT_MAX = 1024 }; /* bytes of a user name or password, before and after */

/* Appends the prepared form of UTF-8 text. False, and nothing appended, when the text is not UTF-8,
 * holds what SASLprep forbids, or is too long. `to` may keep copies in freed memory: for secrets
 * reserve 3 * SASL_TEXT_MAX first. */
WARN_UNUSED bool sasl_prepare(struct slice text, struct buf *to);

#endif
