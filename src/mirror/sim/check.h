/* What must hold once the load is over, everything is mended, and the two are in sync. */
#ifndef MIRROR_SIM_CHECK_H
#define MIRROR_SIM_CHECK_H

#include "mirror/sim/sim.h"

void sim_check(struct sim *sim);

#endif
