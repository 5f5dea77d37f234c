/* What mailboxes were found to have when deliveries were in doubt: of a backlog the first one looks
 * through its mailbox, the others only see what came since. */
#include "mail/delivered_internal.h"

#include "base/alloc.h"

#include <pthread.h>

enum { BOXES = 32, FIRST_CAP = 64, RANDOM_AT = 6 /* of an id: base/id.h */ };

struct delivered_table {
	pthread_mutex_t lock;
	struct delivered_seen boxes[BOXES]; /* the last one first; no key: free */
};

struct delivered_table *delivered_table_new(void)
{
	struct delivered_table *table = ALLOC(struct delivered_table);
	(void)pthread_mutex_init(&table->lock, NULL);
	return table;
}

void delivered_table_free(struct delivered_table *table)
{
	for (size_t i = 0; i < BOXES; i++)
		free(table->boxes[i].slots);
	(void)pthread_mutex_destroy(&table->lock);
	free(table);
}

static void remove_at(struct delivered_table *table, size_t at)
{
	for (size_t i = at; i + 1 < BOXES; i++)
		table->boxes[i] = table->boxes[i + 1];
	table->boxes[BOXES - 1] = (struct delivered_seen){0};
}

struct delivered_seen delivered_table_take(
	struct delivered_table *table, const struct mail_key *key)
{
	struct delivered_seen seen = {.key = *key};
	(void)pthread_mutex_lock(&table->lock);
	for (size_t i = 0; i < BOXES; i++)
		if (memcmp(&table->boxes[i].key, key, sizeof(*key)) == 0) {
			seen = table->boxes[i];
			remove_at(table, i);
			break;
		}
	(void)pthread_mutex_unlock(&table->lock);
	return seen;
}

void delivered_table_put(struct delivered_table *table, const struct delivered_seen *seen)
{
	(void)pthread_mutex_lock(&table->lock);
	free(table->boxes[BOXES - 1].slots);
	for (size_t i = BOXES - 1; i > 0; i--)
		table->boxes[i] = table->boxes[i - 1];
	table->boxes[0] = *seen;
	(void)pthread_mutex_unlock(&table->lock);
}

static uint64_t random_of(struct id id)
{
	uint64_t value;
	memcpy(&value, id.bytes + RANDOM_AT, sizeof(value));
	return value ? value : 1;
}

/* Its place, or the free one where it belongs. */
static size_t place(const struct delivered_seen *seen, uint64_t value)
{
	size_t at = value & (seen->cap - 1);
	while (seen->slots[at] != 0 && seen->slots[at] != value)
		at = (at + 1) & (seen->cap - 1);
	return at;
}

static void grow(struct delivered_seen *seen)
{
	struct delivered_seen larger = *seen;
	larger.cap = seen->cap ? seen->cap * 2 : FIRST_CAP;
	larger.slots = alloc_zero(larger.cap, sizeof(*larger.slots));
	for (size_t i = 0; i < seen->cap; i++)
		if (seen->slots[i] != 0)
			larger.slots[place(&larger, seen->slots[i])] = seen->slots[i];
	free(seen->slots);
	*seen = larger;
}

void delivered_seen_add(struct delivered_seen *seen, struct id id)
{
	if (2 * (seen->count + 1) > seen->cap)
		grow(seen);
	size_t at = place(seen, random_of(id));
	seen->count += seen->slots[at] == 0;
	seen->slots[at] = random_of(id);
}

bool delivered_seen_has(const struct delivered_seen *seen, struct id id)
{
	return seen->cap > 0 && seen->slots[place(seen, random_of(id))] != 0;
}
