/* Moving bytes between a session's connection (the near end) and the one joined with it (the far
 * one). What is read goes to the other socket straight from the worker's buffer. */
#include "net/join.h"

#include "net/client_internal.h"
#include "net/session_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"

#include <sys/epoll.h>
#include <unistd.h>

enum {
	PIECE = 64 * 1024, /* read at once; so as much is kept of one direction at most */
	FIGURES_LATE = 64 * 1024,
};

struct net_join {
	struct net_end far;
	struct net_join_options options;
	struct buf input;              /* what the client had read, until it begins */
	uint64_t to_server, to_client; /* not in the figures yet */
	bool watched;                  /* is in the epoll set already */
	bool in_line;                  /* what went to the client last was no line's end */
	bool closing;                  /* nothing is read any more, the rest goes out */
};

void net_session_join(
	struct net_session *s, struct net_client *client, const struct net_join_options *options)
{
	must(!s->join && !s->start_tls && s->runner);
	struct net_join *join = ALLOC(struct net_join);
	*join = (struct net_join){.far = {.out = BUF(NET_OUTPUT_MAX)},
		.options = *options,
		.input = BUF(SIZE_MAX / 2)};
	net_client_release(client, &join->far, &join->input);
	s->join = join;
	s->far = &join->far;
}

void net_join_take(struct net_session *s, struct net_end *end, struct buf *input,
	const struct net_join_options *options)
{
	must(!s->join && s->runner);
	struct net_join *join = ALLOC(struct net_join);
	*join = (struct net_join){.options = *options, .input = *input, .watched = true};
	net_end_move(&join->far, end);
	s->join = join;
	s->far = &join->far;
}

static void add_figures(struct net_join *join)
{
	struct net_join_figures *figures = join->options.figures;
	if (figures) {
		(void)atomic_fetch_add_explicit(
			&figures->to_server, join->to_server, memory_order_relaxed);
		(void)atomic_fetch_add_explicit(
			&figures->to_client, join->to_client, memory_order_relaxed);
	}
	join->to_server = join->to_client = 0;
}

static bool may_read(const struct net_end *from)
{
	return !from->ended && !from->broken && !from->quiet && from->top->ops->may_read(from->top);
}

/* Puts a piece into `bytes`, which takes one more record at each read; returns its length. */
static size_t read_piece(struct net_end *from, char *bytes)
{
	size_t len = 0;
	while (PIECE - len >= NET_READ_SIZE && may_read(from)) {
		ssize_t got = from->top->ops->read(from->top, bytes + len, PIECE - len);
		if (got > 0)
			len += (size_t)got;
		else if (got == 0)
			from->ended = true;
		else if (got == NET_LAYER_BROKEN)
			from->broken = true;
		else
			from->quiet = true;
	}
	return len;
}

static void move_piece(struct net_session *s, struct net_end *from, struct net_end *to)
{
	struct net_join *join = s->join;
	struct buf *lent = &s->runner->spare_input;
	char *bytes = buf_reserve(lent, PIECE);
	if (!bytes) {
		lent->failed = false;
		from->broken = true;
		return;
	}
	size_t len = read_piece(from, bytes);
	if (len == 0)
		return;
	s->active_ms = 0;
	size_t sent = net_end_write(to, slice(bytes, len));
	buf_add(&to->out, bytes + sent, len - sent);
	to->broken = to->broken || to->out.failed;
	if (to == &s->near)
		join->in_line = bytes[len - 1] != '\n';
	*(to == &s->near ? &join->to_client : &join->to_server) += len;
	if (join->to_client + join->to_server >= FIGURES_LATE)
		add_figures(join);
}

/* One direction. True when there is more that can be moved. */
static bool pass(struct net_session *s, struct net_end *from, struct net_end *to)
{
	if (net_end_send(to))
		s->active_ms = 0;
	if (to->broken || net_end_waiting(to) > 0)
		return false;
	if (may_read(from))
		move_piece(s, from, to);
	if (from->ended && !to->finished && !to->broken && net_end_waiting(to) == 0)
		net_end_finish(to);
	return !to->broken && !to->blocked && may_read(from);
}

/* What came before goes out in front. The far socket is asked when epoll speaks of it, as it does
 * at once when something is there. */
void net_join_begin(struct net_session *s)
{
	struct net_join *join = s->join;
	s->stage = NET_STAGE_JOINED;
	struct slice input = net_input(s), answers = buf_slice(&join->input);
	buf_add_slice(&join->far.out, input);
	buf_add_slice(net_output(s), answers);
	join->to_server += input.len;
	join->to_client += answers.len;
	join->in_line = answers.len > 0 && answers.ptr[answers.len - 1] != '\n';
	buf_free(&s->in);
	s->in_at = 0;
	buf_free(&join->input);
	join->far.socket.dry = join->far.socket.dry || !join->watched;
	if ((!join->watched && net_loop_watch(s->loop, join->far.socket.fd, EPOLLIN | EPOLLRDHUP,
				       s->id + NET_ABOUT_FAR) != 0) ||
		join->far.out.failed || s->near.out.failed)
		join->far.broken = true;
}

void net_join_end(struct net_session *s)
{
	struct net_join *join = s->join;
	if (!join)
		return;
	if (!join->far.broken && !join->far.finished && net_end_waiting(&join->far) == 0)
		(void)join->far.top->ops->finish(join->far.top);
	join->far.top->ops->free(join->far.top);
	(void)close(join->far.socket.fd);
	buf_free(&join->far.out);
	buf_free(&join->input);
	add_figures(join);
	free(join);
	s->join = NULL;
	s->far = NULL;
}

static enum net_step begin_to_close(struct net_session *s)
{
	s->join->closing = true;
	net_session_enter(s, NET_STAGE_JOINED, NET_CLOSE_MS);
	return NET_STEP_AGAIN;
}

/* The server's rest goes out here, the client's at the next stage if it isn't by then. */
static enum net_step step_closing(struct net_session *s)
{
	(void)net_end_send(s->far);
	(void)net_end_send(&s->near);
	if (!s->far->broken && net_end_waiting(s->far) > 0)
		return NET_STEP_WAIT;
	net_join_end(s);
	s->stage = NET_STAGE_CLOSE;
	return s->near.broken ? NET_STEP_GONE : NET_STEP_AGAIN;
}

enum net_step net_join_step(struct net_session *s)
{
	struct net_end *near = &s->near, *far = s->far;
	if (s->events & NET_SHUTDOWN)
		return net_join_leave(s);
	s->events = 0;
	if (s->join->closing)
		return step_closing(s);
	bool more = pass(s, near, far);
	more = pass(s, far, near) || more;
	if (near->broken || far->broken || (near->finished && far->finished))
		return begin_to_close(s);
	return more ? NET_STEP_AGAIN : NET_STEP_WAIT;
}

/* Whether the farewell can't land in the middle of something, as far as one may know. */
static bool is_between_lines(struct net_session *s)
{
	struct net_end *near = &s->near, *far = s->far;
	if (!s->join->closing) { /* epoll may not have spoken yet */
		far->socket.dry = far->quiet = false;
		(void)pass(s, far, near);
	}
	return net_end_waiting(near) == 0 && !near->blocked && !near->broken && !near->finished &&
	       !may_read(far) && !s->join->in_line;
}

enum net_step net_join_leave(struct net_session *s)
{
	const char *farewell = s->join->options.farewell;
	if (!farewell || !is_between_lines(s))
		return NET_STEP_GONE;
	buf_add_str(net_output(s), farewell);
	net_join_end(s);
	net_session_enter(s, NET_STAGE_CLOSE, NET_CLOSE_MS);
	return NET_STEP_AGAIN;
}

enum net_step net_join_timed_out(struct net_session *s)
{
	bool waits = net_end_waiting(&s->near) > 0 || net_end_waiting(s->far) > 0;
	log_info(&s->log, "connection cut",
		F_STR("why", waits                            ? "what is sent is not read"
			     : s->near.ended || s->far->ended ? "only one side has ended"
							      : "idle for too long"));
	return s->join->closing ? NET_STEP_GONE : begin_to_close(s);
}

int64_t net_join_deadline(const struct net_session *s)
{
	int64_t idle = s->join->options.idle_timeout_ms, slow = s->loop->options.write_timeout_ms;
	if (s->join->closing)
		return s->stage_ends;
	if (net_end_waiting(&s->near) > 0 || net_end_waiting(s->far) > 0 || s->near.ended ||
		s->far->ended)
		idle = idle ? MIN(idle, slow) : slow;
	return idle ? s->active_ms + idle : NET_NEVER;
}
