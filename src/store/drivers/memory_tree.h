/* A sorted map whose versions share what they have in common: whoever holds a version keeps reading
 * it while newer ones are made. So a scan needs no lock and sees one moment. */
#ifndef STORE_DRIVERS_MEMORY_TREE_H
#define STORE_DRIVERS_MEMORY_TREE_H

#include "base/slice.h"

struct tree; /* a version: the root node; NULL is the empty map */

/* Each takes over the caller's version and returns the next one, which the caller owns. What nobody
 * else holds is changed in place. */
WARN_UNUSED struct tree *tree_put(struct tree *version, struct slice key, struct slice value);
WARN_UNUSED struct tree *tree_delete(struct tree *version, struct slice key);
struct tree *tree_hold(struct tree *version);
void tree_release(struct tree *version);

/* False when there is no such key; the value lives as long as the version. */
WARN_UNUSED bool tree_get(const struct tree *version, struct slice key, struct slice *ret_value);
/* As the driver's scan. False when `visit` stopped it. */
bool tree_scan(const struct tree *version, struct slice from, struct slice to, bool backward,
	bool (*visit)(void *context, struct slice key, struct slice value), void *context);

#endif
