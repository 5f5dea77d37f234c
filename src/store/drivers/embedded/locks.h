/* Account locks: exact, one an account, handed over in the order of asking. */
#ifndef STORE_DRIVERS_EMBEDDED_LOCKS_H
#define STORE_DRIVERS_EMBEDDED_LOCKS_H

#include "base/err.h"
#include "base/id.h"

struct embedded_locks;
struct embedded_held; /* the locks of one transaction */

struct embedded_locks *embedded_locks_new(void);
void embedded_locks_free(struct embedded_locks *locks); /* none is held */

/* Locks all accounts, or none: in the order of their ids, so that nobody waits in a circle. Doubles
 * count once. ERR_TEMPORARY after wait_ms. */
int embedded_locks_take(struct embedded_locks *locks, const struct id *accounts, size_t count,
	int64_t wait_ms, struct embedded_held **ret_held, struct err *err) WARN_UNUSED;
void embedded_locks_release(struct embedded_held *held);

#endif
