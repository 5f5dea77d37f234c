/* Lines of ManageSieve (RFC 5804 section 4): a client's commands, a server's answers. Pure. */
#ifndef PROXY_SIEVE_LINE_H
#define PROXY_SIEVE_LINE_H

#include "base/arena.h"
#include "base/buf.h"
#include "proxy/login.h"

enum {
	PROXY_SIEVE_WORDS_MAX = 16,
	PROXY_SIEVE_LITERAL_MAX = DIRECTORY_LOGIN_LINE_MAX,
	PROXY_SIEVE_COMMAND_MAX = DIRECTORY_LOGIN_LINE_MAX + 1024,
};

/* Words of a line: atoms as they are, strings without their quotes; literals ("{3+}") in place. */
struct proxy_sieve_words {
	struct slice at[PROXY_SIEVE_WORDS_MAX];
	size_t count;
	size_t len; /* of the line in the input, with its end */
};
enum proxy_sieve_outcome {
	PROXY_SIEVE_MORE, /* more bytes are needed, or it is too long: the caller knows its bound */
	PROXY_SIEVE_LINE,
	PROXY_SIEVE_BAD, /* malformed; `len` is where it ends, 0: that can't be told */
};
/* The words lie in the input, or in `arena`. */
enum proxy_sieve_outcome proxy_sieve_read(
	struct slice input, struct arena *arena, struct proxy_sieve_words *ret_words);

/* What a server can do, of what a proxy uses; bits. */
enum proxy_sieve_trait {
	PROXY_SIEVE_PLAIN = 1,
	PROXY_SIEVE_OAUTHBEARER = 2,
	PROXY_SIEVE_XOAUTH2 = 4,
	PROXY_SIEVE_STARTTLS = 8,
	PROXY_SIEVE_XCLIENT = 16,
	PROXY_SIEVE_XCLIENT_SENT = 32, /* of a connection: its answer is still to be read */
};
/* Of one line of its capabilities. */
unsigned proxy_sieve_traits(const struct proxy_sieve_words *line);
/* Lines of capabilities, each with its end, as the proxy announces them: without what is each
 * server's own affair. Those with literals, and what is no capability, are left out. */
void proxy_sieve_announce(struct slice lines, struct buf *to);
/* "OK", "NO", "BYE" in front: the line ends an answer. */
enum proxy_sieve_status {
	PROXY_SIEVE_DATA,
	PROXY_SIEVE_OK,
	PROXY_SIEVE_NO,
	PROXY_SIEVE_BYE,
};
enum proxy_sieve_status proxy_sieve_status(struct slice line);
/* What the answer to a login comes to. */
enum proxy_said proxy_sieve_said(struct slice line);
/* How many bytes of a literal follow the line; 0: none. */
WARN_UNUSED size_t proxy_sieve_literal(struct slice line);
/* As a quoted string. */
void proxy_sieve_quote(struct buf *to, struct slice text);

#endif
