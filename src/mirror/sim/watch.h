/* Who waits at a node for changes of accounts, as an IDLE client does. What a reader sees to be
 * other than before he must have been told, or be told soon: by the store, whoever made it. */
#ifndef MIRROR_SIM_WATCH_H
#define MIRROR_SIM_WATCH_H

#include "mirror/sim/node.h"

struct sim_watch;

/* While the node's store is open. */
struct sim_watch *sim_watch_new(struct sim_node *node);
void sim_watch_free(struct sim_watch *watch);

/* A reader saw the account now; equal signatures mean that nothing in it changed. */
void sim_watch_saw(struct sim_watch *watch, unsigned account, uint64_t signature);
/* Whether something was seen that nobody was told of yet. */
bool sim_watch_is_owed(const struct sim_watch *watch);

#endif
