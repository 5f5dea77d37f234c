/* Running a session: from the event that woke it to its next wait.
 *
 * A session goes through stages; step() does one step of the present stage and says whether another
 * may follow at once. When none may, the session is parked (park.c). */
#include "net/session_internal.h"

#include "base/clock.h"
#include "base/errno_here.h"
#include "base/must.h"
#include "base/wait.h"
#include "net/proxy_header.h"

#include <sys/epoll.h>
#include <sys/socket.h>

enum {
	LINGER_MS = 2 * 1000,
	LINGER_BYTES = 1024 * 1024,
};

/* It ends before open(): says why to who listens or connects. */
static enum net_step give_up(struct net_session *s, struct err *err)
{
	char peer[NET_ADDRESS_TEXT];
	if (s->opened || !s->options->failed)
		return NET_STEP_GONE;
	net_address_text(&s->peer, peer);
	(void)err_prefix(err, "%s", peer);
	s->options->failed(s->options->service, err);
	return NET_STEP_GONE;
}

/* TLS is put on top when the client begins: one that says nothing holds no state of OpenSSL. */
static enum net_step begin_handshake(struct net_session *s)
{
	s->start_tls = false;
	net_session_enter(s, NET_STAGE_HANDSHAKE, s->loop->options.handshake_timeout_ms);
	return NET_STEP_AGAIN;
}

/* The client's address is known: counts it in. */
static bool enter_limits(struct net_session *s)
{
	uint8_t bytes[16];
	if (!net_address_bytes(&s->peer, bytes))
		return true;
	s->limit = net_limits_enter(&s->loop->limits, &s->peer);
	if (s->limit)
		return true;
	(void)atomic_fetch_add(&s->loop->refused_limit, 1);
	log_info(&s->log, "connection refused", F_STR("why", "too many from this address"));
	const char *words = s->protocol->refusal;
	if (words && !s->options->tls_at_once)
		(void)send(s->near.socket.fd, words, strlen(words), MSG_NOSIGNAL);
	return false;
}

void net_session_enter(struct net_session *s, enum net_stage stage, int64_t ms)
{
	s->stage = stage;
	s->stage_ends = clock_mono_ms() + ms;
}

void net_session_tag_client(struct net_session *s)
{
	char host[NET_ADDRESS_TEXT];
	net_address_host(&s->peer, host);
	free(s->client_text);
	s->client_text = slice_dup(slice_str(host));
	s->log.fields[1] = F_STR(s->outgoing ? "server" : "client", s->client_text);
}

/* The connection's own, before anybody says for whom it is. */
static void learn_way(struct net_session *s)
{
	s->by_unix = net_address_is_unix(&s->local);
	s->by_loopback = net_address_is_loopback(&s->peer);
}

/* From here on and not before: epoll takes a socket that does not connect yet for one hung up. */
static int watch_connecting(struct net_session *s)
{
	if (s->near.watches_output)
		return 0;
	s->near.watches_output = true;
	return net_loop_watch(s->loop, s->near.socket.fd, EPOLLIN | EPOLLRDHUP | EPOLLOUT, s->id);
}

/* connect() is asked until it says yes or no. */
static enum net_step step_connect(struct net_session *s)
{
	struct err err;
	int done =
		connect(s->near.socket.fd, (const struct sockaddr *)&s->peer.storage, s->peer.len);
	int number = done == 0 || errno == EISCONN ? 0 : errno;
	bool begun = number == 0 || number == EINPROGRESS || number == EALREADY;
	if (begun && watch_connecting(s) != 0) {
		begun = false;
		number = errno;
	}
	if (!begun) {
		(void)err_errno(&err, number, "cannot connect");
		return give_up(s, &err);
	}
	if (number != 0)
		return NET_STEP_WAIT;
	net_session_learn_local(s);
	net_session_tag_client(s);
	learn_way(s);
	/* TLS is on top already; both have to be done by stage_ends. */
	s->stage = s->near.top == &s->near.socket.layer ? NET_STAGE_OPEN : NET_STAGE_HANDSHAKE;
	return NET_STEP_AGAIN;
}

static enum net_step step_proxied(struct net_session *s)
{
	net_session_tag_client(s);
	learn_way(s);
	s->front_end =
		s->options->for_front_ends || net_trusted_has(s->options->front_ends, &s->peer);
	if (!s->front_end && (!s->peer_trusted || s->proxied) && !enter_limits(s))
		return NET_STEP_GONE;
	if (s->options->tls_at_once)
		return begin_handshake(s);
	s->stage = NET_STAGE_OPEN;
	return NET_STEP_AGAIN;
}

/* Looks at what is in the socket without taking it out: *ret_len bytes, and NET_STEP_AGAIN. */
static enum net_step peek(struct net_session *s, char *to, size_t len, size_t *ret_len)
{
	if (s->near.socket.dry)
		return NET_STEP_WAIT;
	ssize_t got;
	do {
		got = recv(s->near.socket.fd, to, len, MSG_PEEK);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN) {
		s->near.socket.dry = true;
		return NET_STEP_WAIT;
	}
	*ret_len = got > 0 ? (size_t)got : 0;
	return got > 0 ? NET_STEP_AGAIN : NET_STEP_GONE;
}

/* The header is looked at and only then taken out, so that nothing behind it is touched. */
static enum net_step step_proxy(struct net_session *s)
{
	char bytes[NET_PROXY_HEADER_MAX + 16];
	struct net_proxy_header header;
	size_t len;
	enum net_step next = peek(s, bytes, sizeof(bytes), &len);
	if (next != NET_STEP_AGAIN)
		return next;
	switch (net_proxy_parse(slice(bytes, len), &header)) {
	case NET_PROXY_BAD:
		log_warn(&s->log, "connection refused", F_STR("why", "no PROXY header"));
		return NET_STEP_GONE;
	case NET_PROXY_MORE:
		if (s->near.socket.ended)
			return NET_STEP_GONE;
		s->near.socket.dry = true; /* peeking again would show the same */
		return NET_STEP_WAIT;
	case NET_PROXY_HEADER:
		break;
	}
	if (recv(s->near.socket.fd, bytes, header.len, 0) != (ssize_t)header.len)
		return NET_STEP_GONE;
	if (header.is_real) {
		s->peer = header.source;
		s->local = header.destination;
		s->proxied = true;
	}
	return step_proxied(s);
}

static enum net_step put_tls_on_top(struct net_session *s)
{
	struct err err;
	char first;
	size_t len;
	enum net_step next = peek(s, &first, 1, &len);
	if (next != NET_STEP_AGAIN)
		return next;
	if (net_tls_serve(s->options->tls, s->near.top, &s->near.top, &err) != 0) {
		log_warn(&s->log, "tls not possible", F_ERR(&err));
		return give_up(s, &err);
	}
	return NET_STEP_AGAIN;
}

static enum net_step step_handshake(struct net_session *s)
{
	struct err err = {0};
	if (s->near.top == &s->near.socket.layer)
		return put_tls_on_top(s);
	int done = s->near.top->ops->handshake(&s->near.top, &err);
	if (done == NET_LAYER_WANT_WRITE)
		s->near.blocked = true;
	if (done == NET_LAYER_WANT_READ || done == NET_LAYER_WANT_WRITE)
		return NET_STEP_WAIT;
	if (done != 0) {
		log_info(&s->log, "tls handshake failed", F_ERR(&err));
		return give_up(s, &err);
	}
	s->secure = true;
	if (!s->opened) {
		s->stage = NET_STAGE_OPEN;
		return NET_STEP_AGAIN;
	}
	s->stage = NET_STAGE_SERVE;
	s->waiting = NET_WAIT_INPUT;
	s->events |= NET_SECURED;
	return NET_STEP_AGAIN;
}

/* What open() or run() wants. */
static enum net_step after_run(struct net_session *s, enum net_next next)
{
	s->active_ms = 0;
	if (s->near.out.failed) {
		log_warn(&s->log, "connection cut", F_STR("why", "too much output queued"));
		return NET_STEP_GONE;
	}
	if (next == NET_ABORT)
		return NET_STEP_GONE;
	if (next == NET_CLOSE) {
		net_session_enter(s, NET_STAGE_CLOSE, NET_CLOSE_MS);
		return NET_STEP_AGAIN;
	}
	s->waiting = next;
	if (s->join) {
		net_join_begin(s);
		return NET_STEP_AGAIN;
	}
	if (s->start_tls) {
		/* Whatever the client sent before the handshake is not of the secured session. */
		buf_free(&s->in);
		s->in_at = 0;
	}
	return NET_STEP_AGAIN;
}

static enum net_step step_open(struct net_session *s)
{
	s->opened = true;
	s->stage = NET_STAGE_SERVE;
	return after_run(s, s->protocol->open(s));
}

/* The output is short enough to let the protocol go on. */
static bool has_drained(const struct net_session *s)
{
	return net_output_len(s) <=
	       (s->waiting == NET_WAIT_OUTPUT ? NET_OUTPUT_LOW : NET_OUTPUT_HIGH);
}

/* A time-out is news only when there is no other. */
static unsigned without_time_out(unsigned events)
{
	return events & ~(unsigned)NET_TIMEOUT ? events & ~(unsigned)NET_TIMEOUT : events;
}

/* Of one with a connection beside: input is read while the other end takes its output. */
static unsigned events_of_two(struct net_session *s)
{
	unsigned events = s->events | net_far_events(s);
	if (net_far_takes_more(s) && net_session_fill(s))
		events |= NET_INPUT;
	if (s->told_full && net_output_len(s) <= NET_OUTPUT_LOW) {
		s->told_full = false;
		events |= NET_DRAINED;
	}
	if (s->near.ended && !s->end_told)
		events |= NET_EOF;
	s->events = 0;
	return without_time_out(events);
}

/* The events to tell now; 0 is none. A shutdown can't wait for a slow reader, all else does. */
static unsigned events_to_tell(struct net_session *s)
{
	unsigned events = s->events & NET_SHUTDOWN;
	if (s->waiting == NET_WAIT_BOTH || has_drained(s)) {
		bool drained = s->told_full && net_output_len(s) <= NET_OUTPUT_LOW;
		events |= s->events;
		if (s->waiting == NET_WAIT_OUTPUT || (s->waiting == NET_WAIT_BOTH && drained))
			events |= NET_DRAINED;
		if (s->waiting != NET_WAIT_OUTPUT && net_session_fill(s))
			events |= NET_INPUT;
		s->told_full = s->told_full && !drained;
		if (s->near.ended && (!s->end_told || events))
			events |= NET_EOF;
	}
	if (events && net_input_len(s) > 0)
		events |= NET_INPUT;
	s->events &= ~events;
	return without_time_out(events);
}

static enum net_step step_serve(struct net_session *s)
{
	net_session_send(s);
	if (s->near.broken)
		return NET_STEP_GONE;
	if (s->start_tls)
		return net_output_len(s) > 0 ? NET_STEP_WAIT : begin_handshake(s);
	unsigned events = s->beside ? events_of_two(s) : events_to_tell(s);
	if (s->near.broken)
		return NET_STEP_GONE;
	if (!events)
		return NET_STEP_WAIT;
	s->consumed = false;
	enum net_next next = s->protocol->run(s, events);
	s->end_told = s->end_told || (events & NET_EOF);
	enum net_step step = after_run(s, next);
	if (step != NET_STEP_AGAIN || s->stage != NET_STAGE_SERVE || next == NET_WAIT_OUTPUT ||
		s->beside)
		return step;
	size_t left = net_input_len(s);
	if (left > 0 && s->consumed)
		s->events |= NET_INPUT; /* it may hold one more command */
	else if (s->end_told)
		return after_run(s, NET_CLOSE); /* nothing will come any more */
	else if (left >= s->in.max) {
		log_warn(&s->log, "connection cut", F_STR("why", "input not consumed"));
		return NET_STEP_GONE;
	}
	return NET_STEP_AGAIN;
}

/* When unread input is left, closing would send a reset that may destroy answers on their way. */
static enum net_step step_close(struct net_session *s)
{
	net_session_send(s);
	if (s->near.broken)
		return NET_STEP_GONE;
	if (net_output_len(s) > 0)
		return NET_STEP_WAIT;
	if (!s->near.finished)
		(void)s->near.top->ops->finish(s->near.top);
	if (s->near.ended || (!s->lingers && net_input_len(s) == 0 && s->near.socket.dry))
		return NET_STEP_GONE;
	(void)shutdown(s->near.socket.fd, SHUT_WR);
	net_session_enter(s, NET_STAGE_LINGER, LINGER_MS);
	s->lingered = 0;
	return NET_STEP_AGAIN;
}

static enum net_step step_linger(struct net_session *s)
{
	char dropped[4096];
	while (s->lingered < LINGER_BYTES) {
		ssize_t got = s->near.socket.layer.ops->read(
			&s->near.socket.layer, dropped, sizeof(dropped));
		if (got == NET_LAYER_WANT_READ)
			return NET_STEP_WAIT;
		if (got <= 0)
			return NET_STEP_GONE;
		s->lingered += (unsigned)got;
	}
	return NET_STEP_GONE;
}

static enum net_step step(struct net_session *s)
{
	switch (s->stage) {
	case NET_STAGE_CONNECT:
		return step_connect(s);
	case NET_STAGE_PROXY:
		return step_proxy(s);
	case NET_STAGE_PROXIED:
		return step_proxied(s);
	case NET_STAGE_HANDSHAKE:
		return step_handshake(s);
	case NET_STAGE_OPEN:
		return step_open(s);
	case NET_STAGE_SERVE:
		return step_serve(s);
	case NET_STAGE_JOINED:
		return net_join_step(s);
	case NET_STAGE_CLOSE:
		return step_close(s);
	case NET_STAGE_LINGER:
		return step_linger(s);
	}
	return NET_STEP_GONE;
}

/* A time-out of the protocol's wait is told to it; any other means that the peer is too slow. */
static enum net_step timed_out(struct net_session *s)
{
	struct err err;
	if (s->stage == NET_STAGE_SERVE && net_output_len(s) == 0 && !s->start_tls) {
		s->events |= NET_TIMEOUT;
		return NET_STEP_AGAIN;
	}
	if (s->stage == NET_STAGE_JOINED)
		return net_join_timed_out(s);
	if (s->stage == NET_STAGE_CONNECT) {
		(void)err_errno(&err, ETIMEDOUT, "cannot connect");
		return give_up(s, &err);
	}
	if (s->stage != NET_STAGE_LINGER)
		log_info(&s->log, "connection cut",
			F_STR("why", s->stage == NET_STAGE_PROXY       ? "no PROXY header in time"
				     : s->stage == NET_STAGE_HANDSHAKE ? "handshake timed out"
								       : "client reads nothing"));
	if (s->stage != NET_STAGE_HANDSHAKE)
		return NET_STEP_GONE;
	(void)err_temporary(&err, ERR_UNAVAILABLE, "TLS handshake timed out");
	return give_up(s, &err);
}

/* The loop stops, and it is not open yet. */
static enum net_step stopped(struct net_session *s)
{
	struct err err;
	if (!s->outgoing)
		return NET_STEP_GONE;
	(void)err_temporary(&err, ERR_UNAVAILABLE, "the server stops");
	return give_up(s, &err);
}

/* Beside one of these a time-out is none. */
enum {
	NEWS = NET_SLOT_READABLE | NET_SLOT_WRITABLE | NET_SLOT_WOKEN | NET_SLOT_FAR_READABLE |
	       NET_SLOT_FAR_WRITABLE,
};

/* Takes in what was posted. */
static enum net_step absorb(struct net_session *s, unsigned bits)
{
	if (bits & (NET_SLOT_CUT | NET_SLOT_SHUTDOWN) && !s->opened)
		return stopped(s);
	if (bits & NET_SLOT_CUT)
		return s->stage == NET_STAGE_JOINED ? net_join_leave(s) : NET_STEP_GONE;
	net_end_heard(&s->near, bits);
	if (s->far)
		net_end_heard(s->far, bits >> NET_SLOT_FAR_SHIFT);
	if (bits & NET_SLOT_WOKEN)
		s->events |= NET_WOKEN;
	if (bits & NET_SLOT_SHUTDOWN && (!s->protocol->last || atomic_load(&s->loop->lasts_end)))
		s->events |= NET_SHUTDOWN;
	if (bits & NET_SLOT_TIMEOUT && clock_mono_ms() >= atomic_load(&s->deadline) &&
		(bits & NEWS) == 0)
		return timed_out(s);
	return NET_STEP_AGAIN;
}

static void drive_on(struct net_session *s)
{
	for (;;) {
		unsigned bits = net_slots_collect(&s->loop->slots, s->id);
		enum net_step next = bits ? absorb(s, bits) : NET_STEP_AGAIN;
		if (next == NET_STEP_AGAIN)
			next = step(s);
		if (next == NET_STEP_GONE) {
			net_session_end(s);
			return;
		}
		if (next == NET_STEP_WAIT && net_session_park(s))
			return;
		wait_give_way();
	}
}

void net_session_drive(struct net_session *s, struct net_runner *runner)
{
	must(s->magic == NET_SESSION_MAGIC);
	s->runner = runner;
	net_runner_doing(runner, s->text_id, s->protocol->name);
	drive_on(s);
	net_runner_doing(runner, NULL, NULL);
}
