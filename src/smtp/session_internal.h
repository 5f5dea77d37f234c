/* One SMTP or LMTP connection, as the command files see it. */
#ifndef SMTP_SESSION_INTERNAL_H
#define SMTP_SESSION_INTERNAL_H

#include "base/spool.h"
#include "directory/login.h"
#include "envelope/dots.h"
#include "smtp/server.h"

enum smtp_phase {
	SMTP_COMMANDS,
	SMTP_IN_DATA,  /* behind DATA */
	SMTP_IN_CHUNK, /* inside BDAT's bytes */
	SMTP_IN_AUTH,
	SMTP_IN_PAUSE, /* a refused login waits for its answer */
};

/* What a command says when it returns. */
enum smtp_run {
	SMTP_GO_ON, /* answered; next command */
	SMTP_PARK,  /* wait for input */
	SMTP_CLOSE,
};

struct smtp_session {
	struct net_session *net;
	struct smtp_service *service;
	enum smtp_phase phase;
	char *helo;                          /* NULL: not yet */
	bool extended;                       /* EHLO or LHLO */
	char *user;                          /* logged in; NULL: no */
	struct directory_presence *presence; /* since the login */
	char *client_helo;    /* of the client for whom it speaks; NULL: as it says itself */
	bool client_is_plain; /* that client said HELO */
	unsigned client_ttl;  /* how often that client may be passed on; 0: it was not said */
	uint32_t errors;
	unsigned login_refusals;
	struct smtp_transaction *transaction; /* since MAIL; NULL: none */
	void *kept;                           /* the backend's, see struct smtp_transaction */
	uint32_t recipients_tried;            /* RCPTs that the backend was asked about */
	/* The message on its way in: */
	struct spool *spool;
	uint64_t received; /* bytes of the message, before our fields and without stuffed dots */
	struct envelope_dots dots;
	uint64_t chunk_left;
	bool chunk_last, in_chunks; /* BDAT was used in this transaction */
	int spool_result;           /* negative: spool_err is the answer when its end has come */
	struct err spool_err;
	struct directory_login *login; /* AUTH under way */
};

static inline bool smtp_is_lmtp(const struct smtp_session *s)
{
	return s->service->kind == SMTP_LMTP;
}
/* A role of ours: what it says of sessions and clients is believed, and errors have no limit, since
 * what others sent causes them. */
static inline bool smtp_is_ours(const struct smtp_session *s)
{
	return smtp_is_lmtp(s) && net_is_front_end(s->net);
}
/* What a message may have. LMTP takes SMTP_FIELDS_MAX more than it is told: what mx has accepted
 * comes with the fields that mx added. */
enum { SMTP_FIELDS_MAX = 64 * 1024 };
uint64_t smtp_message_max(const struct smtp_session *s);

/* reply.c. "250 2.0.0 Text"; `status` NULL: no enhanced code. Counts 5xx as
 * errors. */
enum smtp_run smtp_reply(struct smtp_session *s, int code, const char *status, const char *text);
/* From an err: 4xx or 5xx. `status_temporary`, `status_permanent` when it names none. */
enum smtp_run smtp_failed(struct smtp_session *s, const struct err *err,
	const char *status_temporary, const char *status_permanent);

/* transaction.c */
void smtp_transaction_begin(struct smtp_session *s, const struct envelope_sender *sender);
void smtp_transaction_end(struct smtp_session *s); /* also when there is none */
void smtp_spool_end(struct smtp_session *s);       /* gives the spool's room back; the same */
void smtp_forget(struct smtp_session *s);          /* what the backend has kept; the same */

/* trace.c. LMTP's trace (Return-Path; Received when it comes over the network) goes in front as
 * the message comes in: the store keeps it as one piece. */
void smtp_write_lmtp_trace(struct smtp_session *s, struct buf *to);
/* SMTP: fills the transaction's `extra` with Received (RFC 5321 section 4.4) and, on submission,
 * what is missing of Date and Message-ID (RFC 6409 section 8). Refuses loops: a message that has
 * been through SMTP_HOPS_MAX servers. */
enum { SMTP_HOPS_MAX = 100 };
int smtp_complete_header(struct smtp_session *s, struct slice message, struct err *err);

/* data.c, auth.c: each takes what it understands of the input. */
enum smtp_run smtp_cmd_data(struct smtp_session *s, struct slice arguments);
enum smtp_run smtp_cmd_bdat(struct smtp_session *s, struct slice arguments);
enum smtp_run smtp_data_input(struct smtp_session *s);
enum smtp_run smtp_chunk_input(struct smtp_session *s);
enum smtp_run smtp_cmd_auth(struct smtp_session *s, struct slice arguments);
enum smtp_run smtp_auth_line(struct smtp_session *s, struct slice line);
enum smtp_run smtp_auth_pause(struct smtp_session *s);
void smtp_auth_end(struct smtp_session *s);
bool smtp_auth_offered(const struct smtp_session *s);

/* session.c: as if the connection had just been made. */
void smtp_greet_anew(struct smtp_session *s);

/* xclient.c */
enum smtp_run smtp_cmd_xclient(struct smtp_session *s, struct slice arguments);
bool smtp_xclient_offered(const struct smtp_session *s);
void smtp_xclient_end(struct smtp_session *s);

/* commands.c */
enum smtp_run smtp_command(struct smtp_session *s, struct slice line);

#endif
