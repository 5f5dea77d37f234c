/* A message made fit for a way that carries less than it needs: 8-bit text for 7 bits (RFC 6152
 * section 3), binary parts for text (RFC 3030 section 3). Pure and linear; the tree of parts is
 * what it holds in memory, and the bytes come out in pieces.
 *
 * Only what has to change does. Text becomes quoted-printable, other parts and dense text base64,
 * their bytes stay what they are; messages inside are converted inside, but for message/global,
 * which may be encoded as it is (RFC 6532 section 3.7). Signatures outside the MIME structure
 * (DKIM) break. */
#ifndef MESSAGE_SEVEN_BIT_H
#define MESSAGE_SEVEN_BIT_H

#include "base/slice.h"

/* What bytes hold that a way may not carry. */
struct message_octets {
	bool eight_bit; /* 0x80 and above */
	bool nul;
	bool bare; /* CR or LF alone */
};
struct message_octets message_octets(struct slice bytes);

/* Is every header ASCII: the message's, its parts', and those of messages inside? */
bool message_headers_are_ascii(struct slice message);

enum message_transport { MESSAGE_SEVEN_BIT, MESSAGE_EIGHT_BIT };
enum { MESSAGE_CANT_CONVERT = 1 };

/* Hands out the converted message. 0; MESSAGE_CANT_CONVERT when it can't be done without breaking
 * something: a multipart/signed, a message/partial or the like (RFC 2046 section 5.2), a header or
 * a preamble with 8-bit bytes, a part that says it is encoded and is not (what was handed out is to
 * be thrown away); or what `take` returned when that was negative. Bare line ends are left where
 * nothing says that they count: the caller makes them CR LF. */
int message_convert(struct slice message, enum message_transport transport,
	int (*take)(void *context, struct slice piece), void *context) WARN_UNUSED;

#endif
