/* Worker threads: take an event, run its session to the next wait, take the next. */
#include "net/loop_internal.h"

#include "base/alloc.h"
#include "base/errno_here.h"
#include "base/must.h"

#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	SURPLUS_IDLE_MS = 20 * 1000, /* then one beyond workers_min ends */
	STACK_SIZE = 256 * 1024,     /* sessions have their own (runner.c) */
	TASKS_A_LOOK = 8,            /* queued ones, then epoll gets its turn */
	EVENTS_BEFORE_LATER = 16,    /* then one that has computed for long goes on */
};

static unsigned bits_of(uint32_t events)
{
	unsigned bits = 0;
	if (events & EPOLLIN)
		bits |= NET_SLOT_READABLE;
	if (events & EPOLLOUT)
		bits |= NET_SLOT_WRITABLE;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		bits |= NET_SLOT_ENDED;
	return bits;
}

/* Posts to the session that the event is about. Returns it when that claimed it. */
static struct net_session *post(struct net_loop *loop, const struct epoll_event *event)
{
	uint64_t about = event->data.u64;
	unsigned bits = bits_of(event->events);
	if ((uint32_t)about < NET_ABOUT_FAR)
		return net_slots_post(&loop->slots, about, bits);
	return net_slots_post(&loop->slots, about - NET_ABOUT_FAR, bits << NET_SLOT_FAR_SHIFT);
}

/* An event about neither a session nor what code waits for. False when the worker has to end. */
static bool handle_other(struct net_loop *loop, uint32_t index)
{
	if (index >= NET_ABOUT_LISTENER)
		net_listener_accept(loop->listeners[index - NET_ABOUT_LISTENER]);
	else if (index == NET_ABOUT_READY)
		net_ready_heard(&loop->ready);
	else if (index == NET_ABOUT_TIMERS)
		net_timers_fire(&loop->timers);
	else
		return false;
	return true;
}

static struct waiter *post_awaited(struct net_loop *loop, const struct epoll_event *event)
{
	return net_awaiteds_post(
		&loop->awaiteds, event->data.u64 - NET_ABOUT_AWAITED, bits_of(event->events));
}

/* False when the worker has to end. */
static bool handle(struct net_runner *runner, const struct epoll_event *event)
{
	struct net_loop *loop = runner->loop;
	uint32_t index = (uint32_t)event->data.u64;
	if (index < NET_ABOUT_AWAITED) {
		struct net_session *session = post(loop, event);
		if (session)
			net_session_drive(session, runner);
		return true;
	}
	if (index >= NET_ABOUT_AWAITED + NET_SLOTS_MAX)
		return handle_other(loop, index);
	struct waiter *waiter = post_awaited(loop, event);
	if (waiter)
		net_runner_go_on(runner, waiter);
	return true;
}

/* Whether this one may go: one beyond the minimum that has had nothing to do. */
static bool is_surplus(struct net_loop *loop)
{
	unsigned count = atomic_load(&loop->worker_count);
	while (count > loop->options.workers_min)
		if (atomic_compare_exchange_weak(&loop->worker_count, &count, count - 1))
			return true;
	return false;
}

/* Leaves the ranks of the idle ones. When none is left the main thread is asked to watch whether
 * more workers are needed; while it watches it need not be asked again. */
static void become_busy(struct net_loop *loop)
{
	(void)atomic_fetch_add_explicit(&loop->taken, 1, memory_order_relaxed);
	if (atomic_fetch_sub(&loop->idle, 1) == 1 && !atomic_load(&loop->watched) &&
		!atomic_exchange(&loop->watched, true))
		net_loop_call_main(loop);
}

/* Runs what is queued, but not for ever. */
static void run_tasks(struct net_runner *runner)
{
	for (unsigned i = 0; i < TASKS_A_LOOK; i++) {
		struct net_task *task = net_ready_pop(&runner->loop->ready);
		if (!task)
			return;
		runner->since_ns = 0;
		task->run(task, runner);
	}
}

static void run_later(struct net_runner *runner)
{
	if (!net_ready_any_later(&runner->loop->ready))
		return;
	(void)sched_yield();
	struct net_task *task = net_ready_pop_later(&runner->loop->ready);
	if (task)
		task->run(task, runner);
}

/* How long it may sleep. */
static int timeout_of(struct net_loop *loop)
{
	if (net_ready_any(&loop->ready) || net_ready_any_later(&loop->ready))
		return 0;
	return atomic_load(&loop->worker_count) > loop->options.workers_min ? SURPLUS_IDLE_MS : -1;
}

void net_worker_serve(struct net_runner *runner)
{
	struct net_loop *loop = runner->loop;
	for (unsigned events = 0;; events++) {
		run_tasks(runner);
		int timeout = timeout_of(loop);
		struct epoll_event event;
		(void)atomic_fetch_add(&loop->idle, 1);
		int got = epoll_wait(loop->epoll, &event, 1, timeout);
		become_busy(loop);
		if (got > 0) {
			if (net_ready_any_later(&loop->ready) && atomic_load(&loop->idle) > 0)
				net_ready_call(&loop->ready);
			runner->since_ns = 0;
			if (!handle(runner, &event))
				break;
		}
		if (got <= 0 || events % EVENTS_BEFORE_LATER == 0)
			run_later(runner);
		if (got == 0 && timeout > 0 && is_surplus(loop)) {
			/* The crowd is gone: so is the need for what the heaps keep of it. */
			if (atomic_load(&loop->worker_count) <= loop->options.workers_min)
				(void)malloc_trim(0);
			return;
		}
	}
	(void)atomic_fetch_sub(&loop->worker_count, 1);
}

void net_worker_hand_on(struct net_loop *loop)
{
	struct epoll_event event;
	(void)atomic_fetch_add(&loop->idle, 1);
	int got = epoll_wait(loop->epoll, &event, 1, -1);
	become_busy(loop);
	uint32_t index = (uint32_t)event.data.u64;
	if (got <= 0)
		return;
	if (index < NET_ABOUT_AWAITED) {
		struct net_session *session = post(loop, &event);
		if (session)
			net_session_queue(session);
	} else if (index >= NET_ABOUT_AWAITED + NET_SLOTS_MAX) {
		(void)handle_other(loop, index);
	} else {
		struct waiter *waiter = post_awaited(loop, &event);
		if (waiter)
			waiter->resume(waiter);
	}
}

static void *worker_main(void *context)
{
	struct net_worker *worker = context;
	struct net_loop *loop = worker->loop;
	atomic_store(&worker->tid, gettid());
	net_runners_stand(worker);
	atomic_store(&worker->ended, true);
	net_loop_call_main(loop);
	return NULL;
}

/* Signals are for the main thread. */
static int start_thread(struct net_worker *worker)
{
	pthread_attr_t attributes;
	sigset_t all, old;
	must(pthread_attr_init(&attributes) == 0);
	must(pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	int number = pthread_create(&worker->thread, &attributes, worker_main, worker);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attributes);
	return number;
}

int net_worker_start(struct net_loop *loop, struct err *err)
{
	unsigned place = 0;
	while (place < loop->options.workers_max && loop->workers[place])
		place++;
	if (place == loop->options.workers_max)
		return err_temporary(err, ERR_LIMIT, "no more workers");
	struct net_worker *worker = ALLOC(struct net_worker);
	worker->loop = loop;
	(void)atomic_fetch_add(&loop->worker_count, 1);
	int number = start_thread(worker);
	if (number != 0) {
		(void)atomic_fetch_sub(&loop->worker_count, 1);
		free(worker);
		return err_errno(err, number, "cannot start a thread");
	}
	loop->workers[place] = worker;
	return 0;
}

void net_workers_join(struct net_loop *loop, bool all)
{
	for (unsigned i = 0; i < loop->options.workers_max; i++) {
		struct net_worker *worker = loop->workers[i];
		if (!worker || (!all && !atomic_load(&worker->ended)))
			continue;
		(void)pthread_join(worker->thread, NULL);
		free(worker);
		loop->workers[i] = NULL;
	}
}
