/* Common options, from the store to the supervisor: what the store holds of them is told at the
 * start and whenever it changes, here or on the mirror's other node. */
#ifndef ROLES_STORE_COMMON_OPTIONS_H
#define ROLES_STORE_COMMON_OPTIONS_H

#include "roles/role.h"
#include "store/store.h"

#include <stdatomic.h>

struct store_common {
	struct role *role; /* NULL: not begun */
	struct store *store;
	struct store_watch *watch;
	atomic_bool changed;
	uint64_t told; /* hash of the text */
};
void store_common_start(struct store_common *common, struct role *role, struct store *store);
/* The loop has ended. */
void store_common_stop(struct store_common *common);

#endif
