/* What an SMTP or LMTP server answers. */
#ifndef SMTP_CLIENT_REPLY_H
#define SMTP_CLIENT_REPLY_H

#include "net/client.h"

enum smtp_client_extension {
	SMTP_HAS_PIPELINING = 1,
	SMTP_HAS_CHUNKING = 2,
	SMTP_HAS_SMTPUTF8 = 4,
	SMTP_HAS_EIGHT_BIT = 8,
	SMTP_HAS_SIZE = 16,
	SMTP_HAS_DSN = 32,
	SMTP_HAS_XSESSION = 64,
};

struct smtp_client_reply {
	int code;
	char text[160]; /* of the last line, with its enhanced code */
};

/* One reply, all its lines. *extensions (may be NULL) gets the bits of those that are named behind
 * the first line. */
int smtp_client_read_reply(struct net_client *net, struct smtp_client_reply *reply,
	unsigned *extensions, struct err *err) WARN_UNUSED;
/* As above, and a failure (temporary) when it is another one than `code`. */
int smtp_client_expect(
	struct net_client *net, int code, unsigned *extensions, struct err *err) WARN_UNUSED;
/* What a refusal says, as an err; returns -1. */
int smtp_client_reply_err(const struct smtp_client_reply *reply, struct err *err);

#endif
