/* Parking a session: its memory is given back, its deadline set, and the claim given up with one
 * compare-and-swap, unless news came meanwhile.
 *
 * The epoll set is edge-triggered and the claim word (slots.h) takes the place of EPOLLONESHOT, so
 * parking needs no system call. */
#include "net/session_internal.h"

#include "base/clock.h"

enum { SPARE_MAX = 64 * 1024 }; /* larger buffers are not kept for the next session */

/* Gives a buffer's memory back to the worker when it is empty; else keeps no more than it needs. */
void net_session_give_back(struct buf *b, size_t *at, struct buf *spare)
{
	if (!b->data)
		return;
	size_t len = b->len - *at;
	if (len > 0 && b->cap <= 2 * len + 64)
		return;
	struct buf kept = BUF(b->max);
	buf_add(&kept, b->data + *at, len);
	if (kept.failed)
		return;
	if (!spare->data && b->cap <= SPARE_MAX) {
		spare->data = b->data;
		spare->cap = b->cap;
	} else {
		free(b->data);
	}
	*b = kept;
	*at = 0;
}

static void park_end(struct net_session *s, struct net_end *end, uint64_t about)
{
	net_session_give_back(&end->out, &end->out_at, &s->runner->spare_output);
	if (!end->blocked || end->watches_output)
		return;
	net_loop_watch_output(s->loop, end->socket.fd, about);
	end->watches_output = true;
}

static int64_t deadline_of(struct net_session *s)
{
	if (s->active_ms == 0)
		s->active_ms = clock_mono_ms();
	if (s->stage == NET_STAGE_JOINED)
		return net_join_deadline(s);
	if (s->stage != NET_STAGE_SERVE)
		return s->stage_ends;
	if (net_output_len(s) > 0)
		return s->active_ms + s->loop->options.write_timeout_ms;
	return s->timeout_ms ? s->active_ms + s->timeout_ms : NET_NEVER;
}

bool net_session_park(struct net_session *s)
{
	struct net_runner *runner = s->runner;
	net_session_give_back(&s->in, &s->in_at, &runner->spare_input);
	park_end(s, &s->near, s->id);
	if (s->far)
		park_end(s, s->far, s->id + NET_ABOUT_FAR);
	net_far_park(s);
	int64_t deadline = deadline_of(s);
	atomic_store(&s->deadline, deadline);
	if (deadline < atomic_load(&s->timer.at))
		net_timers_set(&s->loop->timers, &s->timer, deadline);
	s->runner = NULL;
	if (net_slots_park(&s->loop->slots, s->id))
		return true;
	s->runner = runner;
	return false;
}
