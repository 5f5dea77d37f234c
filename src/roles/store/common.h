/* Common options, from the store to the supervisor: what the store holds of them is told at the
 * start and whenever it changes, here or on the mirror's other node. */
#ifndef ROLES_STORE_COMMON_H
#define ROLES_STORE_COMMON_H

#include "roles/role.h"
#include "store/store.h"

#include <stdatomic.h>

struct common {
	struct role *role; /* NULL: not begun */
	struct store *store;
	struct store_watch *watch;
	atomic_bool changed;
	uint64_t told; /* hash of the text */
};
void common_start(struct common *common, struct role *role, struct store *store);
/* The loop has ended. */
void common_stop(struct common *common);

#endif
