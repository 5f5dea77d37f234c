/* How a session begins, what wakes it, and how it ends. */
#include "net/session_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/random.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct net_session *of_task(struct net_task *task)
{
	return CONTAINER_OF(task, struct net_session, task);
}

static void run_task(struct net_task *task, struct net_runner *runner)
{
	net_session_drive(of_task(task), runner);
}

void net_session_queue(struct net_session *s)
{
	net_ready_push(&s->loop->ready, &s->task);
}

/* Under the timers' lock. `at` was unset before the deadline is read here, and net_session_park()
 * sets the deadline before it reads `at`: one of the two sees the other. */
static int64_t timer_due(struct net_timer *timer, int64_t now)
{
	struct net_session *s = CONTAINER_OF(timer, struct net_session, timer);
	int64_t deadline = atomic_load(&s->deadline);
	if (deadline > now)
		return deadline;
	if (net_slots_post(&s->loop->slots, s->id, NET_SLOT_TIMEOUT))
		net_session_queue(s);
	return NET_NEVER;
}

static void make_text_id(char to[NET_SESSION_ID + 1])
{
	static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t bytes[NET_SESSION_ID];
	random_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < NET_SESSION_ID; i++)
		to[i] = ALPHABET[bytes[i] & 31];
	to[NET_SESSION_ID] = '\0';
}

void net_session_end(struct net_session *s)
{
	struct net_loop *loop = s->loop;
	net_timers_cancel(&loop->timers, &s->timer);
	net_slots_release(&loop->slots, s->id);
	net_join_end(s);
	if (s->opened)
		s->protocol->close(s);
	net_far_close(s);
	s->near.top->ops->free(s->near.top);
	s->near.top = NULL;
	(void)close(s->near.socket.fd);
	if (s->limit)
		net_limits_leave(&loop->limits, s->limit);
	buf_free(&s->in);
	buf_free(&s->near.out);
	free(s->client_text);
	for (size_t i = 0; i < NET_TAGS; i++)
		free(s->tags[i]);
	s->runner = NULL;
	bool is_last_other = !s->protocol->last && atomic_fetch_sub(&loop->others, 1) == 1;
	bool is_last = atomic_fetch_sub(&loop->connections, 1) == 1;
	if ((is_last_other || is_last) && atomic_load(&loop->stopping))
		net_loop_call_main(loop);
	net_session_unref(s);
}

bool net_pass_on(struct net_session *s, const struct net_address *client)
{
	struct net_limit_entry *limit = NULL;
	uint8_t bytes[16], now[16];
	bool counted = net_address_bytes(client, bytes);
	if (counted && s->limit && net_address_bytes(&s->peer, now) &&
		memcmp(bytes, now, sizeof(now)) == 0) { /* said again */
		net_set_peer(s, client);
		return true;
	}
	if (counted && !(limit = net_limits_enter(&s->loop->limits, client))) {
		(void)atomic_fetch_add(&s->loop->refused_limit, 1);
		return false;
	}
	if (s->limit)
		net_limits_leave(&s->loop->limits, s->limit);
	s->limit = limit;
	net_set_peer(s, client);
	return true;
}

void net_session_drop(struct net_session *s)
{
	s->near.top->ops->free(s->near.top);
	(void)close(s->near.socket.fd);
	net_session_unref(s);
}

void net_protocol_check(const struct net_protocol *protocol)
{
	must(protocol && protocol->run && protocol->open && protocol->close &&
		protocol->input_max > 0);
}

void net_session_learn_local(struct net_session *s)
{
	s->local.len = sizeof(s->local.storage);
	if (getsockname(s->near.socket.fd, (struct sockaddr *)&s->local.storage, &s->local.len) !=
		0)
		s->local.len = 0;
	net_address_normalise(&s->local);
}

struct net_session *net_session_new(struct net_loop *loop,
	const struct net_listener_options *options, int fd, const struct net_address *peer)
{
	const struct net_protocol *protocol = options->protocol;
	struct net_session *s = alloc_zero(1, sizeof(struct net_session) + protocol->session_size);
	s->magic = NET_SESSION_MAGIC;
	atomic_init(&s->refs, 1);
	s->loop = loop;
	(void)atomic_fetch_add(&loop->refs, 1);
	s->options = options;
	s->protocol = protocol;
	s->task.run = run_task;
	net_timer_init(&s->timer, timer_due);
	atomic_init(&s->deadline, NET_NEVER);
	net_socket_init(&s->near.socket, fd);
	s->near.socket.dry = true; /* epoll will say what is there */
	s->near.top = &s->near.socket.layer;
	s->timeout_ms = protocol->timeout_ms;
	s->in = BUF(protocol->input_max);
	s->near.out = BUF(NET_OUTPUT_MAX);
	s->peer = *peer;
	s->peer_trusted = net_address_is_unix(peer) || net_trusted_has(options->trusted, peer);
	make_text_id(s->text_id);
	s->log.fields[0] = F_STR("session", s->text_id);
	return s;
}

bool net_session_begin(struct net_session *s)
{
	struct net_loop *loop = s->loop;
	if (!net_slots_take(&loop->slots, s, &s->id))
		return false;
	/* One that has to connect is watched once it does (drive.c). */
	if (!s->outgoing &&
		net_loop_watch(loop, s->near.socket.fd, EPOLLIN | EPOLLRDHUP, s->id) != 0) {
		log_warn(&s->log, "connection refused", F_STR("why", "epoll"));
		net_slots_release(&loop->slots, s->id);
		return false;
	}
	(void)atomic_fetch_add(&loop->connections, 1);
	if (!s->protocol->last)
		(void)atomic_fetch_add(&loop->others, 1);
	/* net_loop_stop() may have gone through the slots just before. */
	if (atomic_load(&loop->stopping))
		(void)!net_slots_post(&loop->slots, s->id, NET_SLOT_SHUTDOWN);
	net_session_queue(s);
	return true;
}

void net_session_accept(struct net_listener *listener, int fd, const struct net_address *peer)
{
	struct net_loop *loop = listener->loop;
	struct net_session *s = net_session_new(loop, &listener->options, fd, peer);
	net_session_learn_local(s);
	if (listener->options.proxy_header && s->peer_trusted)
		s->stage = NET_STAGE_PROXY;
	else
		s->stage = NET_STAGE_PROXIED;
	s->stage_ends = clock_mono_ms() + loop->options.handshake_timeout_ms;
	if (!net_session_begin(s))
		net_session_drop(s);
}
