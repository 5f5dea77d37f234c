/* One row a slot, found by the hash of its key. */
#include "store/row_cache.h"

#include "store/key.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/must.h"

struct row_cache_row {
	uint32_t key_len, value_len;
	char bytes[]; /* the key, then the value */
};

struct row_cache *row_cache_new(const struct store_driver *driver)
{
	if (driver->shared)
		return NULL;
	struct row_cache *cache = ALLOC(struct row_cache);
	for (size_t i = 0; i < ROW_CACHE_LOCKS; i++)
		must(pthread_mutex_init(&cache->locks[i], NULL) == 0);
	return cache;
}

void row_cache_free(struct row_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < ROW_CACHE_SLOTS; i++)
		free(cache->slots[i].row);
	for (size_t i = 0; i < ROW_CACHE_LOCKS; i++)
		(void)pthread_mutex_destroy(&cache->locks[i]);
	free(cache);
}

/* Objects are kept of the system account only: a mailbox's are read in ranges, and are many. */
static bool is_kept(struct slice key)
{
	if (key.len < KEY_ACCOUNT_LEN)
		return false;
	switch (key.ptr[0]) {
	case KEY_ACCOUNT:
	case KEY_COLLECTION:
	case KEY_COLLECTION_NAME:
		return true;
	case KEY_OBJECT:
	case KEY_OBJECT_NAME:
		return id_eq(key_account(key), STORE_SYSTEM_ACCOUNT);
	default:
		return false;
	}
}

static struct row_cache_slot *lock(struct row_cache *cache, size_t slot)
{
	(void)pthread_mutex_lock(&cache->locks[slot % ROW_CACHE_LOCKS]);
	return &cache->slots[slot];
}

static void unlock(struct row_cache *cache, size_t slot)
{
	(void)pthread_mutex_unlock(&cache->locks[slot % ROW_CACHE_LOCKS]);
}

static size_t slot_of(struct slice key)
{
	return bytes_hash(key) % ROW_CACHE_SLOTS;
}

/* No slot ever has it. */
#define VERSION_NONE UINT64_MAX

/* Appends the row if it is kept; else gives the version that keep() wants to see again. What is
 * read while a commit is under way may be the row before it or behind it: that is not kept. */
static bool find(struct row_cache *cache, size_t at, struct slice key, struct buf *ret_value,
	uint64_t *ret_version)
{
	struct row_cache_slot *slot = lock(cache, at);
	const struct row_cache_row *row = slot->row;
	bool found = row && slice_eq(slice(row->bytes, row->key_len), key);
	if (found)
		buf_add(ret_value, row->bytes + row->key_len, row->value_len);
	*ret_version = slot->changing ? VERSION_NONE : slot->version;
	unlock(cache, at);
	return found;
}

/* NULL when it is too large to be kept. */
static struct row_cache_row *make_row(struct slice key, struct slice value)
{
	if (value.len > ROW_CACHE_VALUE_MAX)
		return NULL;
	struct row_cache_row *row = alloc_zero(1, sizeof(*row) + key.len + value.len);
	row->key_len = (uint32_t)key.len;
	row->value_len = (uint32_t)value.len;
	memcpy(row->bytes, key.ptr, key.len);
	if (value.len > 0)
		memcpy(row->bytes + key.len, value.ptr, value.len);
	return row;
}

static void keep(
	struct row_cache *cache, size_t at, struct slice key, struct slice value, uint64_t version)
{
	struct row_cache_row *row = make_row(key, value);
	if (!row)
		return;
	struct row_cache_slot *slot = lock(cache, at);
	struct row_cache_row *unused = row;
	if (slot->version == version && slot->changing == 0) {
		unused = slot->row;
		slot->row = row;
	}
	unlock(cache, at);
	free(unused);
}

int row_cache_get(struct row_cache *cache, const struct store_driver *driver, struct store_db *db,
	struct store_txn *txn, struct slice key, struct buf *ret_value, struct err *err)
{
	if (!cache || !is_kept(key))
		return driver->get(db, txn, key, ret_value, err);
	uint64_t version;
	size_t at = slot_of(key), before = ret_value->len;
	if (find(cache, at, key, ret_value, &version))
		return 0;
	int r = driver->get(db, txn, key, ret_value, err);
	if (r == 0 && !ret_value->failed)
		keep(cache, at, key, slice_from(buf_slice(ret_value), before), version);
	return r;
}

/* A row that a commit changes. */
struct change {
	struct change *next;
	struct slice key, value; /* of the batch */
	bool gone;
	size_t slot;
	uint64_t version;
};

static uint64_t begin_change(struct row_cache *cache, size_t at)
{
	struct row_cache_slot *slot = lock(cache, at);
	struct row_cache_row *row = slot->row;
	slot->row = NULL;
	slot->changing++;
	uint64_t version = ++slot->version;
	unlock(cache, at);
	free(row);
	return version;
}

static struct change *begin_changes(
	struct row_cache *cache, const struct store_batch *batch, struct arena *arena)
{
	struct change *all = NULL;
	struct slice rest = buf_slice(&batch->bytes), key, value;
	enum store_op op;
	bool bad;
	while (store_batch_next(&rest, &op, &key, &value, &bad)) {
		if (!is_kept(key))
			continue;
		struct change *change = ARENA_NEW(arena, struct change);
		size_t slot = slot_of(key);
		*change = (struct change){.next = all,
			.key = key,
			.value = value,
			.gone = op == STORE_DELETE,
			.slot = slot,
			.version = begin_change(cache, slot)};
		all = change;
	}
	return all;
}

/* When `committed` the new row is kept, unless somebody else began to change it. */
static void end_change(struct row_cache *cache, const struct change *change, bool committed)
{
	struct row_cache_row *row =
		committed && !change->gone ? make_row(change->key, change->value) : NULL;
	struct row_cache_slot *slot = lock(cache, change->slot);
	slot->changing--;
	if (slot->version == change->version) {
		slot->row = row;
		row = NULL;
	}
	unlock(cache, change->slot);
	free(row);
}

int row_cache_commit(struct row_cache *cache, const struct store_driver *driver,
	struct store_txn *txn, const struct store_batch *batch, const struct store_new_blob *blobs,
	size_t blob_count, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct change *changes = cache ? begin_changes(cache, batch, &arena) : NULL;
	int r = driver->commit(txn, batch, blobs, blob_count, err);
	for (; changes; changes = changes->next)
		end_change(cache, changes, r == 0);
	return r;
}
