/* Two connections joined: a session's and one that its protocol made to a server (net/client.h).
 * From then on bytes move from one to the other, both ways, and nobody parses them.
 *
 * Both sockets belong to the session then: one claim, one thread at a time, which takes an event of
 * one side and writes to the other at once. Only what a socket does not take is kept, 64 KiB a
 * direction at most; while it waits the other side is not read.
 *
 * The end: when one side ends its stream, the other one is told so once all bytes are out
 * (close_notify, shutdown()). When both have ended, or one breaks, or nothing moved for the idle
 * time-out, both are closed; what was read before goes out first, within 30 s. Who has heard the
 * other side's end and does not say its own, or takes nothing, is cut after the loop's
 * write_timeout_ms without a byte. */
#ifndef NET_JOIN_H
#define NET_JOIN_H

#include "base/compiler.h"

#include <stdatomic.h>
#include <stdint.h>

struct net_client;
struct net_session;

/* Bytes as the protocol's ends see them, without TLS. Added to as it goes, 64 KiB late at most, and
 * the rest before close() is called. May be shared by many sessions. */
struct net_join_figures {
	atomic_uint_least64_t to_server, to_client;
};

struct net_join_options {
	unsigned idle_timeout_ms; /* without a byte either way, then it ends; 0: never */
	/* Sent to the client ("* BYE …\r\n") when the loop stops or net_session_cut() is called,
	 * and only where it can't land in the middle of something: nothing waits to go out or to be
	 * read from the server, and what went out last was a line's end. NULL: nothing is said. */
	const char *farewell;
	struct net_join_figures *figures; /* NULL: nobody counts */
};

/* From a protocol's run() or open(), which then returns NET_WAIT_INPUT. Neither run() nor its
 * time-outs come any more; close() does, at the end. A wake-up means nothing.
 *
 * Takes the client over: its socket, its TLS and what it has read and not handed out, which goes
 * out behind the session's output; and what it has not sent goes to the server, before the
 * session's input. A client that has failed ends the session, its output first.
 *
 * `options` are copied; what they point to is borrowed until close() returns (the protocol's
 * state is a fine place). The loop that stops ends it at once, with net_session_cut() likewise:
 * what waits is dropped then, because it can't be whole. */
void net_session_join(struct net_session *session, struct net_client *client,
	const struct net_join_options *options);

#endif
