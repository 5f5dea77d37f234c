/* One node of the simulation: a process that opens a mirror and a store on a disk, and that may
 * die. What runs in it is counted, so that it is known when the last of it is over. */
#ifndef MIRROR_SIM_NODE_H
#define MIRROR_SIM_NODE_H

#include "mirror/node_internal.h"
#include "mirror/sim/sim.h"
#include "mirror/sim/disk.h"

enum sim_node_state {
	SIM_NODE_OFF,
	SIM_NODE_UP,
	SIM_NODE_STOPPING,
	SIM_NODE_DEAD, /* what is left of it runs on for nothing */
};

struct sim_node {
	struct sim *sim;
	unsigned number;
	const char *folder;  /* with its pairing */
	unsigned silence_ms; /* 0: as the product has it */
	enum sim_node_state state;
	unsigned life;    /* how often it was started */
	unsigned running; /* activities in it */
	bool busy;        /* being stopped and started by somebody */
	struct sim_disk *disk;
	struct mirror_node *mirror;
	struct store *store;
	struct sim_watch *watch;
};

struct sim_node *sim_node_new(struct sim *sim, unsigned number, const char *folder);
void sim_node_free(struct sim_node *node);

void sim_node_start(struct sim_node *node);
/* Its process is killed; `silently`: nobody tells the other node. */
void sim_node_kill(struct sim_node *node, bool silently);
void sim_node_stop(struct sim_node *node);
/* After one of the two: waits until nothing runs in it, and closes. */
void sim_node_close(struct sim_node *node);

/* An activity in its process. */
void sim_node_run(struct sim_node *node, void (*run)(void *context), void *context);
/* Whoever uses node->store or node->mirror is inside. False: it is not up. */
WARN_UNUSED bool sim_node_enter(struct sim_node *node);
void sim_node_leave(struct sim_node *node);

struct sim_node *sim_other_node(const struct sim_node *node);
/* As the node itself has it. */
bool sim_node_is_linked(const struct sim_node *node);
/* Both are up and linked, and no account is apart. */
bool sim_is_undisturbed(struct sim *sim);
bool sim_is_in_sync(struct sim *sim);

#endif
