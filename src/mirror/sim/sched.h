/* Time and turns of a simulation: activities are fibers of one thread, and whose turn it is says a
 * generator. The clock stands while any of them can go on; when none can it jumps to when the next
 * one wants to. So a run takes no longer than its work does, and follows from its seed.
 *
 * Code under test waits by base/wait.h and asks base/clock.h, and sees no difference. */
#ifndef MIRROR_SIM_SCHED_H
#define MIRROR_SIM_SCHED_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct sim_sched;

/* Whose wall clock an activity sees: a node's number, or nobody's. */
enum { SIM_NODES = 2, SIM_NOWHERE = SIM_NODES, SIM_WHERES = SIM_NODES + 1 };

struct sim_sched *sim_sched_new(void);
/* No activity is left. */
void sim_sched_free(struct sim_sched *sched);

/* A new run. Ids follow from the seed too (random_fake). */
void sim_sched_begin(struct sim_sched *sched, uint64_t seed);
enum sim_end {
	SIM_OVER,    /* sim_stop() was called */
	SIM_STUCK,   /* all wait for each other, for ever */
	SIM_ENDLESS, /* no end in sight */
};
/* From the thread's own stack. */
enum sim_end sim_sched_run(struct sim_sched *sched);
/* The run ends, whatever is left. */
void sim_stop(struct sim_sched *sched);
/* Activities that did not end. */
unsigned sim_left(const struct sim_sched *sched);

void sim_spawn(struct sim_sched *sched, unsigned where, void (*run)(void *context), void *context);

/* For activities: others come first; or do so at times. */
void sim_sleep(struct sim_sched *sched, int64_t ms);
void sim_switch(struct sim_sched *sched);
void sim_maybe_switch(struct sim_sched *sched);

/* Until it is thawed nobody else comes in between: for who wants to see one moment. */
void sim_freeze(struct sim_sched *sched);
void sim_thaw(struct sim_sched *sched);
bool sim_is_frozen(const struct sim_sched *sched);

/* Milliseconds since the run began. */
int64_t sim_now(const struct sim_sched *sched);
/* How far the wall clock there is off. */
void sim_skew(struct sim_sched *sched, unsigned where, int64_t ms);

/* 0 … bound - 1. */
uint64_t sim_random(struct sim_sched *sched, uint64_t bound);
/* Mostly small: 0 … bound - 1. */
uint64_t sim_small(struct sim_sched *sched, uint64_t bound);
/* Once in `times`. */
bool sim_once_in(struct sim_sched *sched, unsigned times);

#endif
