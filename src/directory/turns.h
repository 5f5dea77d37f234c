/* Something of which only so many may go on at once: hashes, connections. Who comes when all places
 * are taken waits, first come first served. Any thread. */
#ifndef DIRECTORY_TURNS_H
#define DIRECTORY_TURNS_H

#include "base/compiler.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct directory_turn;
struct directory_turns {
	pthread_mutex_t lock; /* guards all below but `max` */
	unsigned running, most;
	struct directory_turn *first, **last; /* who waits */
	unsigned max;                         /* set before the first one comes */
};

void directory_turns_init(struct directory_turns *turns, unsigned max);
void directory_turns_deinit(struct directory_turns *turns); /* nobody is left */
/* False: no place was free until `deadline`, clock_mono_ms(). */
WARN_UNUSED bool directory_turns_take(struct directory_turns *turns, int64_t deadline);
void directory_turns_give(struct directory_turns *turns);
/* The most that there were at once. */
unsigned directory_turns_most(struct directory_turns *turns);

#endif
