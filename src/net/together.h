/* Several things at once that wait: the first on the stack of who calls, the others as jobs of the
 * loop meanwhile. Jobs need stacks, and who waits for them has one already: past some that wait at
 * once, things are done one after the other, so that there is always a stack left for a job. */
#ifndef NET_TOGETHER_H
#define NET_TOGETHER_H

#include "net/loop.h"

#include <stdatomic.h>

/* All zero at first; shared by those who do things together on one loop. */
struct net_together {
	atomic_uint jobs;
};

/* Calls `run` for each item of an array and returns when all have ended. `loop` NULL: one after the
 * other. From a session or a job of the loop. */
void net_together_run(struct net_together *together, struct net_loop *loop,
	void (*run)(void *context, void *item), void *context, void *items, size_t item_size,
	size_t count);

#endif
