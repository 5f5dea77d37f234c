/* Runners: the stacks on which sessions run.
 *
 * A worker thread stands on one runner at a time and takes events on it. When a session waits for
 * the store (base/wait.h), the thread leaves that runner as it stands and goes on taking events on
 * another; when the wait is over, the runner is queued like anything else that is ready, and
 * whoever takes it from the queue goes on there. So there are as many threads as CPUs can use, and
 * as many waits as runners.
 *
 * Nobody may go on with a runner before the thread that left it is off it. So what is to be done
 * about the one left is noted at the worker, and done on the next stack. */
#ifndef NET_RUNNER_H
#define NET_RUNNER_H

#include "base/buf.h"
#include "base/wait.h"
#include "net/ready.h"
#include "net/timers.h"

struct fiber;
struct net_loop;

struct net_runner {
	struct net_task task; /* in the ready queue: to be gone on with */
	struct waiter waiter;
	struct net_loop *loop;
	struct fiber *fiber;
	struct net_worker *worker; /* the thread that stands on it */
	struct net_runner *next;   /* spare one */

	struct wait *waits_for;
	struct net_timer timer; /* of the wait's deadline */
	bool timed_out;
	int64_t since_ns; /* of wait_give_way(): since when it computes; 0: not asked yet */

	/* Lent to the session that runs, so that one that leaves nothing behind allocates nothing.
	 */
	struct buf spare_input, spare_output;
	const char *who, *what; /* of must_doing() */
};

/* All of a loop. */
struct net_runners {
	struct net_loop *loop;
	pthread_mutex_t lock; /* guards the four below; the timers' lock may be taken under it */
	struct net_runner *spare;
	unsigned spare_count, spare_least; /* now; since the last trim */
	unsigned count;
	unsigned max;
	atomic_uint waiting;
	atomic_uint wanted;    /* workers that have none */
	atomic_bool listened;  /* one of these takes events */
	struct net_timer trim; /* gives those back that were not needed for a while */
	struct net_task trim_task;
	atomic_bool trim_queued;
};

void net_runners_init(struct net_runners *runners, struct net_loop *loop, unsigned max);
/* Nobody stands on one, and none waits. */
void net_runners_deinit(struct net_runners *runners);

/* The one that this code runs on; NULL: none, it is a plain thread. */
struct net_runner *net_runner_here(void);
/* By a worker that stands on one with nothing to do: goes on with whose wait is over. */
void net_runner_go_on(struct net_runner *runner, struct waiter *waiter);
/* Serves on runners until net_worker_serve() returns on one. */
void net_runners_stand(struct net_worker *worker);
/* What the session on it does, for must_doing(). */
void net_runner_doing(struct net_runner *runner, const char *who, const char *what);

#endif
