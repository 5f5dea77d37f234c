/* One login, from the client's first word to its answer: by user and password, or by a SASL
 * exchange in base64 lines ("*" cancels). The rules are the same in every protocol and stand here:
 * who failed too often is not listened to, a refusal is answered after a pause, and the fifth on
 * one connection ends it. A protocol reads lines, turns outcomes into its own words, and parks. Log
 * lines ("login", "login refused" …) and figures are made here too.
 *
 * What is decoded here is wiped; the lines and passwords that a protocol passes in are its own, and
 * it wipes them once the call has returned. One thread at a time. */
#ifndef DIRECTORY_LOGIN_H
#define DIRECTORY_LOGIN_H

#include "base/log.h"
#include "directory/directory.h"
#include "directory/throttle.h"

#include <stdatomic.h>

enum {
	DIRECTORY_LOGIN_PAUSE_MS = 1500, /* from when the directory was asked */
	DIRECTORY_LOGIN_REFUSALS_MAX = 5,
	/* Of a line of base64: the longest message that SASL takes. */
	DIRECTORY_LOGIN_LINE_MAX = (SASL_MESSAGE_MAX + 2) / 3 * 4,
};

/* All is borrowed until directory_login_free(). */
struct directory_login_options {
	struct directory *directory;
	enum directory_service service;
	const char *protocol;                  /* "imap", in log lines */
	struct directory_throttle *throttle;   /* NULL: failures are not counted */
	atomic_uint_fast64_t *logins, *failed; /* figures */
	unsigned *refusals;                    /* of the connection: counted up */
	/* The client's side, which directory_login_client() fills in. */
	const struct log_scope *log;
	struct sasl_offer offer;
	bool tls;
	bool may_act;    /* it is a front end: masters may log in as a user */
	char client[64]; /* IP as text */
};
struct net_session;
void directory_login_client(struct net_session *net, struct directory_login_options *options);
/* The mechanisms that may be used on this connection, and its channel bindings. */
struct sasl_offer directory_login_offer(
	const struct net_session *net, const struct directory *directory);

enum directory_login_outcome {
	DIRECTORY_LOGIN_DONE,         /* he is in: directory_login_user() */
	DIRECTORY_LOGIN_CHALLENGE,    /* send directory_login_challenge(); a line answers it */
	DIRECTORY_LOGIN_PAUSE,        /* say nothing yet: park, then directory_login_wait() */
	DIRECTORY_LOGIN_REFUSED,      /* wrong user or password */
	DIRECTORY_LOGIN_REFUSED_LAST, /* the same, once too often: close after the answer */
	DIRECTORY_LOGIN_DENIED,       /* right but not allowed: directory_login_reason() */
	DIRECTORY_LOGIN_NOT_NOW,      /* the directory can't tell */
	DIRECTORY_LOGIN_BLOCKED,      /* too many failures from that address: nothing was checked */
	DIRECTORY_LOGIN_NO_MECHANISM, /* not known, or not on this connection */
	DIRECTORY_LOGIN_CANCELLED,
	DIRECTORY_LOGIN_NOT_BASE64,
	DIRECTORY_LOGIN_MALFORMED, /* not what the mechanism expects */
	DIRECTORY_LOGIN_TOO_LONG,
};
/* After all but CHALLENGE and PAUSE the login is over: only its user or reason may be asked for. */

struct directory_login;
struct directory_login *directory_login_new(const struct directory_login_options *options);
void directory_login_free(struct directory_login *login); /* NULL is fine */

/* Begins, and is over at once but for a PAUSE. */
WARN_UNUSED enum directory_login_outcome directory_login_password(
	struct directory_login *login, struct slice user, struct slice password);
/* Begins an exchange. `initial` is the initial response in base64, "=" an empty one (RFC 4954,
 * 4959); SLICE_NONE (ptr NULL) when there was none. */
WARN_UNUSED enum directory_login_outcome directory_login_sasl(
	struct directory_login *login, struct slice mechanism, struct slice initial);
/* The line that answers a challenge; blanks around it do not count. */
WARN_UNUSED enum directory_login_outcome directory_login_line(
	struct directory_login *login, struct slice line);
/* After PAUSE: PAUSE again, with the milliseconds that are left, or a refusal. */
WARN_UNUSED enum directory_login_outcome directory_login_wait(
	struct directory_login *login, unsigned *ret_left_ms);

/* In base64; until the next call. */
const char *directory_login_challenge(struct directory_login *login);
/* After DONE; its slices live as long as the login. */
const struct directory_user *directory_login_user(const struct directory_login *login);
/* After DENIED: for the client. */
const char *directory_login_reason(const struct directory_login *login);

#endif
