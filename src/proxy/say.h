/* What the client's halves of all protocols say. */
#ifndef PROXY_SAY_H
#define PROXY_SAY_H

#include "net/client.h"
#include "proxy/login.h"

/* Queues a short line. */
void proxy_say(struct net_client *net, const char *format, ...) PRINTF_LIKE(2, 3);
/* Appends who the client is as attributes of SMTP's XCLIENT, those that are `offered`
 * (envelope_xclient_offered()). `helo` may be NULL. */
void proxy_say_xclient(const struct proxy_client *client, const char *helo, const char *proto,
	unsigned offered, struct buf *to);
/* The one message of SASL's PLAIN, or the token's, in base64; of its whole size from the start, so
 * that no copies of a password are left behind. To be wiped. */
void proxy_say_sasl(const struct proxy_credentials *credentials, struct buf *to);
/* What the server says about a token (base64) before it says no, kept in `answer`; returns what is
 * to be said to that, in base64, which ends the exchange. */
struct slice proxy_say_to_challenge(const struct proxy_credentials *credentials,
	struct slice challenge, struct proxy_answer *answer);
/* Whether the text can stand in a line: no control characters. */
WARN_UNUSED bool proxy_say_fits_line(struct slice text);
void proxy_say_wipe(struct buf *secret); /* and frees; for AUTO() */

#endif
