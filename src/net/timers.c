/* The heap of timers. */
#include "net/timers.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"

#include <sys/timerfd.h>
#include <unistd.h>

int net_timers_init(struct net_timers *timers)
{
	*timers = (struct net_timers){.armed_at = NET_NEVER};
	timers->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timers->fd < 0)
		return -1;
	must(pthread_mutex_init(&timers->lock, NULL) == 0);
	return 0;
}

void net_timers_deinit(struct net_timers *timers)
{
	(void)close(timers->fd);
	(void)pthread_mutex_destroy(&timers->lock);
	free(timers->heap);
}

void net_timer_init(struct net_timer *timer, int64_t (*due)(struct net_timer *timer, int64_t now))
{
	atomic_init(&timer->at, NET_NEVER);
	timer->place = 0;
	timer->due = due;
}

static int64_t time_of(const struct net_timer *timer)
{
	return atomic_load_explicit(&timer->at, memory_order_relaxed);
}

static void put(struct net_timers *timers, size_t place, struct net_timer *timer)
{
	timers->heap[place] = timer;
	timer->place = place;
}

static void sift_up(struct net_timers *timers, struct net_timer *timer)
{
	size_t place = timer->place;
	while (place > 0 && time_of(timers->heap[(place - 1) / 2]) > time_of(timer)) {
		put(timers, place, timers->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	put(timers, place, timer);
}

static void sift_down(struct net_timers *timers, struct net_timer *timer)
{
	size_t place = timer->place;
	for (;;) {
		size_t child = place * 2 + 1;
		if (child >= timers->count)
			break;
		if (child + 1 < timers->count &&
			time_of(timers->heap[child + 1]) < time_of(timers->heap[child]))
			child++;
		if (time_of(timers->heap[child]) >= time_of(timer))
			break;
		put(timers, place, timers->heap[child]);
		place = child;
	}
	put(timers, place, timer);
}

static void insert(struct net_timers *timers, struct net_timer *timer, int64_t at)
{
	if (timers->count == timers->room) {
		timers->room = timers->room ? timers->room * 2 : 64;
		timers->heap = alloc_resize(timers->heap, timers->room, sizeof(*timers->heap));
	}
	atomic_store(&timer->at, at);
	put(timers, timers->count++, timer);
	sift_up(timers, timer);
}

static void take_out(struct net_timers *timers, struct net_timer *timer)
{
	struct net_timer *last = timers->heap[--timers->count];
	if (last != timer) {
		put(timers, timer->place, last);
		sift_up(timers, last);
		sift_down(timers, last);
	}
	atomic_store(&timer->at, NET_NEVER);
}

/* Sets the fd when the first timer comes before what it is set to; a later one is found out when
 * the fd fires. */
static void arm(struct net_timers *timers)
{
	if (timers->count == 0 || time_of(timers->heap[0]) >= timers->armed_at)
		return;
	timers->armed_at = time_of(timers->heap[0]);
	int64_t ms = MAX(timers->armed_at - clock_mono_ms(), 1);
	struct itimerspec when = {
		.it_value = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}};
	must(timerfd_settime(timers->fd, 0, &when, NULL) == 0);
}

void net_timers_set(struct net_timers *timers, struct net_timer *timer, int64_t at)
{
	(void)pthread_mutex_lock(&timers->lock);
	int64_t was = time_of(timer);
	if (at < was) {
		if (was == NET_NEVER) {
			insert(timers, timer, at);
		} else {
			atomic_store(&timer->at, at);
			sift_up(timers, timer);
		}
		arm(timers);
	}
	(void)pthread_mutex_unlock(&timers->lock);
}

void net_timers_cancel(struct net_timers *timers, struct net_timer *timer)
{
	(void)pthread_mutex_lock(&timers->lock);
	if (time_of(timer) != NET_NEVER)
		take_out(timers, timer);
	(void)pthread_mutex_unlock(&timers->lock);
}

void net_timers_fire(struct net_timers *timers)
{
	(void)pthread_mutex_lock(&timers->lock);
	int64_t now = clock_mono_ms();
	timers->armed_at = NET_NEVER;
	while (timers->count > 0 && time_of(timers->heap[0]) <= now) {
		struct net_timer *timer = timers->heap[0];
		take_out(timers, timer);
		int64_t again = timer->due(timer, now);
		if (again != NET_NEVER)
			insert(timers, timer, MAX(again, now + 1));
	}
	arm(timers);
	(void)pthread_mutex_unlock(&timers->lock);
}
