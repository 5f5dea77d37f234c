/* Accepting connections. */
#include "net/layer.h"
#include "net/loop_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/must.h"

#include <sys/epoll.h>
#include <unistd.h>

enum { RETRY_MS = 100 };

static int64_t retry_due(struct net_timer *timer, int64_t now)
{
	struct net_listener *listener = CONTAINER_OF(timer, struct net_listener, retry);
	net_ready_push(&listener->loop->ready, &listener->task);
	return NET_NEVER;
}

static void run_task(struct net_task *task, struct net_runner *runner)
{
	net_listener_accept(CONTAINER_OF(task, struct net_listener, task));
}

int net_loop_listen(
	struct net_loop *loop, const struct net_listener_options *options, struct err *err)
{
	net_protocol_check(options->protocol);
	must(options->tls || !options->tls_at_once);
	struct net_listener *listener = ALLOC(struct net_listener);
	listener->loop = loop;
	listener->options = *options;
	listener->task.run = run_task;
	net_timer_init(&listener->retry, retry_due);
	must(pthread_mutex_init(&listener->lock, NULL) == 0);
	net_socket_set_options(options->fd); /* Linux hands them on to accepted sockets */
	(void)pthread_mutex_lock(&loop->lock);
	unsigned number = loop->listener_count;
	bool room = number < NET_LISTENERS_MAX;
	if (room)
		loop->listeners[loop->listener_count++] = listener;
	(void)pthread_mutex_unlock(&loop->lock);
	if (!room) {
		net_listener_free(listener);
		return err_permanent(err, ERR_LIMIT, "more than %d listeners", NET_LISTENERS_MAX);
	}
	if (net_loop_watch(loop, options->fd, EPOLLIN, NET_ABOUT_LISTENER + number) != 0)
		return err_errno(err, errno, "cannot watch a listener");
	return 0;
}

/* Says no in the protocol's words where they can be read; the new socket's buffer takes them. */
static void refuse(struct net_listener *listener, int fd)
{
	const char *words = listener->options.protocol->refusal;
	(void)atomic_fetch_add(&listener->loop->refused_limit, 1);
	if (words && !listener->options.tls_at_once)
		(void)send(fd, words, strlen(words), MSG_NOSIGNAL);
	(void)close(fd);
}

/* True when there may be more. */
static bool accept_one(struct net_listener *listener)
{
	struct net_loop *loop = listener->loop;
	struct net_address peer = {.len = sizeof(peer.storage)};
	int fd = accept4(listener->options.fd, (struct sockaddr *)&peer.storage, &peer.len,
		SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		switch (errno) {
		case EAGAIN:
			return false;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			/* Those who wait get their turn when something is free again. */
			net_timers_set(&loop->timers, &listener->retry, clock_mono_ms() + RETRY_MS);
			return false;
		default:
			return true; /* errors of one connection that is gone already */
		}
	}
	net_address_normalise(&peer);
	(void)atomic_fetch_add(&loop->accepted, 1);
	if (atomic_load(&loop->connections) >= loop->options.max_connections)
		refuse(listener, fd);
	else
		net_session_accept(listener, fd, &peer);
	return true;
}

void net_listener_accept(struct net_listener *listener)
{
	(void)pthread_mutex_lock(&listener->lock);
	while (listener->options.fd >= 0 && accept_one(listener))
		;
	(void)pthread_mutex_unlock(&listener->lock);
}

void net_listener_close(struct net_listener *listener)
{
	net_timers_cancel(&listener->loop->timers, &listener->retry);
	(void)pthread_mutex_lock(&listener->lock);
	if (listener->options.fd >= 0)
		(void)close(listener->options.fd);
	listener->options.fd = -1;
	(void)pthread_mutex_unlock(&listener->lock);
}

void net_listener_free(struct net_listener *listener)
{
	net_listener_close(listener);
	(void)pthread_mutex_destroy(&listener->lock);
	free(listener);
}
