/* All writes pass a gate. While it is shut nobody is inside, and nothing changes in the store: that
 * is when two nodes that meet again compare what they have. */
#ifndef MIRROR_GATE_H
#define MIRROR_GATE_H

#include "base/compiler.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct mirror_gate_waiter;

struct mirror_gate {
	pthread_mutex_t lock; /* guards the rest */
	unsigned shut;        /* how many hold it so */
	unsigned inside;
	struct mirror_gate_waiter *first;    /* who waits to go in */
	struct mirror_gate_waiter *shutting; /* who waits until all are out */
};

void mirror_gate_init(struct mirror_gate *gate);
void mirror_gate_deinit(struct mirror_gate *gate);

/* False when it was shut until `deadline`, clock_mono_ms(). */
WARN_UNUSED bool mirror_gate_enter(struct mirror_gate *gate, int64_t deadline);
void mirror_gate_leave(struct mirror_gate *gate);

/* Returns when nobody is inside. It opens when all who shut it have opened it. */
void mirror_gate_shut(struct mirror_gate *gate);
void mirror_gate_open(struct mirror_gate *gate);

#endif
