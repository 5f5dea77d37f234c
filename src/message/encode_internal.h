/* Transfer encodings (RFC 2045 section 6), done; cut anywhere by the caller's buffer. */
#ifndef MESSAGE_ENCODE_INTERNAL_H
#define MESSAGE_ENCODE_INTERNAL_H

#include "base/buf.h"

/* Where encoded bytes go: `full` empties the buffer, and says false when the rest is not wanted. */
struct encode_sink {
	struct buf *to;
	bool (*full)(void *context);
	void *context;
};

/* CR LF stays a line end; CR and LF alone are encoded. No output line begins with "-", so none is
 * taken for a boundary. */
void encode_quoted_printable(struct slice bytes, const struct encode_sink *sink);
/* Lines of 76 characters; the last one has no line end. */
void encode_base64(struct slice bytes, const struct encode_sink *sink);

#endif
