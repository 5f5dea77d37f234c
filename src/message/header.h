/* Header fields of RFC 5322 section 2.2: walking them, unfolding, decoding. */
#ifndef MESSAGE_HEADER_H
#define MESSAGE_HEADER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

struct message_field {
	struct slice whole; /* name, colon, value, folds, and the line end */
	struct slice name;  /* without spaces before the colon */
	struct slice value; /* raw: after the colon, with folds, without the last line end */
};

/* Cuts the next field off the front of *header (a header block, with or without its empty line).
 * Lines that are no field belong to the field before them; in front of the first they make a field
 * with an empty name. False at the end or at the empty line (which is then cut too). */
WARN_UNUSED bool message_next_field(struct slice *header, struct message_field *ret_field);
/* Length of the header block at the front of `message`, with its empty line. */
size_t message_header_len(struct slice message);
/* The first field of that name (any case): its unfolded value, trimmed; ptr NULL when absent. */
struct slice message_header_value(struct slice header, const char *name, struct arena *arena);

/* Folds removed: CRLF before white space goes, the white space stays. */
void message_unfold(struct slice value, struct buf *to);
/* Unfolded, encoded words (RFC 2047) decoded to UTF-8; bytes that are no valid UTF-8 are read as
 * windows-1252, so the result is always valid UTF-8. */
void message_decode_value(struct slice value, struct buf *to);

#endif
