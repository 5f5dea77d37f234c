/* One login, whatever the protocol: from the name and what proves it to a connection to his back
 * end on which he is logged in.
 *
 * The client's words, SASL, pauses and limits are directory/login.h's, as at the store: what it
 * asks of a directory is answered here. The user is looked up, a connection is made to where he
 * lives, and he is logged in there; so a back end's "no" counts, waits and ends the connection as
 * ours does. A protocol of the proxy is then two small things: its server's half up to the login,
 * which calls what stands below, and its client's half, a struct proxy_dialog. */
#ifndef PROXY_LOGIN_H
#define PROXY_LOGIN_H

#include "directory/login.h"
#include "proxy/proxy.h"

/* Who the client is, as the back end is told. */
struct proxy_client {
	const struct net_address *peer, *local; /* his own, and where he connected to */
	unsigned ttl;                           /* that the back end gets */
	const char *session;                    /* id: ours, or what a front end calls it */
	const char *helo;                       /* submission: the name he gave; else NULL */
};

struct proxy_credentials {
	struct slice user;     /* whom to log in */
	struct slice master;   /* who logs in for him; empty: himself */
	struct slice password; /* of that one */
	bool is_ours; /* it is the master of the config, whom the client knows nothing of */
	const struct directory_token *token; /* in place of a password; NULL: none */
};

enum proxy_said {
	PROXY_SAID_NOTHING,
	PROXY_SAID_YES,
	PROXY_SAID_NO,      /* wrong */
	PROXY_SAID_DENIED,  /* right, but he may not */
	PROXY_SAID_NOT_NOW, /* he can't be served for now */
};

/* What the back end answered to a login, as its protocol's half keeps it for the other half. */
struct proxy_answer {
	enum proxy_said said;
	struct buf before;    /* lines in front of the answer, for the client as they are (IMAP) */
	struct buf words;     /* the answer without tag and line end; may have several lines */
	struct buf challenge; /* what it said about a token, not encoded */
};
enum { PROXY_ANSWER_MAX = 64 * 1024 };

/* The client's half of a protocol. All calls wait, on the session's stack. Negative: the connection
 * is of no use, err says why. ERR_DENIED means that this client alone is not wanted there now (he
 * has too many connections): the back end is not down for that. */
struct proxy_dialog {
	enum proxy_protocol protocol;
	enum directory_service service;
	/* From the greeting to where a login may begin: TLS, capabilities
	 * (proxy_link_announces()), who the client is. `client` NULL: nobody, only the
	 * capabilities are wanted. */
	int (*greet)(struct proxy_link *link, const struct proxy_client *client, unsigned *traits,
		struct err *err);
	/* Logs in. `traits` is the protocol's own, as greet() left it. */
	int (*login)(struct proxy_link *link, const struct proxy_credentials *credentials,
		unsigned traits, struct proxy_answer *answer, struct err *err);
};

enum proxy_phase { PROXY_COMMANDS, PROXY_IN_AUTH, PROXY_IN_PAUSE };

struct proxy_front;
/* What the sessions of all protocols begin with. */
struct proxy_session {
	struct net_session *net;
	struct proxy *proxy;
	const struct proxy_front *front;
	const struct proxy_dialog *dialog;
	enum proxy_phase phase;
	struct directory_login *login; /* under way; as the next one */
	struct proxy_attempt *attempt;
	struct directory_presence *presence;
	unsigned refusals;
	unsigned ttl;       /* as a front end said; 0: it did not */
	char *told_session; /* a front end's id of the client's session; NULL: none */
	bool joined;
};

void proxy_session_init(
	struct proxy_session *s, struct net_session *net, const struct proxy_front *front);
/* Asks default_host what it announces before a login, so that the first client is told it already.
 * Waits; 0 when it was heard. */
int proxy_login_hear(
	struct proxy *proxy, const struct proxy_dialog *dialog, struct err *err) WARN_UNUSED;

void proxy_session_deinit(struct proxy_session *s);

/* The mechanisms that may be used now. */
struct sasl_offer proxy_login_offer(const struct proxy_session *s);
/* A front end says who its client is. */
struct net_origin;
/* 0, or what net_origin_take() says (net/origin.h). */
WARN_UNUSED int proxy_session_become(struct proxy_session *s, const struct net_origin *origin);

/* As directory_login_password() …: `helo` is for submission, else NULL. They wait. */
WARN_UNUSED enum directory_login_outcome proxy_login_password(
	struct proxy_session *s, struct slice user, struct slice password);
WARN_UNUSED enum directory_login_outcome proxy_login_sasl(
	struct proxy_session *s, const char *helo, struct slice mechanism, struct slice initial);
WARN_UNUSED enum directory_login_outcome proxy_login_line(
	struct proxy_session *s, struct slice line);
WARN_UNUSED enum directory_login_outcome proxy_login_wait(
	struct proxy_session *s, unsigned *ret_left_ms);
/* What the back end said about this login; said is PROXY_SAID_NOTHING when none was asked. */
const struct proxy_answer *proxy_login_answer(const struct proxy_session *s);
/* After an outcome that ends it but DONE: forgets it, and closes what was opened. Legal always. */
void proxy_login_end(struct proxy_session *s);
/* After DONE, when the answer is written: joins the two connections. run() then returns
 * NET_WAIT_INPUT. */
void proxy_login_join(struct proxy_session *s);

#endif
