/* Where the body of a message ends (RFC 9112 sections 6 and 7). Pure: the caller has bytes, learns
 * which of them are content, and passes only these on, with a framing of his own. */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include "base/buf.h"

enum http_framing {
	HTTP_NO_BODY,
	HTTP_LENGTH,      /* Content-Length */
	HTTP_CHUNKED,     /* Transfer-Encoding: chunked */
	HTTP_UNTIL_CLOSE, /* answers only: the end of the stream ends it */
};

enum {
	HTTP_CHUNK_LINE_MAX = 1024, /* size and extensions of one chunk */
	HTTP_TRAILER_MAX =
		16 * 1024, /* all trailer fields of a body; they are checked and dropped */
};

enum http_body_state { HTTP_IN_SIZE, HTTP_IN_DATA, HTTP_BEHIND_DATA, HTTP_IN_TRAILER, HTTP_AT_END };

struct http_body {
	enum http_framing framing;
	enum http_body_state state;
	uint64_t left;  /* of the length, or of the chunk */
	size_t trailer; /* bytes so far */
};

void http_body_begin(struct http_body *body, enum http_framing framing, uint64_t length);

enum http_piece {
	HTTP_PIECE_MORE, /* more input is needed; what is left of it must be given again */
	HTTP_PIECE,      /* *ret_piece is content */
	HTTP_PIECE_END,  /* the message is over; what is left in the input is behind it */
	HTTP_PIECE_BAD,  /* malformed or past a limit: nothing behind it can be believed */
};

/* Cuts what it read off *input. Never HTTP_PIECE_END for HTTP_UNTIL_CLOSE. */
WARN_UNUSED enum http_piece http_body_next(
	struct http_body *body, struct slice *input, struct slice *ret_piece);
/* The stream ended here: whether the message was whole. */
WARN_UNUSED bool http_body_may_end(const struct http_body *body);

/* Room for a chunk's frame around its content. */
enum { HTTP_CHUNK_FRAME = 24 };
/* As a chunk; an empty one would end the body and is left out. */
void http_chunk_add(struct buf *to, struct slice content);
/* The last chunk, without trailers. */
void http_chunk_end(struct buf *to);

#endif
