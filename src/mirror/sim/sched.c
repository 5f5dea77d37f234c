/* The scheduler stands on the thread's own stack: it picks among those that are ready, goes to its
 * stack, and is come back to when that one waits. Who waits with a deadline has an entry in a heap;
 * one that is not needed any more is passed over when its time comes. */
#include "mirror/sim/sched.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/must.h"
#include "base/random.h"
#include "base/wait.h"

enum {
	STACK_SIZE = 512 << 10, /* what is not touched takes no memory */
	MONO_START = 1000 * 1000,
	TURNS_MAX = 3 * 1000 * 1000,
	LATE_MAX_MS = 80, /* a thread that the kernel forgot for a while */
};
#define WALL_START INT64_C(1700000000000)

enum state { SPARE, READY, WAITING, LATE };

struct activity {
	struct waiter waiter;
	struct sim_sched *sched;
	struct activity *next; /* of all */
	struct activity *next_spare;
	struct fiber *fiber;
	void (*run)(void *context);
	void *context;
	unsigned where;
	enum state state;
	struct wait *waits_for;
	uint64_t turn; /* which wait it is in: an older timer is not its own any more */
	bool timed_out;
};

struct timer {
	int64_t at;
	uint64_t turn;
	struct activity *activity;
};

struct sim_sched {
	uint64_t random;
	int64_t now;
	int64_t skew[SIM_WHERES];
	struct fiber *home;
	struct activity *all, *spare, *running;
	struct activity **ready;
	size_t ready_count, ready_cap;
	struct timer *timers; /* a heap */
	size_t timer_count, timer_cap;
	unsigned left;
	uint64_t turns;
	bool stopped, frozen;
	unsigned late_times, switch_times; /* once in so many */
};

uint64_t sim_random(struct sim_sched *s, uint64_t bound)
{
	uint64_t z = s->random += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % bound;
}

uint64_t sim_small(struct sim_sched *s, uint64_t bound)
{
	uint64_t below = 1 + sim_random(s, bound);
	return sim_random(s, below);
}

bool sim_once_in(struct sim_sched *s, unsigned times)
{
	return sim_random(s, times) == 0;
}

int64_t sim_now(const struct sim_sched *s)
{
	return s->now - MONO_START;
}

static void show_clock(const struct sim_sched *s, unsigned where)
{
	clock_fake(s->now, WALL_START + sim_now(s) + s->skew[where]);
}

void sim_skew(struct sim_sched *s, unsigned where, int64_t ms)
{
	s->skew[where] = ms;
	if (s->running)
		show_clock(s, s->running->where);
}

static void make_ready(struct activity *a)
{
	struct sim_sched *s = a->sched;
	if (s->ready_count == s->ready_cap) {
		s->ready_cap = s->ready_cap ? 2 * s->ready_cap : 64;
		s->ready = alloc_resize(s->ready, s->ready_cap, sizeof(struct activity *));
	}
	a->state = READY;
	s->ready[s->ready_count++] = a;
}

static void add_timer(struct sim_sched *s, struct activity *a, int64_t at)
{
	if (s->timer_count == s->timer_cap) {
		s->timer_cap = s->timer_cap ? 2 * s->timer_cap : 256;
		s->timers = alloc_resize(s->timers, s->timer_cap, sizeof(*s->timers));
	}
	size_t place = s->timer_count++;
	for (; place > 0 && s->timers[(place - 1) / 2].at > at; place = (place - 1) / 2)
		s->timers[place] = s->timers[(place - 1) / 2];
	s->timers[place] = (struct timer){at, a->turn, a};
}

static struct timer take_timer(struct sim_sched *s)
{
	struct timer first = s->timers[0], last = s->timers[--s->timer_count];
	size_t place = 0;
	for (;;) {
		size_t below = 2 * place + 1;
		if (below + 1 < s->timer_count && s->timers[below + 1].at < s->timers[below].at)
			below++;
		if (below >= s->timer_count || s->timers[below].at >= last.at)
			break;
		s->timers[place] = s->timers[below];
		place = below;
	}
	s->timers[place] = last;
	return first;
}

static void fire(const struct timer *timer)
{
	struct activity *a = timer->activity;
	if (a->turn != timer->turn || (a->state != WAITING && a->state != LATE))
		return;
	if (a->state == WAITING) {
		bool withdrawn = wait_withdraw(a->waits_for, &a->waiter);
		must(withdrawn); /* else it would have been resumed */
		a->timed_out = true;
	}
	make_ready(a);
}

/* To when somebody can go on. False: nobody ever will. */
static bool advance(struct sim_sched *s)
{
	while (s->ready_count == 0 && s->timer_count > 0) {
		s->now = MAX(s->now, s->timers[0].at);
		while (s->timer_count > 0 && s->timers[0].at <= s->now) {
			struct timer timer = take_timer(s);
			fire(&timer);
		}
	}
	return s->ready_count > 0;
}

/* Called under locks of the code under test. */
static void resume(struct waiter *waiter)
{
	struct activity *a = CONTAINER_OF(waiter, struct activity, waiter);
	struct sim_sched *s = a->sched;
	must(a->state == WAITING);
	if (!sim_once_in(s, s->late_times)) {
		make_ready(a);
		return;
	}
	a->state = LATE;
	a->turn++;
	add_timer(s, a, s->now + (int64_t)sim_small(s, LATE_MAX_MS));
}

static void leave(struct activity *a)
{
	fiber_switch(a->fiber, a->sched->home);
}

static bool wait_on(struct waiter *waiter, struct wait *wait, int64_t deadline)
{
	struct activity *a = CONTAINER_OF(waiter, struct activity, waiter);
	must(!a->sched->frozen);
	a->waits_for = wait;
	a->timed_out = false;
	a->state = WAITING;
	a->turn++;
	bool offered = wait_offer(wait, &a->waiter);
	must(offered); /* nobody else runs */
	if (deadline != WAIT_FOREVER)
		add_timer(a->sched, a, deadline);
	leave(a);
	return !a->timed_out;
}

static void block(struct waiter *waiter, bool begins)
{
}

static void give_way(struct waiter *waiter)
{
	sim_maybe_switch(CONTAINER_OF(waiter, struct activity, waiter)->sched);
}

void sim_switch(struct sim_sched *s)
{
	make_ready(s->running);
	leave(s->running);
}

void sim_maybe_switch(struct sim_sched *s)
{
	if (!s->frozen && sim_once_in(s, s->switch_times))
		sim_switch(s);
}

void sim_freeze(struct sim_sched *s)
{
	s->frozen = true;
}

void sim_thaw(struct sim_sched *s)
{
	s->frozen = false;
}

bool sim_is_frozen(const struct sim_sched *s)
{
	return s->frozen;
}

void sim_sleep(struct sim_sched *s, int64_t ms)
{
	wait_pause(s->now + ms);
}

static void run(void *context)
{
	struct activity *a = context;
	for (;;) {
		a->run(a->context);
		a->state = SPARE;
		leave(a);
	}
}

static struct activity *make(struct sim_sched *s)
{
	struct activity *a = ALLOC(struct activity);
	*a = (struct activity){.sched = s, .next = s->all};
	a->waiter = (struct waiter){wait_on, resume, block, give_way};
	a->fiber = fiber_new(STACK_SIZE, run, a);
	must(a->fiber);
	s->all = a;
	return a;
}

void sim_spawn(struct sim_sched *s, unsigned where, void (*body)(void *context), void *context)
{
	struct activity *a = s->spare;
	if (a)
		s->spare = a->next_spare;
	else
		a = make(s);
	a->run = body;
	a->context = context;
	a->where = where;
	a->turn++;
	s->left++;
	make_ready(a);
}

static void go_on(struct sim_sched *s, struct activity *a)
{
	s->running = a;
	show_clock(s, a->where);
	wait_use(&a->waiter);
	fiber_switch(s->home, a->fiber);
	wait_use(NULL);
	s->running = NULL;
	if (a->state != SPARE)
		return;
	a->next_spare = s->spare;
	s->spare = a;
	s->left--;
}

enum sim_end sim_sched_run(struct sim_sched *s)
{
	while (!s->stopped) {
		if (s->turns++ > TURNS_MAX)
			return SIM_ENDLESS;
		if (!advance(s))
			return SIM_STUCK;
		size_t at = sim_random(s, s->ready_count);
		struct activity *a = s->ready[at];
		s->ready[at] = s->ready[--s->ready_count];
		go_on(s, a);
	}
	return SIM_OVER;
}

void sim_stop(struct sim_sched *s)
{
	s->stopped = true;
}

unsigned sim_left(const struct sim_sched *s)
{
	return s->left;
}

void sim_sched_begin(struct sim_sched *s, uint64_t seed)
{
	s->random = seed;
	random_fake(sim_random(s, INT64_MAX) + 1);
	s->now = MONO_START;
	for (size_t i = 0; i < SIM_WHERES; i++)
		s->skew[i] = 0;
	s->timer_count = 0;
	s->turns = 0;
	s->stopped = s->frozen = false;
	s->late_times = sim_once_in(s, 2) ? 1000 : 20 + (unsigned)sim_random(s, 200);
	s->switch_times = 1 + (unsigned)sim_small(s, 16);
	show_clock(s, SIM_NOWHERE);
}

struct sim_sched *sim_sched_new(void)
{
	struct sim_sched *s = ALLOC(struct sim_sched);
	s->home = fiber_of_thread();
	return s;
}

void sim_sched_free(struct sim_sched *s)
{
	must(s->left == 0);
	while (s->all) {
		struct activity *a = s->all;
		s->all = a->next;
		fiber_free(a->fiber);
		free(a);
	}
	fiber_free(s->home);
	free(s->ready);
	free(s->timers);
	free(s);
	random_fake(0);
	clock_fake(-1, -1);
}
