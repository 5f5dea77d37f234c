/* The field lines of HTTP/1.1 (RFC 9110 section 5, RFC 9112 section 5), of heads and of trailers,
 * read strictly: what two readers could understand in two ways is refused. Pure. */
#ifndef HTTP_FIELD_H
#define HTTP_FIELD_H

#include "base/slice.h"

/* Names that mean something here. CGI and WSGI write "-" as "_", so "Content_Length" would become
 * Content-Length behind us only: such a spelling of one of these is refused. */
enum http_name {
	HTTP_OTHER,
	HTTP_AUTHORIZATION,
	HTTP_CONNECTION,
	HTTP_CONTENT_LENGTH,
	HTTP_EXPECT,
	HTTP_FORWARDED,
	HTTP_HOST,
	HTTP_KEEP_ALIVE,
	HTTP_PROXY,       /* "Proxy" (a CGI's HTTP_PROXY) and all that begin with "Proxy-" */
	HTTP_ROOKERY_TTL, /* X-Rookery-TTL */
	HTTP_ROOKERY,     /* others that begin with "X-Rookery-" */
	HTTP_TE,
	HTTP_TRAILER,
	HTTP_TRANSFER_ENCODING,
	HTTP_UPGRADE,
	HTTP_X_FORWARDED_FOR,
	HTTP_X_FORWARDED, /* others that begin with "X-Forwarded-", X-Real-IP, X-Client-IP … */
};

struct http_field {
	enum http_name known;
	struct slice name, value; /* borrowed; the value without blanks around it */
};

/* The head is over at the first empty line. */
enum http_outcome { HTTP_MORE, HTTP_WHOLE, HTTP_BAD };

/* Where the search for the end of a head stands; all zero at first. */
struct http_scan {
	size_t line;   /* where the line begins that has no end yet */
	size_t looked; /* bytes of it that were looked at */
};

/* Looks for the empty line that ends a head. Each line ends in CR LF: a bare LF is HTTP_BAD, and
 * said as soon as it is seen. HTTP_WHOLE: the head is *ret_len bytes, the empty line among them. */
WARN_UNUSED enum http_outcome http_scan(
	struct http_scan *scan, struct slice input, size_t *ret_len);

/* One line without its CR LF. False: no colon, an empty name or one that is no token (a space
 * before the colon, a folded line), "_" for "-" in a known name, a control character in the value
 * (CR and NUL among them). */
WARN_UNUSED bool http_field_read(struct slice line, struct http_field *ret_field);
/* A token (RFC 9110 section 5.6.2), at least one character. */
WARN_UNUSED bool http_is_token(struct slice text);
/* Cuts the next element off a list with commas, without blanks around it; empty elements are
 * passed over. False: none is left. */
WARN_UNUSED bool http_list_cut(struct slice *rest, struct slice *ret_element);

#endif
