/* Interned keyword sets. Sets lie in segments of doubling size that never move; `lock` guards
 * adding and the hash, reading a set by a number that was handed out needs none. */
#include "mail/keywords_internal.h"

#include "base/alloc.h"
#include "base/bytes.h"

#include <pthread.h>
#include <stdatomic.h>

enum { FIRST_SEGMENT = 8, SEGMENTS = 26 };

struct keyword_set {
	struct mail_keywords keywords;
	uint64_t hash;
};

struct keyword_table {
	atomic_uint refs;
	pthread_mutex_t lock;
	uint32_t count;
	uint32_t *slots; /* numbers; 0: free; open addressing, at most half full */
	uint32_t slot_count;
	struct keyword_set *segments[SEGMENTS];
};

struct keyword_table *keyword_table_new(void)
{
	struct keyword_table *table = ALLOC(struct keyword_table);
	atomic_init(&table->refs, 1);
	(void)pthread_mutex_init(&table->lock, NULL);
	return table;
}

struct keyword_table *keyword_table_ref(struct keyword_table *table)
{
	atomic_fetch_add_explicit(&table->refs, 1, memory_order_relaxed);
	return table;
}

/* Segment k begins at index FIRST_SEGMENT * (2^k - 1). */
static struct keyword_set *set_at(const struct keyword_table *table, uint32_t number)
{
	uint32_t index = number - 1;
	uint32_t segment = 31u - (uint32_t)__builtin_clz(index / FIRST_SEGMENT + 1);
	return &table->segments[segment][index - FIRST_SEGMENT * ((1u << segment) - 1)];
}

void keyword_table_unref(struct keyword_table *table)
{
	if (atomic_fetch_sub_explicit(&table->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (uint32_t number = 1; number <= table->count; number++)
		free((void *)set_at(table, number)->keywords.names);
	for (unsigned i = 0; i < SEGMENTS; i++)
		free(table->segments[i]);
	free(table->slots);
	(void)pthread_mutex_destroy(&table->lock);
	free(table);
}

static uint64_t hash_of(const struct mail_keywords *keywords)
{
	uint64_t hash = keywords->count;
	for (uint32_t i = 0; i < keywords->count; i++) {
		char folded[MAIL_KEYWORD_LEN_MAX];
		struct slice name = slice_sub(keywords->names[i], 0, sizeof(folded));
		for (size_t at = 0; at < name.len; at++)
			folded[at] = slice_lower(name.ptr[at]);
		hash = hash * 0x9e3779b97f4a7c15u + bytes_hash(slice(folded, name.len));
	}
	return hash ^ hash >> 32;
}

static void grow_slots(struct keyword_table *table)
{
	uint32_t slot_count = table->slot_count ? table->slot_count * 2 : 16;
	free(table->slots);
	table->slots = alloc_zero(slot_count, sizeof(*table->slots));
	table->slot_count = slot_count;
	for (uint32_t number = 1; number <= table->count; number++) {
		uint64_t slot = set_at(table, number)->hash & (slot_count - 1);
		while (table->slots[slot])
			slot = (slot + 1) & (slot_count - 1);
		table->slots[slot] = number;
	}
}

static uint32_t add(
	struct keyword_table *table, const struct mail_keywords *keywords, uint64_t hash)
{
	uint32_t index = table->count;
	uint32_t segment = 31u - (uint32_t)__builtin_clz(index / FIRST_SEGMENT + 1);
	if (!table->segments[segment])
		table->segments[segment] =
			alloc_zero((size_t)FIRST_SEGMENT << segment, sizeof(struct keyword_set));
	table->count++;
	*set_at(table, table->count) =
		(struct keyword_set){.keywords = mail_keywords_copy(keywords), .hash = hash};
	return table->count;
}

uint32_t keyword_table_intern(struct keyword_table *table, const struct mail_keywords *keywords)
{
	if (keywords->count == 0)
		return 0;
	uint64_t hash = hash_of(keywords);
	(void)pthread_mutex_lock(&table->lock);
	if ((table->count + 1) * 2 > table->slot_count)
		grow_slots(table);
	uint64_t slot = hash & (table->slot_count - 1);
	uint32_t number;
	while ((number = table->slots[slot]) != 0) {
		const struct keyword_set *set = set_at(table, number);
		if (set->hash == hash && mail_keywords_equal(&set->keywords, keywords))
			break;
		slot = (slot + 1) & (table->slot_count - 1);
	}
	if (number == 0)
		number = table->slots[slot] = add(table, keywords, hash);
	(void)pthread_mutex_unlock(&table->lock);
	return number;
}

const struct mail_keywords *keyword_table_get(const struct keyword_table *table, uint32_t number)
{
	static const struct mail_keywords none = {0};
	return number ? &set_at(table, number)->keywords : &none;
}

uint32_t keyword_table_count(struct keyword_table *table)
{
	(void)pthread_mutex_lock(&table->lock);
	uint32_t count = table->count;
	(void)pthread_mutex_unlock(&table->lock);
	return count;
}
