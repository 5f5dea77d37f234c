/* Work in steps, several of which are under way at once: each waits for an answer of the other
 * node, and meanwhile the next ones go on. */
#ifndef MIRROR_LANES_H
#define MIRROR_LANES_H

#include "base/err.h"

struct mirror_connection;

/* One step. Positive: there may be more; 0: nothing is left to begin; negative: failure. */
typedef int mirror_step(void *context, struct err *err);

/* Calls it again and again, from `lanes` places at once, until one says that nothing is left, or
 * fails. Returns when all that were begun are done: 0, or what failed first. */
int mirror_lanes_run(struct mirror_connection *c, unsigned lanes, mirror_step *step, void *context,
	struct err *err) WARN_UNUSED;

#endif
