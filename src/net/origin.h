/* Who the client is, as a front end of ours says in its protocol's words: IMAP's ID, XCLIENT of
 * SMTP, POP3, ManageSieve. What is said is read here, so it means the same in all of them. */
#ifndef NET_ORIGIN_H
#define NET_ORIGIN_H

#include "net/session.h"

enum {
	NET_ORIGIN_SESSION_MAX = 96, /* of a longer session id the rest is cut off */
	NET_ORIGIN_TTL_MAX = 255,
};

/* As text; "" is not said. */
struct net_origin_words {
	struct slice client, client_port; /* IP, IPv6 with or without "IPV6:" in front */
	struct slice local, local_port;   /* what the client connected to */
	struct slice session;             /* the front end's id of its connection with the client */
	struct slice ttl;                 /* how many front ends there may still be */
};

struct net_origin {
	struct net_address client, local; /* `len` 0: not said */
	char session[NET_ORIGIN_SESSION_MAX + 1];
	bool ends;    /* the TTL is used up */
	uint16_t ttl; /* how often it may still be passed on; 0 unless it was said */
};

/* Pure. False: an IP or a number is none, or the session id is no printable ASCII. */
WARN_UNUSED bool net_origin_read(
	const struct net_origin_words *words, struct net_origin *ret_origin);

enum net_origin_outcome {
	NET_ORIGIN_TAKEN,
	NET_ORIGIN_LOOP, /* it went through too many front ends: to be refused for now */
	NET_ORIGIN_MANY, /* the client has too many connections: the same */
};
/* The session is the client's own from now on, in limits and log; its line has the front end's
 * session id beside ours, as "front". Only for net_is_front_end(). After a refusal nothing is
 * changed. */
WARN_UNUSED enum net_origin_outcome net_origin_take(
	struct net_session *session, const struct net_origin *origin);

#endif
