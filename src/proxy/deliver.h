/* Mail by recipient, passed through: the proxy's SMTP and LMTP listeners have no queue, so what the
 * client is answered is what the back ends said.
 *
 * A recipient's back end is asked at RCPT. By LMTP a message may go to several, and each recipient
 * has his own answer; an alias is named at each by the addresses of who lives there, and its answer
 * is the worst of theirs. SMTP has one answer for all: there a transaction holds recipients of one
 * back end, and those of another one are put off (452 4.5.3), for a transaction of their own; an
 * alias goes to where the first of its users lives, whose mx splits it. docs/proxy.md. */
#ifndef PROXY_DELIVER_H
#define PROXY_DELIVER_H

#include "net/together.h"
#include "proxy/proxy.h"
#include "smtp/server.h"

/* The `context` of a service with this backend; all is borrowed. */
struct proxy_deliver {
	struct proxy *proxy;
	struct net_loop *loop;
	struct net_together together; /* messages that go to several back ends at once */
	bool lmtp;
	char separator; /* of user and detail; '\0': there is none */
};
extern const struct smtp_backend proxy_deliver_backend;

#endif
