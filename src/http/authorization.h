/* Who a request says that it is from (RFC 9110 section 11.6.2): Basic (RFC 7617) or a bearer token
 * (RFC 6750). Pure. */
#ifndef HTTP_AUTHORIZATION_H
#define HTTP_AUTHORIZATION_H

#include "base/buf.h"

struct http_credentials {
	enum {
		HTTP_NO_CREDENTIALS,
		HTTP_BASIC,
		HTTP_BEARER,
		HTTP_OTHER_SCHEME, /* Digest, Negotiate …: nobody is named in a way that we read */
	} scheme;
	/* HTTP_BASIC: not empty, UTF-8, without control characters. HTTP_BEARER: the claim's text,
	 * or empty where the token does not say. */
	struct slice user;
	struct slice password; /* of HTTP_BASIC */
	struct buf secret;     /* what the slices point into */
};

/* `value` is the field's; empty: none was sent. `claim` names the member of a JWT's payload (RFC
 * 7519 section 3) that is the user; "": tokens are not opened. Nothing of a token is verified, that
 * is the back end's work: who lies about his name is sent to another back end, which refuses him.
 * False: malformed. http_credentials_free() is due in both cases. */
WARN_UNUSED bool http_credentials_read(
	struct slice value, const char *claim, struct http_credentials *ret_credentials);
void http_credentials_free(struct http_credentials *credentials); /* wipes */
/* "Basic dXNlcjpwYXNz", appended. */
void http_basic_add(struct buf *to, struct slice user, struct slice password);

#endif
