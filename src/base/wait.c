/* One word a wait: empty, done, or who waits. */
#include "base/wait.h"

#include "base/clock.h"
#include "base/must.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WAIT_DONE ((uintptr_t)1)

/* A thread that sleeps. */
struct sleeper {
	struct waiter waiter;
	atomic_uint awake;
};

/* Asked for by functions that are not inlined: the address belongs to a thread, and callers may
 * change theirs. */
static _Thread_local struct waiter *here;

__attribute__((noinline)) void wait_use(struct waiter *waiter)
{
	here = waiter;
}

__attribute__((noinline)) struct waiter *wait_here(void)
{
	return here;
}

bool wait_offer(struct wait *wait, struct waiter *waiter)
{
	uintptr_t empty = 0;
	if (atomic_compare_exchange_strong(&wait->state, &empty, (uintptr_t)waiter))
		return true;
	must(empty == WAIT_DONE);
	return false;
}

bool wait_withdraw(struct wait *wait, struct waiter *waiter)
{
	uintptr_t offered = (uintptr_t)waiter;
	return atomic_compare_exchange_strong(&wait->state, &offered, 0);
}

bool wait_is_done(const struct wait *wait)
{
	return atomic_load(&wait->state) == WAIT_DONE;
}

struct waiter *wait_done_by(struct wait *wait)
{
	uintptr_t was = atomic_exchange(&wait->state, WAIT_DONE);
	must(was != WAIT_DONE);
	return (struct waiter *)was;
}

void wait_done(struct wait *wait)
{
	struct waiter *waiter = wait_done_by(wait);
	if (waiter)
		waiter->resume(waiter);
}

/* The sleeper may be gone when the kernel is called: then some other futex gets a wake-up too many,
 * which all of them bear. */
static void wake_up(struct waiter *waiter)
{
	atomic_uint *awake = &CONTAINER_OF(waiter, struct sleeper, waiter)->awake;
	atomic_store(awake, 1);
	(void)syscall(SYS_futex, awake, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void sleep_until(struct sleeper *sleeper, int64_t deadline)
{
	while (atomic_load(&sleeper->awake) == 0) {
		struct timespec left, *bound = NULL;
		if (deadline != WAIT_FOREVER) {
			int64_t ms = deadline - clock_mono_ms();
			if (ms <= 0)
				return;
			left = (struct timespec){ms / 1000, ms % 1000 * 1000000};
			bound = &left;
		}
		(void)syscall(SYS_futex, &sleeper->awake, FUTEX_WAIT_PRIVATE, 0, bound, NULL, 0);
	}
}

static bool sleep_on(struct wait *wait, int64_t deadline)
{
	struct sleeper sleeper = {.waiter = {.resume = wake_up}};
	if (!wait_offer(wait, &sleeper.waiter))
		return true;
	sleep_until(&sleeper, deadline);
	if (atomic_load(&sleeper.awake) == 0 && wait_withdraw(wait, &sleeper.waiter))
		return false;
	/* Said, or about to be: wake_up() must have been here before this stack goes. */
	sleep_until(&sleeper, WAIT_FOREVER);
	return true;
}

bool wait_until(struct wait *wait, int64_t deadline)
{
	if (wait_is_done(wait))
		return true;
	struct waiter *waiter = wait_here();
	return waiter ? waiter->wait(waiter, wait, deadline) : sleep_on(wait, deadline);
}

void wait_for(struct wait *wait)
{
	must(wait_until(wait, WAIT_FOREVER));
}

void wait_pause(int64_t until)
{
	struct wait never = {0};
	must(!wait_until(&never, until));
}

void wait_give_way(void)
{
	struct waiter *waiter = wait_here();
	if (waiter)
		waiter->give_way(waiter);
}

void wait_block_begin(void)
{
	struct waiter *waiter = wait_here();
	if (waiter)
		waiter->block(waiter, true);
}

void wait_block_end(void)
{
	struct waiter *waiter = wait_here();
	if (waiter)
		waiter->block(waiter, false);
}
