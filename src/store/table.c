/* Open addressing, linear probing, at most half full. */
#include "store/table.h"

#include "base/alloc.h"

enum { FIRST_CAP = 32 };

static void place(struct table *table, uint64_t hash, void *item)
{
	size_t at = hash & (table->cap - 1);
	while (table->slots[at].item)
		at = (at + 1) & (table->cap - 1);
	table->slots[at] = (struct table_slot){hash, item};
}

static void grow(struct table *table)
{
	struct table_slot *old = table->cap ? table->slots : table->small;
	size_t old_len = table->cap ? table->cap : table->count;
	struct table_slot *owned = table->slots;
	table->cap = table->cap ? table->cap * 2 : FIRST_CAP;
	table->slots = alloc_zero(table->cap, sizeof(*table->slots));
	for (size_t i = 0; i < old_len; i++)
		if (old[i].item)
			place(table, old[i].hash, old[i].item);
	free(owned);
}

void table_add(struct table *table, uint64_t hash, void *item)
{
	if (table->cap == 0 && table->count < TABLE_SMALL) {
		table->small[table->count++] = (struct table_slot){hash, item};
		return;
	}
	if (table->count * 2 >= table->cap)
		grow(table);
	place(table, hash, item);
	table->count++;
}

void *table_find(const struct table *table, uint64_t hash,
	bool (*same)(const void *item, const void *key), const void *key)
{
	if (table->cap == 0) {
		for (size_t i = 0; i < table->count; i++)
			if (table->small[i].hash == hash && same(table->small[i].item, key))
				return table->small[i].item;
		return NULL;
	}
	for (size_t at = hash & (table->cap - 1); table->slots[at].item;
		at = (at + 1) & (table->cap - 1))
		if (table->slots[at].hash == hash && same(table->slots[at].item, key))
			return table->slots[at].item;
	return NULL;
}

void table_free(struct table *table)
{
	free(table->slots);
	*table = (struct table){0};
}
