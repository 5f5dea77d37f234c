/* The second connection of a session whose protocol still parses. */
#include "net/far.h"

#include "net/client_internal.h"
#include "net/session.h"
#include "net/session_internal.h"

#include "base/alloc.h"
#include "base/must.h"

#include <sys/epoll.h>
#include <unistd.h>

struct net_far {
	struct net_end end;
	struct buf in;
	size_t in_at;   /* consumed */
	bool told_full; /* by net_far_full(), and not drained since */
	bool end_told;
};

void net_far_open(struct net_session *s, struct net_client *client)
{
	must(!s->far && !s->beside && s->runner);
	struct net_far *far = ALLOC(struct net_far);
	*far = (struct net_far){.end = {.out = BUF(NET_OUTPUT_MAX)}, .in = BUF(NET_FAR_INPUT_MAX)};
	net_client_release(client, &far->end, &far->in);
	far->end.socket.dry = true; /* epoll will say what is there */
	if (!far->end.broken && net_loop_watch(s->loop, far->end.socket.fd, EPOLLIN | EPOLLRDHUP,
					s->id + NET_ABOUT_FAR) != 0)
		far->end.broken = true;
	s->beside = far;
	s->far = &far->end;
}

void net_far_close(struct net_session *s)
{
	struct net_far *far = s->beside;
	if (!far)
		return;
	struct net_end *end = &far->end;
	if (end->top) {
		if (!end->broken && net_end_waiting(end) == 0)
			(void)end->top->ops->finish(end->top);
		end->top->ops->free(end->top);
		(void)close(end->socket.fd);
	}
	buf_free(&end->out);
	buf_free(&far->in);
	free(far);
	s->beside = NULL;
	s->far = NULL;
}

bool net_far_is_open(const struct net_session *s)
{
	return s->beside != NULL;
}

struct slice net_far_input(struct net_session *s)
{
	struct net_far *far = s->beside;
	return far ? slice_from(buf_slice(&far->in), far->in_at) : SLICE_NONE;
}

void net_far_consume(struct net_session *s, size_t len)
{
	struct net_far *far = s->beside;
	must(far && len <= far->in.len - far->in_at);
	far->in_at += len;
	if (far->in_at == far->in.len)
		far->in_at = far->in.len = 0;
}

bool net_far_ended(const struct net_session *s)
{
	return !s->beside || s->beside->end.ended || s->beside->end.broken;
}

bool net_far_is_broken(const struct net_session *s)
{
	return s->beside && s->beside->end.broken;
}

static bool fill(struct net_session *s)
{
	struct net_far *far = s->beside;
	struct net_end *end = &far->end;
	bool added = false;
	if (far->in_at > 0) {
		buf_consume(&far->in, far->in_at);
		far->in_at = 0;
	}
	net_session_borrow(&far->in, &s->runner->spare_input);
	while (!end->ended && !end->broken && far->in.max - far->in.len >= NET_READ_SIZE &&
		end->top->ops->may_read(end->top)) {
		size_t room = MIN(
			far->in.max - far->in.len, MAX(far->in.cap - far->in.len, NET_READ_SIZE));
		char *to = buf_reserve(&far->in, room);
		ssize_t got = to ? end->top->ops->read(end->top, to, room) : NET_LAYER_BROKEN;
		if (got > 0) {
			far->in.len += (size_t)got;
			added = true;
			continue;
		}
		end->ended = got == 0;
		end->broken = got == NET_LAYER_BROKEN;
		break;
	}
	return added;
}

bool net_far_read_more(struct net_session *s)
{
	s->beside->end.socket.dry = false;
	return fill(s);
}

void net_far_write(struct net_session *s, struct slice bytes)
{
	struct net_end *end = s->far;
	must(s->beside);
	if (end->broken)
		return;
	if (net_end_waiting(end) == 0)
		bytes = slice_from(bytes, net_end_write(end, bytes));
	if (bytes.len > 0)
		net_session_borrow(&end->out, &s->runner->spare_output);
	buf_add_slice(&end->out, bytes);
	end->broken = end->broken || end->out.failed;
	s->active_ms = 0;
}

bool net_far_full(struct net_session *s)
{
	struct net_far *far = s->beside;
	struct net_end *end = &far->end;
	if (net_end_waiting(end) <= (end->blocked ? NET_OUTPUT_LOW : NET_OUTPUT_HIGH))
		return false;
	(void)net_end_send(end);
	far->told_full = net_end_waiting(end) > NET_OUTPUT_LOW && !end->broken;
	return far->told_full;
}

bool net_far_is_sent(const struct net_session *s)
{
	return s->beside && net_end_waiting(&s->beside->end) == 0;
}

void net_far_wipe_sent(struct net_session *s)
{
	struct buf *out = &s->beside->end.out;
	if (out->data && out->len == 0)
		explicit_bzero(out->data, out->cap);
}

unsigned net_far_events(struct net_session *s)
{
	struct net_far *far = s->beside;
	struct net_end *end = &far->end;
	unsigned events = 0;
	if (net_end_send(end))
		s->active_ms = 0;
	if (net_output_len(s) <= NET_OUTPUT_HIGH && fill(s))
		events |= NET_FAR;
	if (far->told_full && net_end_waiting(end) <= NET_OUTPUT_LOW) {
		far->told_full = false;
		events |= NET_FAR;
	}
	if (!far->end_told && net_far_ended(s)) {
		far->end_told = true;
		events |= NET_FAR;
	}
	return events;
}

bool net_far_takes_more(const struct net_session *s)
{
	return net_end_waiting(&s->beside->end) <= NET_OUTPUT_HIGH;
}

void net_far_park(struct net_session *s)
{
	if (s->beside)
		net_session_give_back(&s->beside->in, &s->beside->in_at, &s->runner->spare_input);
}

void net_far_join(struct net_session *s, const struct net_join_options *options)
{
	struct net_far *far = s->beside;
	must(far && !s->join);
	struct buf input = BUF(SIZE_MAX / 2);
	buf_add_slice(&input, net_far_input(s));
	buf_free(&far->in);
	s->beside = NULL;
	net_join_take(s, &far->end, &input, options);
	free(far);
}
