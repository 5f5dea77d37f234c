/* What a submission server answers before and at a login, as far as a proxy has to know it. Pure.
 */
#ifndef PROXY_SUBMISSION_ANSWER_H
#define PROXY_SUBMISSION_ANSWER_H

#include "base/buf.h"
#include "proxy/login.h"

/* Bits; above them those of XCLIENT's attributes that may be said (envelope_xclient_offered()). */
enum proxy_submission_trait {
	PROXY_SUBMISSION_PLAIN = 1,
	PROXY_SUBMISSION_LOGIN = 2,
	PROXY_SUBMISSION_OAUTHBEARER = 4,
	PROXY_SUBMISSION_XOAUTH2 = 8,
	PROXY_SUBMISSION_STARTTLS = 16,
};
enum { PROXY_SUBMISSION_XCLIENT_SHIFT = 8 };
/* Of one line behind the first of the answer to EHLO: "AUTH PLAIN LOGIN". */
unsigned proxy_submission_traits(struct slice extension);
/* Those lines, each with its end, as the proxy announces them: "250-SIZE 1000\r\n"; without what is
 * each server's own affair, and what is no line of words. REQUIRETLS is for a client by TLS. */
void proxy_submission_announce(struct slice extensions, bool by_tls, struct buf *to);

struct proxy_submission_line {
	unsigned code;       /* 200 to 599 */
	bool more;           /* of the same answer follow */
	struct slice text;   /* behind the code */
	struct slice status; /* "5.7.8"; empty: none */
};
/* A line without its end. False: no server of SMTP says this. */
WARN_UNUSED bool proxy_submission_read_line(
	struct slice line, struct proxy_submission_line *ret_line);
/* What the answer to a login comes to. */
enum proxy_said proxy_submission_said(const struct proxy_submission_line *line);

#endif
