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

void net_ready_push(struct net_ready *ready, struct net_task *task)
{
	(void)pthread_mutex_lock(&ready->lock);
	task->next = NULL;
	*ready->last = task;
	ready->last = &task->next;
	(void)atomic_fetch_add(&ready->count, 1);
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
	(void)pthread_mutex_unlock(&ready->lock);
	net_ready_call(ready);
}

struct net_task *net_ready_pop_later(struct net_ready *ready)
{
	if (!net_ready_any_later(ready))
		return NULL;
	(void)pthread_mutex_lock(&ready->lock);
	struct net_task *task = ready->later_first;
	if (task) {
		ready->later_first = task->next;
		if (!task->next)
			ready->later_last = &ready->later_first;
		(void)atomic_fetch_sub(&ready->later_count, 1);
	}
	(void)pthread_mutex_unlock(&ready->lock);
	return task;
}

/* The lock is held. */
static struct net_task *take_out(struct net_ready *ready, struct net_task **at)
{
	struct net_task *task = *at;
	if (!task)
		return NULL;
	*at = task->next;
	if (!*at)
		ready->last = at;
	(void)atomic_fetch_sub(&ready->count, 1);
	return task;
}

struct net_task *net_ready_pop(struct net_ready *ready)
{
	if (!net_ready_any(ready))
		return NULL;
	(void)pthread_mutex_lock(&ready->lock);
	struct net_task *task = take_out(ready, &ready->first);
	bool more = ready->first != NULL;
	(void)pthread_mutex_unlock(&ready->lock);
	if (more)
		net_ready_call(ready);
	return task;
}

struct net_task *net_ready_pop_only(
	struct net_ready *ready, void (*run)(struct net_task *task, struct net_runner *runner))
{
	if (!net_ready_any(ready))
		return NULL;
	(void)pthread_mutex_lock(&ready->lock);
	struct net_task **at = &ready->first;
	while (*at && (*at)->run != run)
		at = &(*at)->next;
	struct net_task *task = take_out(ready, at);
	bool more = ready->first != NULL;
	(void)pthread_mutex_unlock(&ready->lock);
	if (task && more)
		net_ready_call(ready);
	return task;
}

void net_ready_heard(struct net_ready *ready)
{
	(void)atomic_exchange(&ready->signalled, false);
}
