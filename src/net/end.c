/* Writing to one end of a session. */
#include "net/end.h"

#include "net/session.h"
#include "net/slots.h"

#include <sys/socket.h>

/* What the layer made of a write. */
static size_t took(struct net_end *end, ssize_t sent)
{
	end->broken = sent == NET_LAYER_BROKEN;
	end->blocked = sent < 0 && !end->broken;
	return sent > 0 ? (size_t)sent : 0;
}

bool net_end_send(struct net_end *end)
{
	size_t began = end->out_at;
	bool progress = false;
	while (!end->broken && !end->blocked && net_end_waiting(end) > 0)
		end->out_at += took(end, end->top->ops->write(end->top, end->out.data + end->out_at,
						 net_end_waiting(end)));
	progress = end->out_at > began;
	if (end->out_at == end->out.len) {
		end->out_at = end->out.len = 0;
	} else if (end->out_at >= NET_OUTPUT_HIGH && end->out_at >= end->out.len / 2) {
		buf_consume(&end->out, end->out_at);
		end->out_at = 0;
	}
	return progress;
}

size_t net_end_write(struct net_end *end, struct slice bytes)
{
	size_t sent = 0;
	while (!end->broken && !end->blocked && sent < bytes.len)
		sent += took(
			end, end->top->ops->write(end->top, bytes.ptr + sent, bytes.len - sent));
	return sent;
}

void net_end_move(struct net_end *to, struct net_end *from)
{
	*to = *from;
	struct net_layer **lowest = &to->top;
	while (*lowest != &from->socket.layer)
		lowest = &(*lowest)->below;
	*lowest = &to->socket.layer;
}

void net_end_heard(struct net_end *end, unsigned bits)
{
	if (bits & (NET_SLOT_READABLE | NET_SLOT_ENDED))
		end->socket.dry = false;
	if (bits & NET_SLOT_ENDED)
		end->socket.ended = true;
	if (bits & (NET_SLOT_WRITABLE | NET_SLOT_ENDED))
		end->blocked = false;
	if (bits & (NET_SLOT_READABLE | NET_SLOT_WRITABLE | NET_SLOT_ENDED))
		end->quiet = false;
}

void net_end_finish(struct net_end *end)
{
	if (end->top->ops->finish(end->top) == NET_LAYER_WANT_WRITE) {
		end->blocked = true;
		return;
	}
	(void)shutdown(end->socket.fd, SHUT_WR);
	end->finished = true;
}
