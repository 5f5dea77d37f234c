/* Who writes: some activities at each node that deliver, set flags, expunge, move and copy, make
 * collections, rename and delete them. What they do and what came of it goes into the history. */
#ifndef MIRROR_SIM_LOAD_H
#define MIRROR_SIM_LOAD_H

#include "mirror/sim/node.h"

/* Until sim->load_over. */
void sim_load_start(struct sim *sim);
/* One delivery at that node, which must succeed. */
void sim_load_deliver(struct sim_node *node, unsigned account);

#endif
