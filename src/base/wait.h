/* Waiting for one thing that another thread will say once: a commit is on the disk, a lock is free.
 *
 * A plain thread sleeps meanwhile. A thread that runs sessions leaves their stack as it is and goes
 * on with another session (net/runner.h); the one that waited goes on later, maybe on another
 * thread. Code that waits sees no difference, by these rules: over a wait it holds no mutex, and
 * keeps nothing that belongs to a thread (errno is one: base/errno_here.h). */
#ifndef BASE_WAIT_H
#define BASE_WAIT_H

#include "base/compiler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* In the memory of who waits; all zero at first. One waits, one says. */
struct wait {
	atomic_uintptr_t state; /* 0, 1 once it was said, or the waiter */
};

#define WAIT_FOREVER INT64_MAX

/* Returns when wait_done() was called, be it before. */
void wait_for(struct wait *wait);
/* False when it was not called until `deadline`, clock_mono_ms(). It may still be: who then lets go
 * of the wait's memory makes sure by a lock of his own that it will not. */
WARN_UNUSED bool wait_until(struct wait *wait, int64_t deadline);
/* Any thread, once. The wait's memory is not touched after the waiter may go on. */
void wait_done(struct wait *wait);
/* As wait_done(), but the caller resumes who waits, which is returned; NULL: nobody does yet. */
WARN_UNUSED struct waiter *wait_done_by(struct wait *wait);

/* Until then, clock_mono_ms(), nothing is waited for but the time. */
void wait_pause(int64_t until);

/* Around a call that may keep the thread for long (a sync, a read from a cold disk, the answer of a
 * peer), so that other sessions get a thread meanwhile. Nothing waits in between. */
void wait_block_begin(void);
void wait_block_end(void);

/* In the middle of long computing: others first, if it has had the thread for 0.1 ms.
 * By the rules of a wait. */
void wait_give_way(void);
/* A walk over bytes got from `from` to `to`: gives way about every 8 KiB. */
static inline void wait_give_way_over(const char *from, const char *to)
{
	if (((uintptr_t)from ^ (uintptr_t)to) >> 13 != 0)
		wait_give_way();
}

/* How a thread waits; a plain one has none set. */
struct waiter {
	/* As wait_until(); called on the thread that has this waiter set. */
	bool (*wait)(struct waiter *waiter, struct wait *wait, int64_t deadline);
	/* The wait is over; any thread. Called once for a wait that was offered to it. */
	void (*resume)(struct waiter *waiter);
	/* See wait_block_begin(). */
	void (*block)(struct waiter *waiter, bool begins);
	void (*give_way)(struct waiter *waiter);
};

/* Of this thread, from now on; NULL: it sleeps. */
void wait_use(struct waiter *waiter);
/* What was set so. */
struct waiter *wait_here(void);
/* From now on wait_done() will resume `waiter`. False when it was called already. */
WARN_UNUSED bool wait_offer(struct wait *wait, struct waiter *waiter);
/* Takes the offer back: true when wait_done() will not resume the waiter. */
WARN_UNUSED bool wait_withdraw(struct wait *wait, struct waiter *waiter);
WARN_UNUSED bool wait_is_done(const struct wait *wait);

#endif
