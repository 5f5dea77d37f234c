/* A connection to a server elsewhere: one host of a route, or a smart host. Opened once, it takes
 * any number of messages. Calls wait, as base/wait.h says; a connection belongs to one caller at a
 * time. It does not log: what came out is told. */
#ifndef SMTP_OUTBOUND_H
#define SMTP_OUTBOUND_H

#include "net/tls.h"
#include "smtp/exchange.h"

struct net_tls_client;
struct net_tls_dane;
struct smtp_outbound;

enum smtp_tls_mode {
	SMTP_TLS_NONE,          /* not even when offered */
	SMTP_TLS_OPPORTUNISTIC, /* when offered (RFC 7435) */
	SMTP_TLS_REQUIRED,      /* or no mail: DANE, MTA-STS, a smart host */
};

/* Where to. All is borrowed for the call that opens, `trust` as well. */
struct smtp_hop {
	const char *host; /* its name: for certificates, SNI, and in reports */
	struct net_address address;
	enum smtp_tls_mode tls;
	bool tls_at_once; /* in front of the greeting (RFC 8314); needs SMTP_TLS_REQUIRED */
	/* NULL: any certificate is taken, as is right for opportunistic TLS; but lend one that does
	 * so where many connections are made. */
	struct net_tls_client *trust;
	const struct net_tls_dane *dane; /* which certificate is right; NULL: as `trust` says */
	/* What `trust` or `dane` verifies, in a word ("dane", "sts"); NULL: nothing. */
	const char *verified_by;
	struct slice user, password; /* of a smart host; empty: no login */
};

struct smtp_outbound_options {
	const char *hostname;          /* ours, for EHLO; borrowed as long as the connection is */
	struct smtp_patience patience; /* 0s: 30 s to connect, else as RFC 5321 has it */
	int spool_dir_fd;              /* for messages that have to be converted; borrowed */
};

enum smtp_tls_outcome {  /* for logs, and TLS reports (RFC 8460 section 4.3) */
	SMTP_TLS_UNUSED, /* it did not get so far, or was not asked to */
	SMTP_TLS_DONE,
	SMTP_TLS_NOT_OFFERED, /* starttls-not-supported */
	SMTP_TLS_REFUSED,     /* offered, but STARTTLS was answered with "no" */
	SMTP_TLS_BROKEN,      /* the handshake failed: validation-failure */
	SMTP_TLS_UNTRUSTED,   /* its certificate is not what `trust` wants */
};

/* What came of opening, done or not; strings lie in the arena. */
struct smtp_opening {
	const struct smtp_said *said; /* the last refusal of the server; NULL: there was none */
	enum smtp_tls_outcome tls;
	const char *tls_version, *tls_cipher; /* NULL without TLS */
	const char *verified_by;              /* hop.verified_by, once that is true; else NULL */
	/* What `trust` or `dane` finds wrong with the certificate, whether or not that stops it. */
	enum net_tls_trouble trouble;
	const char *tls_words; /* why TLS failed or what is wrong, for people; NULL: nothing is */
	struct net_address local; /* our end; len 0: there was no connection */
};

enum smtp_opened {
	/* The handshake of opportunistic TLS failed, and err says why: the connection is gone, and
	 * the caller may open another one with SMTP_TLS_NONE. */
	SMTP_OPENED_WITHOUT_TLS = 1,
};
/* Connects, greets, starts TLS and logs in, as the hop wants it. Negative: err says why, and
 * another host may do better:
 * - ERR_UNAVAILABLE, temporary: not reached, silent, broken off, not SMTP, or 421.
 * - ERR_UNAVAILABLE, permanent: the greeting or HELO was answered with 5xx: no mail service here.
 * - ERR_DENIED, 4.7.x, temporary: TLS is required and could not be had (4.7.4: not offered or
 *   refused; 4.7.5: handshake or certificate), or the login failed (4.7.8), or can't be made here
 *   without telling the password (4.7.9).
 * - others, temporary: a 4xx answer. */
int smtp_outbound_open(const struct smtp_hop *hop, const struct smtp_outbound_options *options,
	struct arena *arena, struct smtp_opening *ret_opening, struct smtp_outbound **ret_outbound,
	struct err *err) WARN_UNUSED;

/* Does the server offer it? */
bool smtp_outbound_has(const struct smtp_outbound *o, enum smtp_client_extension extension);

enum smtp_sent {
	SMTP_SENT = 0,   /* the connection takes more */
	SMTP_SENT_ENDED, /* the connection has ended; what has no answer was not delivered */
	/* The connection has ended when the message was complete, and its answer is lost: it may
	 * have been delivered to all who have a temporary failure without `said`. */
	SMTP_SENT_IN_DOUBT,
};
/* One transaction. Each recipient gets its result: 0 taken; else err, and `said` when it is the
 * server's answer. What the server lacks is made up for where that can be (smtp/fit.h), or refused
 * without asking it. `said` lies in the transaction's arena. Success with a server without DSN is
 * to be told as "relayed" to who asked for a report (RFC 3461 section 5.2.2): see
 * smtp_outbound_has(). */
enum smtp_sent smtp_outbound_send(struct smtp_outbound *o, struct smtp_transaction *t) WARN_UNUSED;

/* Positive outcome: the server refuses the recipient for good; err has its words. */
enum { SMTP_PROBE_REFUSED = 1 };
/* Would it take mail for that recipient? 0: yes. Negative: it can't be told now. Once a connection,
 * which is to be closed then. */
int smtp_outbound_probe(struct smtp_outbound *o, const struct envelope_path *recipient,
	struct err *err) WARN_UNUSED;

/* With QUIT while the connection is whole, and does not wait for its answer. NULL is fine. */
void smtp_outbound_close(struct smtp_outbound *o);

#endif
