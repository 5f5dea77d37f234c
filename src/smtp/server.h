/* The SMTP server: mail exchanger (RFC 5321), submission (RFC 6409) and LMTP (RFC 2033) are one
 * session with different rules; what happens to recipients and messages is the backend's affair.
 * Front ends (net_is_front_end()) may speak for others, by XCLIENT. By LMTP they are roles of ours:
 * XSESSION and XADDR are taken, and errors have no limit, since what others sent causes them. */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include "directory/directory.h"
#include "directory/sessions.h"
#include "directory/throttle.h"
#include "envelope/command.h"
#include "net/session.h"

#include <stdatomic.h>

/* For net_loop_listen(); the `service` is a struct smtp_service. */
extern const struct net_protocol smtp_protocol;
extern const struct net_protocol smtp_submission_protocol;
extern const struct net_protocol smtp_lmtp_protocol;

enum smtp_kind { SMTP_EXCHANGER, SMTP_SUBMISSION, SMTP_LMTP };

struct net_tls_info;
struct smtp_said;
/* With a failure: the answer was lost, so he may have the message all the same. */
enum smtp_doubt {
	SMTP_NO_DOUBT,
	SMTP_DOUBT_KNOWN, /* if it is sent again, under its id, the server knows it (XDELIVERY) */
	SMTP_DOUBT,       /* it would come twice */
};
struct smtp_recipient {
	struct envelope_recipient envelope; /* slices in the transaction's arena */
	void *backend;                      /* the backend's own, in the arena */
	int result;                         /* of deliver(): 0, or negative and err says why */
	struct err err;
	enum smtp_doubt doubt; /* of the client half (smtp/client.h) */
	/* What a server elsewhere said about it (smtp/exchange.h); in the arena. NULL: nothing. */
	const struct smtp_said *said;
};

struct smtp_transaction {
	struct arena arena;
	struct envelope_sender sender; /* slices in the arena */
	struct smtp_recipient **recipients;
	size_t count, room;
	struct slice user;   /* who is logged in; empty: nobody */
	const char *session; /* session id, from accept to delivery */
	bool is_ours;        /* LMTP: it comes from a role of ours, whose word counts */
	const struct net_address *client;
	const struct net_address
		*origin;                 /* the client of our own role that is it; NULL: not told */
	const struct net_address *local; /* ours, that it connected to */
	struct slice helo;               /* as the client said it */
	unsigned
		ttl; /* how often the client may be passed on, as a front end said; 0: it did not */
	const struct net_tls_info *tls; /* NULL: in the clear */
	const struct log_scope *log;
	struct slice extra;   /* our header fields, to go in front of the message: trace first */
	struct slice message; /* complete, as the client sent it; valid during deliver() */
	size_t targets;       /* the backend's own count */
	void *backend;        /* the backend's own, in the arena; NULL at first */
	void *client_score;   /* the same: what it thinks of the client */
	/* The backend's own beyond the transaction: as long as the client goes by this HELO; then
	 * forget() has it. NULL at first. */
	void **kept;
	/* With a failure of the backend: its reply code, and err's text is for the client. After
	 * 421 the connection ends. 0: err decides. */
	unsigned reply_code;
};

/* All calls may block; any thread. Negative values with err: ERR_TEMPORARY becomes 4xx,
 * ERR_PERMANENT 5xx, with err.status if set. */
struct smtp_backend {
	/* May this user send as this address? NULL: always. */
	int (*sender)(void *context, struct smtp_transaction *t, struct err *err);
	int (*recipient)(void *context, struct smtp_transaction *t, struct smtp_recipient *r,
		struct err *err);
	/* The message is complete. Fills each recipient's result; negative: the same for all.
	 * Durable when 0. */
	int (*deliver)(void *context, struct smtp_transaction *t, struct err *err);
	/* Frees what a transaction has kept. NULL: nothing is kept. */
	void (*forget)(void *context, void *kept);
};

struct smtp_service {
	enum smtp_kind kind;
	const char *hostname; /* all pointers are borrowed */
	const struct smtp_backend *backend;
	void *context;
	struct directory *directory;         /* for AUTH; NULL: not offered */
	struct directory_throttle *throttle; /* of failed logins; NULL: none */
	struct directory_sessions *sessions; /* who is logged in; NULL: nobody wants to know */
	int spool_dir_fd;
	uint64_t message_max;        /* 0: 64 MiB */
	uint32_t recipients_max;     /* 0: 1,000 */
	unsigned command_timeout_ms; /* 0: 5 minutes */
	unsigned data_timeout_ms;    /* for the next piece of a message; 0: 3 minutes */
	bool passes_on;      /* LMTP: it goes on by LMTP, so Return-Path is for who delivers it */
	uint32_t errors_max; /* 5xx answers since the last message; 0: 20 */
	atomic_uint messages_open; /* on their way in */
	struct smtp_figures {
		atomic_uint_fast64_t connections, accepted, refused, recipients_refused, logins,
			logins_failed;
	} figures;
};

#endif
