/* Parts that are wrong on purpose, to see whether the rules find it. */
#ifndef MIRROR_SIM_LIE_H
#define MIRROR_SIM_LIE_H

#include "mirror/sim/sim.h"
#include "store/driver.h"

/* Whether a disk that says it has the batch leaves it out. */
WARN_UNUSED bool sim_lie_drops(struct sim *sim, const struct store_driver *driver,
	struct store_db *db, const struct store_batch *batch);
/* What takes the batch back, which is about to be committed; *to is emptied before. */
void sim_lie_undo(const struct store_driver *driver, struct store_db *db,
	const struct store_batch *batch, struct store_batch *to);
/* The batch without what a node notes while it is alone. */
void sim_lie_leave_out_notes(const struct store_batch *batch, struct store_batch *to);
/* Changes frames on their way; adds some that the sender gets. */
void sim_lie_frames(struct sim *sim, struct buf *frames, struct buf *back);

#endif
