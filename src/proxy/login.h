/* One login, whatever the protocol: from the name and what proves it to a connection to his back
 * end on which he is logged in.
 *
 * The client's words, SASL, pauses and limits are directory/login.h's, as at the store: what it
 * asks of a directory, a proxy_login answers. It looks the user up, connects to where he lives, and
 * logs in there as he would; so a back end's "no" counts, waits and ends the connection as ours
 * does. */
#ifndef PROXY_LOGIN_H
#define PROXY_LOGIN_H

#include "directory/login.h"
#include "proxy/proxy.h"

/* Who the client is, as the back end is told. All text is the caller's. */
struct proxy_client {
	struct net_address peer, local; /* his own, and where he connected to */
	unsigned ttl;                   /* that the back end gets: 0 would be a loop */
	const char *session;            /* id: ours, or what a front end calls it */
	const char *helo;               /* submission: by which name he greeted; else NULL */
};

struct proxy_credentials {
	struct slice user;     /* whom to log in */
	struct slice authcid;  /* who logs in for him, a master; empty: himself */
	struct slice password; /* of that one */
	struct slice mechanism,
		token; /* in place of a password: what the client sent, not encoded */
};

enum proxy_said {
	PROXY_SAID_NOTHING,
	PROXY_SAID_YES,
	PROXY_SAID_NO,      /* wrong, or not allowed */
	PROXY_SAID_NOT_NOW, /* this user can't be served for now, by the back end's own words */
};

/* The back end's half of a protocol: what a client says there. All calls wait, on the session's
 * stack. Negative: the connection is of no use, err (temporary) says why. */
struct proxy_dialog {
	enum proxy_protocol protocol;
	enum directory_service service;
	/* From the greeting to where a login may begin: TLS, capabilities, who the client is (NULL:
	 * nobody, we only want to know the capabilities). */
	int (*greet)(struct proxy_link *link, const struct proxy_client *client, void *state,
		struct err *err);
	/* Logs in. *ret_said is what came of it; `words` gets the answer as the client of this
	 * protocol is to be told, without a tag (see the protocol's header). */
	int (*login)(struct proxy_link *link, const struct proxy_credentials *credentials,
		void *state, enum proxy_said *ret_said, struct buf *words, struct err *err);
	size_t state_size; /* of what greet() hands to login(), zeroed */
};

struct proxy_login;

#endif
