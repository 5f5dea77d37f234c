/* Many timers over one timerfd: a binary heap, so 50,000 of them cost 16 steps to set. Callers keep
 * it rare: a session's timer is moved only when its time has to come sooner (see session_park). */
#ifndef NET_TIMERS_H
#define NET_TIMERS_H

#include "base/compiler.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_NEVER INT64_MAX

/* Stands in the struct that waits. */
struct net_timer {
	atomic_int_least64_t
		at;   /* clock_mono_ms(), NET_NEVER when not set; written under the lock */
	size_t place; /* in the heap; guarded by the lock */
	/* Called under the timers' lock when `at` has come; the timer is unset by then. Returns
	 * when it wants to be called again, or NET_NEVER. Must be short. */
	int64_t (*due)(struct net_timer *timer, int64_t now);
};

struct net_timers {
	pthread_mutex_t lock;
	struct net_timer **heap; /* all guarded by lock */
	size_t count, room;
	int64_t armed_at; /* what the fd is set to */
	int fd;           /* timerfd, for the epoll set, edge-triggered */
};

int net_timers_init(struct net_timers *timers) WARN_UNUSED; /* 0, or -1 with errno */
void net_timers_deinit(struct net_timers *timers);
void net_timer_init(struct net_timer *timer, int64_t (*due)(struct net_timer *timer, int64_t now));
/* Sets the timer to `at`, unless it is set to an earlier time already. */
void net_timers_set(struct net_timers *timers, struct net_timer *timer, int64_t at);
/* After this returns, due() neither runs nor will run. */
void net_timers_cancel(struct net_timers *timers, struct net_timer *timer);
/* The fd has fired: calls what is due, sets the fd anew. */
void net_timers_fire(struct net_timers *timers);

#endif
