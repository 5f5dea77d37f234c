/* What the load of a simulation writes, and rules of merging that belong to it.
 *
 * An object has three flags, each the number of the operation that set it last; so what became of
 * an operation is seen in the end. A collection knows the operation that named it last, and how
 * many objects are in it, as a mailbox counts its unseen messages. */
#ifndef MIRROR_SIM_DATA_H
#define MIRROR_SIM_DATA_H

#include "base/arena.h"
#include "store/merge_rule.h"

enum { SIM_FLAGS = 3 };

struct sim_object_data {
	uint32_t object, message; /* in the history */
	uint32_t flags[SIM_FLAGS];
};
struct sim_collection_data {
	uint32_t collection; /* in the history */
	uint32_t named;
	uint32_t count;
	uint32_t validity; /* numbers name something else when it is another one: UIDVALIDITY */
};

struct slice sim_object_data_write(const struct sim_object_data *data, struct arena *arena);
WARN_UNUSED bool sim_object_data_read(struct slice bytes, struct sim_object_data *ret_data);
struct slice sim_collection_data_write(const struct sim_collection_data *data, struct arena *arena);
WARN_UNUSED bool sim_collection_data_read(struct slice bytes, struct sim_collection_data *ret_data);

/* The body of a message: follows from its number. */
struct slice sim_body(uint32_t body, struct arena *arena);

extern const struct store_merge_rule sim_rules[];

#endif
