/* What goes wrong in a run: some faults at random times, which may overlap. Each mends what it
 * broke. */
#ifndef MIRROR_SIM_PLAN_H
#define MIRROR_SIM_PLAN_H

#include "mirror/sim/sim.h"

/* Counted in sim->faults. Returns when the load should end. */
int64_t sim_plan_start(struct sim *sim);

#endif
