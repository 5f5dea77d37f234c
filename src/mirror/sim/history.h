/* What the load tried, and what was acknowledged. An operation whose outcome is not known (its node
 * crashed, its commit failed) was tried and not acknowledged: either may be.
 *
 * Things are known by their place in a list, from 1; entries move when one is added. */
#ifndef MIRROR_SIM_HISTORY_H
#define MIRROR_SIM_HISTORY_H

#include "mirror/sim/sim.h"
#include "mirror/sim/data.h"

/* One mail: what is read in the end. Each move makes another object of it. */
struct sim_message {
	uint32_t body;
	unsigned account;
	bool acked;
	bool cut_short; /* the link was lost while its commit was under way */
	bool may_go; /* somebody tried to expunge an object of it that he saw, or its collection */
	bool found;  /* in the end */
};

struct sim_object {
	struct id id;
	uint32_t message;
	bool tried; /* to make it */
	bool moved; /* it is not the first one of its message */
	bool gone;  /* it was expunged or moved away, and that was acknowledged */
	bool found;
};

struct sim_made { /* a collection */
	struct id id;
	unsigned account;
	uint32_t names; /* that it may have had: a bit each */
	bool acked;
	bool may_go;
	bool found;
};

struct sim_history {
	struct id accounts[SIM_ACCOUNTS];
	bool removed[SIM_ACCOUNTS]; /* somebody tried to: nobody begins anything there */
	struct sim_message *messages;
	struct sim_object *objects;
	struct sim_made *collections;
	bool *overwritten; /* of each operation: by one that saw it, and that was acknowledged */
	uint32_t message_count, object_count, collection_count, operation_count;
	uint32_t message_cap, object_cap, collection_cap, operation_cap;
	/* Which object has which number: what anybody ever saw. */
	struct sim_number *numbers;
	size_t number_count, number_cap;
};

struct sim_history *sim_history_new(void);
void sim_history_free(struct sim_history *history);

uint32_t sim_new_message(struct sim_history *history, unsigned account, uint32_t body);
/* Its id is given out. */
uint32_t sim_new_object(struct sim_history *history, uint32_t message);
uint32_t sim_new_collection(struct sim_history *history, unsigned account);
uint32_t sim_new_operation(struct sim_history *history);

/* Data as somebody wrote it. False: it is damaged. */
WARN_UNUSED bool sim_read_object(
	const struct sim_history *history, struct slice bytes, struct sim_object_data *ret_data);
WARN_UNUSED bool sim_read_collection(const struct sim_history *history, struct slice bytes,
	struct sim_collection_data *ret_data);

/* The number names that object from now on. Returns the one that it named before, or 0. */
struct sim_series {
	uint32_t collection, validity;
};
uint32_t sim_number_seen(
	struct sim_history *history, struct sim_series series, uint32_t number, uint32_t object);

#endif
