/* An operation of the load: one store_write. Its effects are listed while it is made; what is true
 * once it was only tried goes into the history at once. */
#ifndef MIRROR_SIM_OPERATION_H
#define MIRROR_SIM_OPERATION_H

#include "mirror/sim/history.h"
#include "mirror/sim/node.h"

enum {
	SIM_EFFECTS_MAX = 24, /* more are left out: less is known then */
	SIM_PARTS_MAX = 2,    /* accounts in a write */
	SIM_DELIVER = 0,      /* which operation that is */
};

/* What is true once it was acknowledged. */
enum sim_effect_kind {
	SIM_DELIVERED, /* a message is there */
	SIM_MADE,      /* a collection is */
	SIM_GONE,      /* an object is gone */
	SIM_OVERWROTE, /* an operation was, in the flag or name that it set */
	SIM_NUMBERED,  /* an object has a number in a series */
};

struct sim_effect {
	enum sim_effect_kind kind;
	uint32_t what;
	struct sim_series series; /* of one that was numbered */
	uint32_t number;
};

struct sim_operation {
	struct sim *sim;
	struct sim_history *history;
	struct sim_node *node;
	unsigned accounts[SIM_PARTS_MAX];
	size_t account_count;
	struct store_write *write; /* begun; all accounts are locked */
	struct sim_effect effects[SIM_EFFECTS_MAX];
	size_t effect_count;
	struct arena arena;
	struct err err;
};

/* Which one it should be, by weights. */
size_t sim_operation_pick(struct sim *sim);
const char *sim_operation_name(size_t which);
/* 0: may be committed. Anything else: there is nothing to do, or the node died. */
int sim_operation_make(struct sim_operation *op, size_t which) WARN_UNUSED;

#endif
