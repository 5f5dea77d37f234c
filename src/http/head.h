/* Heads of HTTP/1.1 requests and answers (RFC 9110, 9112), read strictly, so that nobody behind us
 * can find another request in the same bytes: RFC 9112 section 11.2. Pure.
 *
 * Slices point into the head that was read. A head that is not taken has a status (RFC 9110 section
 * 15) and words for whoever sent it. */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "http/body.h"
#include "http/field.h"

enum {
	HTTP_HEAD_MAX = 64 * 1024, /* with the empty line */
	HTTP_FIELDS_MAX = 128,
	HTTP_TARGET_MAX = 16 * 1024,
	HTTP_OPTIONS_MAX = 16, /* elements of Connection */
};

struct http_head {
	bool minor_0; /* HTTP/1.0 */
	bool keeps;   /* the sender goes on after this message, as far as its head says */
	size_t field_count;
	struct http_field fields[HTTP_FIELDS_MAX];
	/* Names in Connection, without close, keep-alive, upgrade. */
	size_t option_count;
	struct slice options[HTTP_OPTIONS_MAX];
	enum http_framing framing;
	bool has_length; /* Content-Length was there, even where no body follows (HEAD, 304) */
	uint64_t length;
	/* Value of Upgrade, where Connection names it too, in HTTP/1.1; else empty. */
	struct slice upgrade;
};

struct http_request {
	struct http_head head;
	struct slice method;
	struct slice target; /* "/path?query", or "*" of OPTIONS */
	struct slice host;   /* "name" or "name:port"; empty: none (HTTP/1.0 only) */
	bool expects_continue;
	struct slice authorization; /* the field's value; empty: none */
};

struct http_answer {
	struct http_head head;
	unsigned status;     /* 100 … 599 */
	struct slice reason; /* may be empty */
};

struct http_refusal {
	unsigned status;  /* 400, 414, 417, 431, 501, 505 */
	const char *text; /* what is wrong, in a few words */
};

/* `bytes` is a head as http_scan() found it, its empty line included. An empty line before a
 * request is passed over by http_skip_empty(), before the scan. False: refused. */
WARN_UNUSED bool http_request_read(
	struct slice bytes, struct http_request *ret_request, struct http_refusal *ret_refusal);
/* CR LF at the front, which some clients send behind a body (RFC 9112 section 2.2): 2, else 0. */
size_t http_skip_empty(struct slice input);

/* The head of an answer to a request with this method, "HEAD" or another: that decides whether a
 * body follows. False: no server that may be believed sends this; the refusal has the reason. */
WARN_UNUSED bool http_answer_read(struct slice bytes, struct slice method,
	struct http_answer *ret_answer, struct http_refusal *ret_refusal);

/* RFC 9110 section 9.2.2, and what DAV adds: doing it twice is doing it once. Of methods that we do
 * not know: false. */
WARN_UNUSED bool http_is_idempotent(struct slice method);
/* "Bad Request" of 400. */
const char *http_reason(unsigned status);

#endif
