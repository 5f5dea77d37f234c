/* A hash table of pointers for one write: cheap for a handful of items (no memory of its own, no
 * probing), flat for tens of thousands. Items are never taken out; equal hashes may be added. */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TABLE_SMALL = 8 };

struct table_slot {
	uint64_t hash;
	void *item; /* NULL: free */
};

struct table {
	size_t count, cap; /* cap 0: the items are in small[] */
	struct table_slot *slots;
	struct table_slot small[TABLE_SMALL];
};

/* `item` is borrowed and not NULL. A zeroed table is empty. */
void table_add(struct table *table, uint64_t hash, void *item);
/* The first item with this hash for which same() is true, or NULL. */
void *table_find(const struct table *table, uint64_t hash,
	bool (*same)(const void *item, const void *key), const void *key);
void table_free(struct table *table);

#endif
