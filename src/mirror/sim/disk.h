/* A disk of the simulation: a driver around the memory driver. Account locks wait by base/wait.h,
 * calls take virtual time, and what was committed outlives the process that did it. */
#ifndef MIRROR_SIM_DISK_H
#define MIRROR_SIM_DISK_H

#include "mirror/sim/sim.h"
#include "store/driver.h"

struct sim_disk;

struct sim_disk *sim_disk_new(struct sim *sim, unsigned number);
void sim_disk_free(struct sim_disk *disk);

/* For a node to open; options.path is sim_disk_path(). */
extern const struct store_driver sim_disk_driver;
const char *sim_disk_path(const struct sim_disk *disk);

/* The process that has it open is dead: from now on its calls fail. A commit under way is there or
 * not. */
void sim_disk_crash(struct sim_disk *disk);
/* Full: commits fail, and maybe locks are not given either. Afterwards it is thought to be full for
 * a while. */
void sim_disk_fill(struct sim_disk *disk, bool full);

/* What lies on it, as somebody sees it who takes it out of the machine. */
struct store_db *sim_disk_inner(struct sim_disk *disk, const struct store_driver **ret_driver);

#endif
