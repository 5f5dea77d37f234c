/* Who looks at accounts, at either node, and remembers what he saw there the last time, as a client
 * does that keeps a cache. What he sees the next time must follow from it by the rules of IMAP:
 * numbers only grow, name one object for ever, and every difference is told as a change. */
#ifndef MIRROR_SIM_VIEW_H
#define MIRROR_SIM_VIEW_H

#include "mirror/sim/history.h"
#include "mirror/sim/node.h"

struct sim_seen_object {
	uint32_t number, object, message;
	uint32_t flags[SIM_FLAGS];
	uint64_t change;
	struct id id, blob;
};

struct sim_seen_collection {
	uint32_t collection; /* in the history */
	struct id id;
	enum store_kind kind;
	uint32_t named, validity, next_number;
	uint64_t change, own_change;
	struct sim_seen_object *objects; /* by number */
	size_t object_count, object_cap;
};

struct sim_view {
	bool known;
	uint64_t change;
	struct sim_seen_collection *collections;
	size_t count, cap;
};

struct sim_views;
struct sim_views *sim_views_new(void);
void sim_views_free(struct sim_views *views);

/* Until sim->load_over. */
void sim_views_start(struct sim *sim);
/* Looks at all accounts of a node now. */
void sim_look(struct sim_node *node);
/* As it was seen the last time. */
const struct sim_view *sim_view_of(const struct sim_views *views, unsigned node, unsigned account);

#endif
