/* The main thread's watch over the workers: how many threads there are.
 *
 * It sleeps while at least one worker is idle. When none is, it looks every few milliseconds
 * whether events wait that nobody takes. Workers are added
 *
 *   - for those that have said that they are blocked (base/wait.h), at once;
 *   - for those that sleep and have not said so, as the kernel knows: a page comes from the disk,
 *     another one has a lock. Two looks must say it: a lock is soon free;
 *   - for ones that compute and have taken nothing for long, one at a time, and few.
 *
 * Those that can run are as many as there are CPUs. More would only take turns; and when other
 * programs want the CPUs too, each event would wake another thread. */
#include "net/loop_internal.h"

#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	WATCH_MS = 2,        /* while no worker is idle */
	WATCH_QUIET_MS = 20, /* after that, before it rests again */
	WATCH_QUIET_ROUNDS = 5,
	STATES_MS = 10, /* from one look at the kernel's states to the next */
	STUCK_MS = 10,  /* no event was taken for as long */
};

static bool events_wait(struct net_loop *loop)
{
	struct pollfd fd = {.fd = loop->epoll, .events = POLLIN};
	return net_ready_any(&loop->ready) || net_ready_any_later(&loop->ready) ||
	       poll(&fd, 1, 0) > 0;
}

/* Neither running nor waiting for a CPU (proc_pid_stat(5)). False when it can't be known. */
static bool sleeps(const struct net_worker *worker)
{
	char path[64], text[128];
	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", atomic_load(&worker->tid));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t got = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	const char *name_end = strrchr(text, ')');
	return name_end && (strncmp(name_end, ") S", 3) == 0 || strncmp(name_end, ") D", 3) == 0);
}

static unsigned count_asleep(struct net_loop *loop)
{
	unsigned count = 0;
	for (unsigned i = 0; i < loop->options.workers_max; i++)
		if (loop->workers[i] && atomic_load(&loop->workers[i]->tid) != 0)
			count += sleeps(loop->workers[i]);
	return count;
}

static bool are_stuck(struct net_loop *loop, struct net_watch *watch, int64_t now)
{
	uint64_t taken = atomic_load(&loop->taken);
	if (taken != watch->taken || watch->stuck_since_ms == 0)
		watch->stuck_since_ms = now;
	watch->taken = taken;
	return now - watch->stuck_since_ms >= STUCK_MS;
}

/* By the states that the kernel knows: how many workers to add. */
static unsigned more_by_states(
	struct net_loop *loop, struct net_watch *watch, unsigned count, bool stuck)
{
	unsigned asleep = MIN(count_asleep(loop), count);
	unsigned both_times = MIN(asleep, watch->asleep), awake = count - both_times;
	watch->asleep = asleep;
	if (awake < watch->cpus)
		return watch->cpus - awake;
	return stuck && awake < 2 * watch->cpus ? 1 : 0;
}

/* How many workers to add now. */
static unsigned more_workers(struct net_loop *loop, struct net_watch *watch)
{
	int64_t now = clock_mono_ms();
	bool stuck = are_stuck(loop, watch, now);
	if (atomic_load(&loop->idle) > 0 || !events_wait(loop)) {
		watch->asleep = 0;
		return 0;
	}
	unsigned count = atomic_load(&loop->worker_count);
	unsigned running = count - MIN(count, atomic_load(&loop->blocked));
	if (running < watch->cpus)
		return watch->cpus - running;
	if (now - watch->states_ms < STATES_MS)
		return 0;
	watch->states_ms = now;
	return more_by_states(loop, watch, count, stuck);
}

int net_watch_workers(struct net_loop *loop, struct net_watch *watch)
{
	if (watch->rests && atomic_load(&loop->watched)) {
		watch->rests = false;
		watch->quiet = 0;
	}
	if (atomic_load(&loop->idle) == 0)
		watch->quiet = 0;
	else if (++watch->quiet > WATCH_QUIET_ROUNDS) {
		/* Looked at again after `watched` is clear: who becomes busy from then on calls. */
		atomic_store(&loop->watched, false);
		watch->rests = atomic_load(&loop->idle) > 0;
		if (watch->rests)
			return -1;
		atomic_store(&loop->watched, true);
		watch->quiet = 0;
	}
	for (unsigned more = more_workers(loop, watch); more > 0; more--)
		if (net_worker_start(loop, NULL) != 0)
			break;
	return watch->quiet == 0 ? WATCH_MS : WATCH_QUIET_MS;
}
