/* RFC 5322 and MIME messages as they lie on disk: parsed in one linear pass, without copying,
 * without ever failing. What is malformed is read as the RFCs' recovery rules or common practice
 * say; every byte of the input belongs to exactly one header or body.
 *
 * All offsets count from the start of the whole message. Lines may end in CRLF or bare LF; sizes
 * are of the bytes as they are. */
#ifndef MESSAGE_MESSAGE_H
#define MESSAGE_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

/* Bounds on what one message makes us build (RFC 2046 has none). Beyond them the rest is a leaf. */
enum {
	MESSAGE_DEPTH_MAX = 64,
	MESSAGE_PARTS_MAX = 10000,
	MESSAGE_PARAMETERS_MAX = 100, /* of one header field */
};

/* A parameter with RFC 2231 continuations joined and charset decoded to UTF-8. */
struct message_parameter {
	struct slice name, value;
	bool extended; /* came in the form of RFC 2231, so its value may be any text */
	struct message_parameter *next;
};

enum message_kind {
	MESSAGE_LEAF,
	MESSAGE_MULTIPART, /* children are the parts */
	MESSAGE_RFC822,    /* one child: the message inside */
};

struct message_part {
	enum message_kind kind;
	size_t header_start, header_len; /* with the empty line that ends it */
	size_t body_start, body_len;
	uint32_t header_lines, body_lines; /* counted as IMAP does: line ends */
	struct slice type, subtype; /* as written; "text" "plain" by default (RFC 2045 5.2) */
	struct message_parameter *parameters;
	struct slice encoding; /* Content-Transfer-Encoding as written; "7BIT" when absent */
	struct slice id, description, md5, language, location; /* empty when absent */
	struct slice disposition;                              /* "attachment"; empty when absent */
	struct message_parameter *disposition_parameters;
	struct message_part *parent, *first_child, *next;
	uint32_t child_count;
};

/* The tree; the root's header is the message's. Slices point into `whole` or the arena. */
struct message_part *message_parse(struct slice whole, struct arena *arena) WARN_UNUSED;
/* The part that IMAP calls `numbers` (RFC 9051 section 6.4.5.1): {1,2} is "1.2". NULL when there is
 * none. No numbers: the root. */
const struct message_part *message_part_by_number(
	const struct message_part *root, const uint32_t *numbers, size_t count);
/* First parameter of that name, in any case; SLICE_NONE (ptr NULL) when there is none. */
struct slice message_parameter(const struct message_parameter *list, const char *name);
/* Content-Transfer-Encoding undone; appends to `to`. Unknown encodings: the bytes as they are. */
void message_decode_body(const struct message_part *part, struct slice whole, struct buf *to);

#endif
