/* The queue of what is ready.
 *
 * No wake-up is lost: a push either sends the event itself, or sees `signalled` set; then the
 * worker that will clear it pops after clearing, hence after this push. */
#include "net/ready.h"

#include "base/must.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int net_ready_init(struct net_ready *ready)
{
	ready->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ready->fd < 0)
		return -1;
	must(pthread_mutex_init(&ready->lock, NULL) == 0);
	must(pthread_cond_init(&ready->pushed, NULL) == 0);
	atomic_init(&ready->sleeping, 0);
	atomic_init(&ready->kicks, 0);
	ready->first = NULL;
	ready->last = &ready->first;
	ready->later_first = NULL;
	ready->later_last = &ready->later_first;
	atomic_init(&ready->count, 0);
	atomic_init(&ready->later_count, 0);
	atomic_init(&ready->signalled, false);
	return 0;
}

void net_ready_deinit(struct net_ready *ready)
{
	(void)close(ready->fd);
	(void)pthread_cond_destroy(&ready->pushed);
	(void)pthread_mutex_destroy(&ready->lock);
}

void net_ready_call(struct net_ready *ready)
{
	uint64_t one = 1;
	if (atomic_exchange(&ready->signalled, true))
		return;
	ssize_t written = write(ready->fd, &one, sizeof(one));
	(void)written; /* only a counter at 2^64 - 1 could refuse */
}

/* The lock is held. */
static void wake_sleepers(struct net_ready *ready)
{
	if (atomic_load(&ready->sleeping) > 0)
		(void)pthread_cond_broadcast(&ready->pushed);
}

void net_ready_push(struct net_ready *ready, struct net_task *task)
{
	(void)pthread_mutex_lock(&ready->lock);
	task->next = NULL;
	*ready->last = task;
	ready->last = &task->next;
	(void)atomic_fetch_add(&ready->count, 1);
	wake_sleepers(ready);
	(void)pthread_mutex_unlock(&ready->lock);
	net_ready_call(ready);
}

void net_ready_push_later(struct net_ready *ready, struct net_task *task)
{
	(void)pthread_mutex_lock(&ready->lock);
	task->next = NULL;
	*ready->later_last = task;
	ready->later_last = &task->next;
	(void)atomic_fetch_add(&ready->later_count, 1);
	wake_sleepers(ready);
	(void)pthread_mutex_unlock(&ready->lock);
}

void net_ready_push_behind(struct net_ready *ready, struct net_task *task)
{
	(void)pthread_mutex_lock(&ready->lock);
	task->next = ready->later_first;
	ready->later_first = task;
	if (!task->next)
		ready->later_last = &task->next;
	(void)atomic_fetch_add(&ready->later_count, 1);
	wake_sleepers(ready);
	(void)pthread_mutex_unlock(&ready->lock);
	net_ready_call(ready);
}

/* Out of one of the queues, whose end and count these are; the lock is held. */
static struct net_task *take_out(
	struct net_task **at, struct net_task ***last, atomic_size_t *count)
{
	struct net_task *task = *at;
	if (!task)
		return NULL;
	*at = task->next;
	if (!*at)
		*last = at;
	(void)atomic_fetch_sub(count, 1);
	return task;
}

struct net_task *net_ready_pop_later(struct net_ready *ready)
{
	if (!net_ready_any_later(ready))
		return NULL;
	(void)pthread_mutex_lock(&ready->lock);
	struct net_task *task =
		take_out(&ready->later_first, &ready->later_last, &ready->later_count);
	(void)pthread_mutex_unlock(&ready->lock);
	return task;
}

struct net_task *net_ready_pop(struct net_ready *ready)
{
	if (!net_ready_any(ready))
		return NULL;
	(void)pthread_mutex_lock(&ready->lock);
	struct net_task *task = take_out(&ready->first, &ready->last, &ready->count);
	bool more = ready->first != NULL;
	(void)pthread_mutex_unlock(&ready->lock);
	if (more)
		net_ready_call(ready);
	return task;
}

/* Where the first one is that has this run(), or the queue's end. */
static struct net_task **find(
	struct net_task **at, void (*run)(struct net_task *task, struct net_runner *runner))
{
	while (*at && (*at)->run != run)
		at = &(*at)->next;
	return at;
}

struct net_task *net_ready_pop_only(
	struct net_ready *ready, void (*run)(struct net_task *task, struct net_runner *runner))
{
	(void)pthread_mutex_lock(&ready->lock);
	struct net_task *task = take_out(find(&ready->first, run), &ready->last, &ready->count);
	if (!task)
		task = take_out(
			find(&ready->later_first, run), &ready->later_last, &ready->later_count);
	bool more = ready->first != NULL;
	(void)pthread_mutex_unlock(&ready->lock);
	if (task && more)
		net_ready_call(ready);
	return task;
}

void net_ready_sleep(struct net_ready *ready,
	void (*run)(struct net_task *task, struct net_runner *runner), unsigned kicks)
{
	(void)pthread_mutex_lock(&ready->lock);
	(void)atomic_fetch_add(&ready->sleeping, 1);
	while (atomic_load(&ready->kicks) == kicks && !*find(&ready->first, run) &&
		!*find(&ready->later_first, run))
		(void)pthread_cond_wait(&ready->pushed, &ready->lock);
	(void)atomic_fetch_sub(&ready->sleeping, 1);
	(void)pthread_mutex_unlock(&ready->lock);
}

/* Either this sees who sleeps, or who is about to sleep sees this. */
void net_ready_kick(struct net_ready *ready)
{
	(void)atomic_fetch_add(&ready->kicks, 1);
	if (atomic_load(&ready->sleeping) == 0)
		return;
	(void)pthread_mutex_lock(&ready->lock);
	(void)pthread_cond_broadcast(&ready->pushed);
	(void)pthread_mutex_unlock(&ready->lock);
}

void net_ready_heard(struct net_ready *ready)
{
	(void)atomic_exchange(&ready->signalled, false);
}
