/* Leaving one stack for another, and what is done about the one left. */
#include "net/loop_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/must.h"

enum {
	STACK_SIZE = 1024 * 1024, /* what is not touched takes no memory */
	TRIM_MS = 5 * 1000,
	GIVE_WAY_NS = 100 * 1000,
};

void net_runner_doing(struct net_runner *runner, const char *who, const char *what)
{
	runner->who = who;
	runner->what = what;
	must_doing(who, what);
}

static void put_spare(struct net_runners *all, struct net_runner *runner)
{
	(void)pthread_mutex_lock(&all->lock);
	runner->next = all->spare;
	all->spare = runner;
	all->spare_count++;
	if (atomic_load(&all->trim.at) == NET_NEVER)
		net_timers_set(&all->loop->timers, &all->trim, clock_mono_ms() + TRIM_MS);
	(void)pthread_mutex_unlock(&all->lock);
	net_ready_kick(&all->loop->ready);
}

/* On the stack gone on with: does what the one left asks for. */
static void arrive(struct net_worker *worker)
{
	struct net_runner *left = worker->left;
	worker->left = NULL;
	if (!left)
		return;
	switch (worker->left_as) {
	case NET_LEFT_SPARE:
		put_spare(&worker->loop->runners, left);
		break;
	case NET_LEFT_WAITING:
		if (!wait_offer(left->waits_for, &left->waiter))
			net_ready_push(&worker->loop->ready, &left->task);
		break;
	case NET_LEFT_COMPUTING:
		net_ready_push_later(&worker->loop->ready, &left->task);
		break;
	}
}

static void stand_on(struct net_worker *worker, struct net_runner *runner)
{
	runner->worker = worker;
	wait_use(&runner->waiter);
}

/* From the stack of `runner` to that of `to`, or to the thread's own. Returns when a thread goes on
 * with `runner`. */
static void leave(struct net_runner *runner, struct net_runner *to, enum net_left as)
{
	struct net_worker *worker = runner->worker;
	worker->left = runner;
	worker->left_as = as;
	if (to)
		stand_on(worker, to);
	fiber_switch(runner->fiber, to ? to->fiber : worker->home);
	must_doing(runner->who, runner->what);
	runner->since_ns = 0;
	arrive(runner->worker);
}

static void run(void *context)
{
	struct net_runner *runner = context;
	arrive(runner->worker);
	for (;;) {
		net_worker_serve(runner);
		leave(runner, NULL, NET_LEFT_SPARE);
	}
}

static bool wait_on(struct waiter *waiter, struct wait *wait, int64_t deadline);

static void go_on(struct net_task *task, struct net_runner *runner)
{
	leave(runner, CONTAINER_OF(task, struct net_runner, task), NET_LEFT_SPARE);
}

struct net_runner *net_runner_here(void)
{
	struct waiter *waiter = wait_here();
	return waiter && waiter->wait == wait_on ? CONTAINER_OF(waiter, struct net_runner, waiter)
						 : NULL;
}

void net_runner_go_on(struct net_runner *runner, struct waiter *waiter)
{
	leave(runner, CONTAINER_OF(waiter, struct net_runner, waiter), NET_LEFT_SPARE);
}

static void resume(struct waiter *waiter)
{
	struct net_runner *runner = CONTAINER_OF(waiter, struct net_runner, waiter);
	net_ready_push(&runner->loop->ready, &runner->task);
}

/* Under the timers' lock, so the runner does not get past net_timers_cancel() meanwhile. */
static int64_t timer_due(struct net_timer *timer, int64_t now)
{
	struct net_runner *runner = CONTAINER_OF(timer, struct net_runner, timer);
	if (wait_is_done(runner->waits_for))
		return NET_NEVER;
	if (!wait_withdraw(runner->waits_for, &runner->waiter))
		return now + 1; /* its thread is on its way off it */
	runner->timed_out = true;
	resume(&runner->waiter);
	return NET_NEVER;
}

static void give_way(struct waiter *waiter);

static void block(struct waiter *waiter, bool begins)
{
	struct net_loop *loop = CONTAINER_OF(waiter, struct net_runner, waiter)->loop;
	if (!begins) {
		(void)atomic_fetch_sub(&loop->blocked, 1);
		return;
	}
	(void)atomic_fetch_add(&loop->blocked, 1);
	if (atomic_load(&loop->runners.wanted) > 0)
		net_ready_kick(&loop->ready); /* it may have been the last that took events */
}

static struct net_runner *make(struct net_loop *loop)
{
	struct net_runner *runner = ALLOC(struct net_runner);
	*runner = (struct net_runner){
		.task = {.run = go_on},
		.waiter = {.wait = wait_on, .resume = resume, .block = block, .give_way = give_way},
		.loop = loop,
		.fiber = fiber_new(STACK_SIZE, run, runner),
		.spare_input = BUF(SIZE_MAX),
		.spare_output = BUF(SIZE_MAX),
	};
	net_timer_init(&runner->timer, timer_due);
	if (runner->fiber)
		return runner;
	free(runner);
	return NULL;
}

static void drop(struct net_runner *runner)
{
	fiber_free(runner->fiber);
	buf_free(&runner->spare_input);
	buf_free(&runner->spare_output);
	free(runner);
}

/* A runner that nobody stands on. NULL: there are as many as may be, or no memory. */
static struct net_runner *take(struct net_runners *all)
{
	(void)pthread_mutex_lock(&all->lock);
	struct net_runner *runner = all->spare;
	bool may_grow = !runner && all->count < all->max;
	if (runner) {
		all->spare = runner->next;
		all->spare_count--;
		all->spare_least = MIN(all->spare_least, all->spare_count);
	}
	all->count += may_grow;
	(void)pthread_mutex_unlock(&all->lock);
	if (!may_grow)
		return runner;
	runner = make(all->loop);
	if (!runner) {
		(void)pthread_mutex_lock(&all->lock);
		all->count--;
		(void)pthread_mutex_unlock(&all->lock);
	}
	return runner;
}

/* One less holds a stack and no thread. */
static void back(struct net_runner *runner)
{
	struct net_loop *loop = runner->loop;
	if (atomic_fetch_sub(&loop->runners.waiting, 1) == 1 && atomic_load(&loop->stopping))
		net_loop_call_main(loop);
}

static bool wait_on(struct waiter *waiter, struct wait *wait, int64_t deadline)
{
	struct net_runner *runner = CONTAINER_OF(waiter, struct net_runner, waiter);
	struct net_loop *loop = runner->loop;
	runner->waits_for = wait;
	runner->timed_out = false;
	(void)atomic_fetch_add(&loop->runners.waiting, 1);
	if (deadline != WAIT_FOREVER)
		net_timers_set(&loop->timers, &runner->timer, deadline);
	leave(runner, take(&loop->runners), NET_LEFT_WAITING);
	if (deadline != WAIT_FOREVER)
		net_timers_cancel(&loop->timers, &runner->timer);
	back(runner);
	return !runner->timed_out;
}

static void give_way(struct waiter *waiter)
{
	struct net_runner *runner = CONTAINER_OF(waiter, struct net_runner, waiter);
	int64_t now = clock_mono_ns();
	if (runner->since_ns == 0)
		runner->since_ns = now;
	if (now - runner->since_ns < GIVE_WAY_NS)
		return;
	struct net_runner *next = take(&runner->loop->runners);
	if (next) {
		(void)atomic_fetch_add(&runner->loop->runners.waiting, 1);
		leave(runner, next, NET_LEFT_COMPUTING);
		back(runner);
	}
	runner->since_ns = clock_mono_ns();
}

/* Whether this worker, which has no runner, shall take the next event: nobody does that has one. */
static bool begin_to_listen(struct net_loop *loop)
{
	struct net_runners *all = &loop->runners;
	return atomic_load(&all->wanted) + atomic_load(&loop->blocked) >=
		       atomic_load(&loop->worker_count) &&
	       !atomic_exchange(&all->listened, true);
}

/* A spare one, or when all wait, the first that may go on. When no worker has one, one of them
 * takes events on its own stack and queues what they are about, because waits may be for them. As
 * soon as another has one again, this one listens no more, or it would hear calls that are for that
 * one. */
static struct net_runner *take_any(struct net_loop *loop)
{
	struct net_runners *all = &loop->runners;
	struct net_runner *runner = take(all);
	struct net_task *task = NULL;
	if (runner)
		return runner;
	(void)atomic_fetch_add(&all->wanted, 1);
	for (;;) {
		unsigned kicks = atomic_load(&loop->ready.kicks);
		runner = take(all);
		if (!runner && (task = net_ready_pop_only(&loop->ready, go_on)))
			runner = CONTAINER_OF(task, struct net_runner, task);
		if (runner)
			break;
		if (begin_to_listen(loop)) {
			net_worker_hand_on(loop);
			atomic_store(&all->listened, false);
			continue;
		}
		if (net_ready_any(&loop->ready))
			net_ready_call(&loop->ready);
		net_ready_sleep(&loop->ready, go_on, kicks);
	}
	(void)atomic_fetch_sub(&all->wanted, 1);
	return runner;
}

void net_runners_stand(struct net_worker *worker)
{
	worker->home = fiber_of_thread();
	for (;;) {
		struct net_runner *next = take_any(worker->loop);
		stand_on(worker, next);
		fiber_switch(worker->home, next->fiber);
		bool ended = worker->left_as == NET_LEFT_SPARE;
		arrive(worker);
		if (ended)
			break;
	}
	wait_use(NULL);
	fiber_free(worker->home);
}

/* Frees `list` of spare ones; returns how many. */
static unsigned drop_all(struct net_runner *list)
{
	unsigned count = 0;
	while (list) {
		struct net_runner *runner = list;
		list = runner->next;
		drop(runner);
		count++;
	}
	return count;
}

static void trim(struct net_task *task, struct net_runner *own)
{
	struct net_runners *all = CONTAINER_OF(task, struct net_runners, trim_task);
	struct net_runner *unused = NULL;
	atomic_store(&all->trim_queued, false);
	(void)pthread_mutex_lock(&all->lock);
	for (; all->spare_least > 0; all->spare_least--) {
		struct net_runner *runner = all->spare;
		all->spare = runner->next;
		all->spare_count--;
		all->count--;
		runner->next = unused;
		unused = runner;
	}
	all->spare_least = all->spare_count;
	if (all->spare_count > 0)
		net_timers_set(&all->loop->timers, &all->trim, clock_mono_ms() + TRIM_MS);
	(void)pthread_mutex_unlock(&all->lock);
	(void)drop_all(unused);
}

static int64_t trim_due(struct net_timer *timer, int64_t now)
{
	struct net_runners *all = CONTAINER_OF(timer, struct net_runners, trim);
	if (!atomic_exchange(&all->trim_queued, true))
		net_ready_push(&all->loop->ready, &all->trim_task);
	return NET_NEVER;
}

void net_runners_init(struct net_runners *all, struct net_loop *loop, unsigned max)
{
	*all = (struct net_runners){.loop = loop, .max = max, .trim_task = {.run = trim}};
	must(pthread_mutex_init(&all->lock, NULL) == 0);
	net_timer_init(&all->trim, trim_due);
}

void net_runners_deinit(struct net_runners *all)
{
	must(drop_all(all->spare) == all->count);
	(void)pthread_mutex_destroy(&all->lock);
}
