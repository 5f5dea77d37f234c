/* One end of a session: a connection's layers, and what waits to go out. A session has one; one
 * whose connection is joined with another has two (join.c). */
#ifndef NET_END_H
#define NET_END_H

#include "base/buf.h"
#include "net/layer.h"

struct net_end {
	struct net_socket socket;
	struct net_layer *top;
	struct buf out;
	size_t out_at; /* sent */
	bool ended;    /* the peer's end of stream was read */
	bool finished; /* ours is out: nothing may be written any more */
	bool broken;
	bool blocked;        /* the socket takes no more */
	bool quiet;          /* reading has to wait for news; used by joined ones */
	bool watches_output; /* EPOLLOUT is in the epoll set */
};

static inline size_t net_end_waiting(const struct net_end *end)
{
	return end->out.len - end->out_at;
}
/* Sends what the socket takes; true when that was something. Sets blocked or broken. */
bool net_end_send(struct net_end *end);
/* Writes past `out`, which is empty, as far as the socket takes it; returns how much that was. */
size_t net_end_write(struct net_end *end, struct slice bytes);
/* To other memory; the one that it was in is of no use any more. */
void net_end_move(struct net_end *to, struct net_end *from);
/* Takes in what was posted about it (of enum net_slot_bit). */
void net_end_heard(struct net_end *end, unsigned bits);
/* Nothing waits to go out: ends our side of the stream, and sets finished, blocked or broken. */
void net_end_finish(struct net_end *end);

#endif
