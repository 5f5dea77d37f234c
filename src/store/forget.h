/* Forgetting tombstones, for stores whose clients never ask what is gone since when (a queue).
 *
 * A tombstone tells another store that holds the same that something was deleted there. So it may
 * go when both stores have it: what was there at one look, and lies there at the next one with the
 * two in step all the time between, goes then. */
#ifndef STORE_FORGET_H
#define STORE_FORGET_H

#include "store/store.h"

struct store_forgetting;
struct store_forgetting *store_forgetting_new(struct store *store); /* borrowed */
void store_forgetting_free(struct store_forgetting *forgetting);    /* NULL is fine */

/* One look. `in_step`: this store was in step with the other one, or alone for good, since the look
 * before; if not, nothing goes, and what was there then does not count. Accounts that have changed
 * little since are left alone. */
int store_forget_gone(struct store_forgetting *forgetting, bool in_step, store_progress *progress,
	void *context, uint64_t *ret_forgotten, struct err *err) WARN_UNUSED;

#endif
