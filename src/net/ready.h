/* Work that is ready to run and did not come out of epoll: woken sessions, due timers, jobs. A
 * queue, and an eventfd in the epoll set that gets an idle worker up. And a second queue, of what
 * comes after events: who has computed for long, and output that gains by waiting for more. */
#ifndef NET_READY_H
#define NET_READY_H

#include "base/compiler.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct net_runner;

/* Stands in the struct that has something to do; in the queue at most once. */
struct net_task {
	struct net_task *next;
	void (*run)(struct net_task *task, struct net_runner *runner);
};

struct net_ready {
	pthread_mutex_t lock;
	struct net_task *first, **last;             /* guarded by lock */
	struct net_task *later_first, **later_last; /* guarded by lock */
	atomic_uint sleeping, kicks; /* in net_ready_sleep(); calls of net_ready_kick() */
	pthread_cond_t pushed;
	atomic_size_t count, later_count;
	atomic_bool signalled; /* an event is on its way to some worker */
	int fd;                /* edge-triggered and never read: each write is an edge */
};

/* 0, or -1 with errno. */
int net_ready_init(struct net_ready *ready) WARN_UNUSED;
void net_ready_deinit(struct net_ready *ready);
/* Any thread. */
void net_ready_push(struct net_ready *ready, struct net_task *task);
/* NULL when there is none. When more remain, another worker is called. */
struct net_task *net_ready_pop(struct net_ready *ready);
/* Of a worker, which goes on to take what is ready. */
void net_ready_push_later(struct net_ready *ready, struct net_task *task);
/* Any thread: the next one of what comes after events. */
void net_ready_push_behind(struct net_ready *ready, struct net_task *task);
struct net_task *net_ready_pop_later(struct net_ready *ready);
/* Gets an idle worker up. */
void net_ready_call(struct net_ready *ready);
/* The first one that has this run(), of both queues; NULL: there is none. */
struct net_task *net_ready_pop_only(
	struct net_ready *ready, void (*run)(struct net_task *task, struct net_runner *runner));
/* Until there is one, or net_ready_kick() was called since `kicks` was read. */
void net_ready_sleep(struct net_ready *ready,
	void (*run)(struct net_task *task, struct net_runner *runner), unsigned kicks);
/* Those who sleep have something else to look at. */
void net_ready_kick(struct net_ready *ready);
/* A worker got the event. */
void net_ready_heard(struct net_ready *ready);
static inline bool net_ready_any(struct net_ready *ready)
{
	return atomic_load_explicit(&ready->count, memory_order_relaxed) > 0;
}
static inline bool net_ready_any_later(struct net_ready *ready)
{
	return atomic_load_explicit(&ready->later_count, memory_order_relaxed) > 0;
}

#endif
