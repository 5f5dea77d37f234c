/* Line ends made CRLF on a message's way in: bare LF always, bare CR when asked. May be fed in
 * pieces cut anywhere; bytes with nothing to change are copied in long runs. */
#ifndef MESSAGE_CRLF_H
#define MESSAGE_CRLF_H

#include "base/buf.h"

struct message_crlf {
	bool bare_cr; /* set by the caller: a bare CR ends a line too */
	bool held_cr; /* the last byte fed was a CR */
};

#define MESSAGE_CRLF(bare_cr_ends_lines) ((struct message_crlf){.bare_cr = (bare_cr_ends_lines)})

void message_crlf_feed(struct message_crlf *state, struct slice bytes, struct buf *to);
/* At the end of the message: what was held goes out. */
void message_crlf_end(struct message_crlf *state, struct buf *to);
/* Whether a whole message would come out as it is: then it need not be copied at all. */
bool message_crlf_is_normal(struct slice message, bool bare_cr);

#endif
