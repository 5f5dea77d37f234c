/* One transaction on an open connection: MAIL, RCPT, then the message behind DATA or BDAT (RFC
 * 5321, 2920, 3030). LMTP answers for each recipient (RFC 2033), SMTP once for all. */
#ifndef SMTP_EXCHANGE_H
#define SMTP_EXCHANGE_H

#include "net/client.h"
#include "smtp/client_reply.h"
#include "smtp/server.h"

/* What a server said about a recipient, for logs and reports. Printable ASCII. */
struct smtp_said {
	int code;           /* "550" */
	const char *status; /* enhanced code, "5.1.1"; "" when there was none */
	const char *text;   /* all lines, at most 511 bytes */
	const char *host;   /* who said it */
};
/* A copy in the arena. */
const struct smtp_said *smtp_said_new(
	const struct smtp_client_reply *reply, const char *host, struct arena *arena) WARN_UNUSED;

/* How long a server is waited for, RFC 5321 section 4.5.3.2; milliseconds. */
struct smtp_patience {
	unsigned connect; /* a handshake too */
	unsigned greeting;
	unsigned command;    /* MAIL, RCPT and whatever else */
	unsigned data_begin; /* the answer to DATA */
	unsigned data_block; /* for a piece of the message to be taken */
	unsigned data_end;   /* the answer to the message */
};

struct smtp_exchange {
	struct net_client *net;
	unsigned extensions; /* enum smtp_client_extension */
	bool lmtp;
	const struct smtp_patience *patience; /* NULL: the connection's time-out */
	const char *host; /* whose words are kept as smtp_recipient.said; NULL: they are not */
	/* What is sent: in place of the transaction's own, for it may have been converted. */
	struct slice extra, message;
	enum envelope_body body;
	bool smtputf8;
	/* What is known when it has failed. */
	bool answered; /* the server has said something in this transaction */
	bool complete; /* the message's end has been given to the kernel */
	bool lost;     /* so it has, and its answer did not come: it may have been delivered */
	bool bye;      /* the server said 421 */
};

enum smtp_exchanged {
	SMTP_EXCHANGE_BROKEN = -1, /* the connection can't be used any more; err says why */
	SMTP_EXCHANGE_DONE = 0,
	SMTP_EXCHANGE_KNOWN = 1, /* broken too, but each recipient has its result */
};

/* The transaction, its arena too, belongs to the call meanwhile. Recipients with a negative result
 * are left out; the others get theirs. Those without one after
 * SMTP_EXCHANGE_BROKEN have 0. The connection is between transactions afterwards. */
enum smtp_exchanged smtp_exchange_run(
	struct smtp_exchange *x, struct smtp_transaction *t, struct err *err) WARN_UNUSED;

/* The same in steps, for who passes on what comes in steps. Positive outcome: the server has said
 * no, and err has its words. Negative: the connection can't be used any more. */
enum { SMTP_EXCHANGE_REFUSED = 1 };
/* `size` of the message as far as it is known; 0: it is not. What is sent of t is what x has. */
int smtp_exchange_mail(struct smtp_exchange *x, struct smtp_transaction *t, uint64_t size,
	struct err *err) WARN_UNUSED;
int smtp_exchange_rcpt(struct smtp_exchange *x, struct smtp_transaction *t,
	struct smtp_recipient *r, struct err *err) WARN_UNUSED;
/* For the recipients of t, one at least, who were all taken. As smtp_exchange_run(). */
enum smtp_exchanged smtp_exchange_message(
	struct smtp_exchange *x, struct smtp_transaction *t, struct err *err) WARN_UNUSED;
int smtp_exchange_reset(struct smtp_exchange *x, struct err *err) WARN_UNUSED;

/* What a message is made of, as far as it has been chosen in t. */
void smtp_exchange_take(struct smtp_exchange *x, const struct smtp_transaction *t);

#endif
