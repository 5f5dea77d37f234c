/* What an SMTP or LMTP server answers (RFC 5321 section 4.2, RFC 2034), and what it offers. */
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
	SMTP_HAS_BINARY = 128,
	SMTP_HAS_STARTTLS = 256,
	SMTP_HAS_AUTH = 512,
	SMTP_HAS_REQUIRETLS = 1024,
	SMTP_HAS_XDELIVERY = 2048,
	SMTP_HAS_XADDR = 4096,
	SMTP_HAS_XCLIENT = 8192,
};

/* Said behind EHLO or LHLO. */
struct smtp_offer {
	unsigned extensions;  /* bits */
	uint64_t size_max;    /* of a message; 0: not said */
	char mechanisms[256]; /* of AUTH, as written; more are cut off */
	char xclient[128];    /* what may be said by XCLIENT, the same */
};

struct smtp_client_reply {
	int code;
	char status[12]; /* enhanced code, of the same class as `code`; "" when there is none */
	/* All lines, a space between, without their enhanced codes; printable ASCII. */
	char text[512];
	unsigned lines; /* how many have been read */
	size_t len;     /* of text */
};

enum smtp_reply_outcome { SMTP_REPLY_MORE, SMTP_REPLY_COMPLETE, SMTP_REPLY_MALFORMED };

enum { SMTP_REPLY_LINE_MAX = 2048, SMTP_REPLY_LINES_MAX = 100 };

/* Pure: one line, without its end, of a reply whose `lines` were 0 in front of the first. *offer
 * (may be NULL) gets what is named behind the first line. */
enum smtp_reply_outcome smtp_client_reply_line(
	struct smtp_client_reply *reply, struct slice line, struct smtp_offer *offer);

/* One reply from the connection. A failure is one of the connection, which is of no use then:
 * temporary, ERR_UNAVAILABLE. */
int smtp_client_read_reply(struct net_client *net, struct smtp_client_reply *reply,
	struct smtp_offer *offer, struct err *err) WARN_UNUSED;
/* As above, and a failure (temporary) when it is another one than `code`. */
int smtp_client_expect(
	struct net_client *net, int code, struct smtp_offer *offer, struct err *err) WARN_UNUSED;
/* What a refusal says, as an err; returns -1. */
int smtp_client_reply_err(const struct smtp_client_reply *reply, struct err *err);

#endif
