/* A connection to a server beside the session's own (the near one), which its protocol reads and
 * writes itself: for a proxy that has to know where messages end. Bytes that nobody parses are
 * moved by a join (net/join.h), with less work.
 *
 * Both sockets belong to the session: one claim, one thread at a time. run() is called for news of
 * either: NET_FAR is for the far one. It does what can be done, and returns NET_WAIT_BOTH; what it
 * leaves in an input stays there, up to the input's bound. While more than NET_OUTPUT_HIGH bytes
 * wait for one end, nothing is read from the other: so as much is kept of a direction, and what the
 * protocol had in hand.
 *
 * The near end of stream is told by NET_EOF, and the session goes on until run() closes it. */
#ifndef NET_FAR_H
#define NET_FAR_H

#include "base/slice.h"

struct net_client;
struct net_join_options;
struct net_session;

enum { NET_FAR_INPUT_MAX = 80 * 1024 };

/* From run(): takes the client over: its socket, its TLS, what it has read and not handed out, what
 * it has not sent. There is none yet. When it has failed, or can't be watched, net_far_ended() is
 * true, and NET_FAR comes. */
void net_far_open(struct net_session *session, struct net_client *client);
/* Closes it, what waits is dropped. Legal when there is none. At the end of the session it is done
 * behind the protocol's close(). */
void net_far_close(struct net_session *session);
bool net_far_is_open(const struct net_session *session);

/* Valid until consume or return. */
struct slice net_far_input(struct net_session *session);
void net_far_consume(struct net_session *session, size_t len);
/* The server has ended its stream, or the connection is broken: nothing comes behind the input. */
bool net_far_ended(const struct net_session *session);
/* The latter: what came may not be all that was sent. */
bool net_far_is_broken(const struct net_session *session);
/* Asks the socket once more, without blocking; true when bytes were added. */
bool net_far_read_more(struct net_session *session);

/* Never blocks, never fails; sent as the socket takes it. */
void net_far_write(struct net_session *session, struct slice bytes);
/* More than NET_OUTPUT_LOW bytes wait: NET_FAR comes when they do not any more. Tries to send when
 * there are more than NET_OUTPUT_HIGH. */
bool net_far_full(struct net_session *session);
/* Nothing waits to be sent. */
bool net_far_is_sent(const struct net_session *session);
/* Overwrites what was sent last: it was a secret. */
void net_far_wipe_sent(struct net_session *session);

/* As net_session_join(), with the far connection; the return value of run() does not count. */
void net_far_join(struct net_session *session, const struct net_join_options *options);

#endif
