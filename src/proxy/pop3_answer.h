/* What a POP3 server answers before and at a login, as far as a proxy has to know it. Pure. */
#ifndef PROXY_POP3_ANSWER_H
#define PROXY_POP3_ANSWER_H

#include "base/buf.h"
#include "proxy/login.h"

enum proxy_pop3_trait {
	PROXY_POP3_PLAIN = 1,
	PROXY_POP3_OAUTHBEARER = 2,
	PROXY_POP3_XOAUTH2 = 4,
	PROXY_POP3_XCLIENT = 8,
	PROXY_POP3_XCLIENT_SENT = 16, /* of a connection: its answer is still to be read */
};
/* Of one line of the answer to CAPA, or of the greeting. */
unsigned proxy_pop3_traits(struct slice line);
/* Lines of CAPA, each with its end, as the proxy announces them: without what is each server's own
 * affair, and what is no line of words. */
void proxy_pop3_announce(struct slice lines, struct buf *to);
enum proxy_pop3_status { PROXY_POP3_OK, PROXY_POP3_ERR, PROXY_POP3_GO_AHEAD, PROXY_POP3_NONE };
/* "+OK …", "-ERR …", "+ …"; NONE: no server of POP3 says this. */
enum proxy_pop3_status proxy_pop3_status(struct slice line);
/* What the answer to a login comes to. */
enum proxy_said proxy_pop3_said(struct slice line);

#endif
