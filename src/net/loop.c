/* The loop: making it, its main thread, stopping. */
#include "net/loop_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/must.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	WORKERS_MAX = 256,
	RUNNERS_MAX = 4096,
	CONNECTIONS_MAX = 100000,
	PER_ADDRESS_MAX = 1000,
	HANDSHAKE_MS = 30 * 1000,
	WRITE_MS = 300 * 1000,
	LAST_WORDS_MS = 1000,
};

int net_loop_watch(struct net_loop *loop, int fd, uint32_t events, uint64_t about)
{
	struct epoll_event event = {.events = events | EPOLLET, .data.u64 = about};
	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event);
}

void net_loop_watch_output(struct net_loop *loop, int fd, uint64_t about)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLRDHUP | EPOLLOUT | EPOLLET, .data.u64 = about};
	must(epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &event) == 0);
}

unsigned net_cpu_count(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	return count > 0 ? (unsigned)count : 1;
}

static void or_default(unsigned *value, unsigned otherwise)
{
	if (*value == 0)
		*value = otherwise;
}

static void fill_defaults(struct net_loop_options *o)
{
	or_default(&o->workers_min, net_cpu_count());
	or_default(&o->workers_max, WORKERS_MAX);
	o->workers_min = MIN(o->workers_min, o->workers_max);
	or_default(&o->runners_max, RUNNERS_MAX);
	or_default(&o->max_connections, CONNECTIONS_MAX);
	o->max_connections = MIN(o->max_connections, (unsigned)NET_SLOTS_MAX);
	or_default(&o->max_per_address, PER_ADDRESS_MAX);
	or_default(&o->handshake_timeout_ms, HANDSHAKE_MS);
	or_default(&o->write_timeout_ms, WRITE_MS);
}

/* The end's eventfd is watched level-triggered: each worker sees it. */
static int open_descriptors(struct net_loop *loop)
{
	struct epoll_event end = {.events = EPOLLIN, .data.u64 = NET_ABOUT_END};
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->end = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->main = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll < 0 || loop->end < 0 || loop->main < 0)
		return -1;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->end, &end) != 0)
		return -1;
	if (net_ready_init(&loop->ready) != 0)
		return -1;
	if (net_timers_init(&loop->timers) != 0) {
		net_ready_deinit(&loop->ready);
		return -1;
	}
	must(net_loop_watch(loop, loop->ready.fd, EPOLLIN, NET_ABOUT_READY) == 0);
	must(net_loop_watch(loop, loop->timers.fd, EPOLLIN, NET_ABOUT_TIMERS) == 0);
	return 0;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

int net_loop_new(
	const struct net_loop_options *options, struct net_loop **ret_loop, struct err *err)
{
	struct net_loop *loop = ALLOC(struct net_loop);
	if (options)
		loop->options = *options;
	fill_defaults(&loop->options);
	if (open_descriptors(loop) != 0) {
		int number = errno;
		close_if_open(loop->epoll);
		close_if_open(loop->end);
		close_if_open(loop->main);
		free(loop);
		return err_errno(err, number, "cannot make the event loop");
	}
	atomic_init(&loop->refs, 1);
	must(pthread_mutex_init(&loop->lock, NULL) == 0);
	net_slots_init(&loop->slots, loop->options.max_connections);
	net_awaiteds_init(&loop->awaiteds, loop->options.max_connections);
	net_runners_init(&loop->runners, loop, loop->options.runners_max);
	net_limits_init(&loop->limits, loop->options.max_per_address);
	loop->workers = alloc_zero(loop->options.workers_max, sizeof(*loop->workers));
	*ret_loop = loop;
	return 0;
}

void net_loop_call_main(struct net_loop *loop)
{
	uint64_t one = 1;
	int number = errno;
	ssize_t written = write(loop->main, &one, sizeof(one));
	(void)written;
	errno = number;
}

void net_loop_stop(struct net_loop *loop, unsigned grace_ms)
{
	atomic_store(&loop->grace_ms, grace_ms);
	atomic_store(&loop->stop_asked, true);
	net_loop_call_main(loop);
}

/* Sleeps until called or `ms` are over; -1 is for ever. */
static void sleep_main(struct net_loop *loop, int ms)
{
	uint64_t count;
	struct pollfd fd = {.fd = loop->main, .events = POLLIN};
	if (poll(&fd, 1, ms) > 0) {
		ssize_t got = read(loop->main, &count, sizeof(count));
		(void)got;
	}
}

static void queue_claimed(void *context, struct net_session *session)
{
	net_session_queue(session);
}

/* No connection begins from now on; those that did are in the slots, or find `stopping` set. */
static void close_doors(struct net_loop *loop)
{
	(void)pthread_mutex_lock(&loop->lock);
	atomic_store(&loop->stopping, true);
	for (unsigned i = 0; i < loop->listener_count; i++)
		net_listener_close(loop->listeners[i]);
	(void)pthread_mutex_unlock(&loop->lock);
	(void)net_awaiteds_stop(&loop->awaiteds, false);
}

/* Sessions are left, or a job waits, or what was spawned. Sessions are asked for first: the last
 * one may spawn something before it ends. */
static bool has_work(struct net_loop *loop)
{
	return atomic_load(&loop->connections) > 0 || atomic_load(&loop->runners.waiting) > 0 ||
	       atomic_load(&loop->spawned) > 0;
}

static bool has_others(struct net_loop *loop)
{
	return atomic_load(&loop->others) > 0;
}

/* Serves on while there is this, until `until` at most. */
static void serve_while(struct net_loop *loop, bool (*there_is)(struct net_loop *loop),
	struct net_watch *watch, int64_t until)
{
	while (there_is(loop)) {
		int64_t left = until - clock_mono_ms();
		if (left <= 0)
			return;
		int ms = net_watch_workers(loop, watch);
		sleep_main(loop, ms < 0 ? (int)MIN(left, 1000) : (int)MIN(left, ms));
		net_workers_join(loop, false);
	}
}

/* Tells sessions that the loop stops, and gives them time. */
static void say_farewell(struct net_loop *loop, struct net_watch *watch)
{
	int64_t until = clock_mono_ms() + atomic_load(&loop->grace_ms);
	net_slots_post_all(&loop->slots, NET_SLOT_SHUTDOWN, queue_claimed, NULL);
	serve_while(loop, has_others, watch, until);
	atomic_store(&loop->lasts_end, true);
	net_slots_post_all(&loop->slots, NET_SLOT_SHUTDOWN, queue_claimed, NULL);
	serve_while(loop, has_work, watch, until);
}

static void end_workers(struct net_loop *loop)
{
	uint64_t one = 1;
	must(write(loop->end, &one, sizeof(one)) == sizeof(one));
	net_workers_join(loop, true);
	must(read(loop->end, &one, sizeof(one)) == sizeof(one));
}

int net_loop_run(struct net_loop *loop, struct err *err)
{
	struct net_watch watch = {.cpus = net_cpu_count()};
	atomic_store(&loop->watched, true);
	for (unsigned i = 0; i < loop->options.workers_min; i++)
		if (net_worker_start(loop, err) != 0) {
			end_workers(loop);
			return -1;
		}
	while (!atomic_load(&loop->stop_asked)) {
		sleep_main(loop, net_watch_workers(loop, &watch));
		net_workers_join(loop, false);
	}
	close_doors(loop);
	say_farewell(loop, &watch);
	/* Who hears now that no answer will come has something to say to its client. */
	if (net_awaiteds_stop(&loop->awaiteds, true) > 0)
		serve_while(loop, has_work, &watch, clock_mono_ms() + LAST_WORDS_MS);
	net_slots_post_all(&loop->slots, NET_SLOT_CUT, queue_claimed, NULL);
	do {
		serve_while(loop, has_work, &watch, INT64_MAX);
		end_workers(loop);
		/* A job that ran while they went home may have begun something more. */
	} while (has_work(loop) && net_worker_start(loop, NULL) == 0);
	return 0;
}

void net_loop_unref(struct net_loop *loop)
{
	if (atomic_fetch_sub(&loop->refs, 1) != 1)
		return;
	net_slots_deinit(&loop->slots);
	net_awaiteds_deinit(&loop->awaiteds);
	free(loop);
}

void net_loop_free(struct net_loop *loop)
{
	if (!loop)
		return;
	for (unsigned i = 0; i < loop->listener_count; i++)
		net_listener_free(loop->listeners[i]);
	net_connectors_free(loop->connectors);
	while (loop->jobs) {
		struct net_job *job = loop->jobs;
		loop->jobs = job->next;
		free(job);
	}
	net_runners_deinit(&loop->runners);
	net_timers_deinit(&loop->timers);
	net_ready_deinit(&loop->ready);
	net_limits_deinit(&loop->limits);
	(void)close(loop->epoll);
	loop->epoll = -1; /* clients may hold the rest on */
	(void)close(loop->end);
	(void)close(loop->main);
	(void)pthread_mutex_destroy(&loop->lock);
	free(loop->workers);
	net_loop_unref(loop);
}

struct net_loop_figures net_loop_figures(struct net_loop *loop)
{
	uint64_t workers = atomic_load(&loop->worker_count), idle = atomic_load(&loop->idle);
	uint64_t busy = workers > idle ? workers - idle : 0;
	uint64_t connections = atomic_load(&loop->connections);
	uint64_t waiting = atomic_load(&loop->runners.waiting);
	return (struct net_loop_figures){
		.accepted = atomic_load(&loop->accepted),
		.refused_limit = atomic_load(&loop->refused_limit),
		.connections = connections,
		.parked = connections > busy + waiting ? connections - busy - waiting : 0,
		.waiting = waiting,
		.workers = workers,
		.workers_busy = busy,
	};
}
