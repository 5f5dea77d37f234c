/* Reading many: one pass over one range, rows parsed where they lie, nothing allocated a row. */
#include "store/internal.h"

#include "base/alloc.h"

/* What every scan carries to its rows. */
struct scan {
	void *context;
	bool damaged;
	struct key damaged_key;
};

static bool stop_damaged(struct scan *scan, struct slice key)
{
	scan->damaged = true;
	scan->damaged_key.len = MIN(key.len, sizeof(scan->damaged_key.bytes));
	memcpy(scan->damaged_key.bytes, key.ptr, scan->damaged_key.len);
	return false;
}

static int run(struct store *store, const struct key *from, const struct key *to,
	bool (*visit)(void *context, struct slice key, struct slice value), struct scan *scan,
	void *visit_context, struct err *err)
{
	int r = store->driver->scan(
		store->db, NULL, key_slice(from), key_slice(to), false, visit, visit_context, err);
	if (r == 0 && scan->damaged)
		return read_damaged(key_slice(&scan->damaged_key), err);
	return r;
}

/* Of a large deleted collection rows may still lie there, until they are swept. */
static int collection_lives(
	struct store *store, struct id account, struct id collection, struct err *err)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct store_collection owner;
	return read_collection(store, NULL, account, collection, &row, &owner, err);
}

struct collections_scan {
	struct scan scan;
	struct arena *arena;
	enum store_kind kind;
	uint64_t since;
	struct store_collection *array;
	size_t count, cap;
	bool (*visit)(void *context, const struct store_collection *collection, bool gone);
	bool stopped;
};

static bool list_collection(void *context, struct slice key, struct slice value)
{
	struct collections_scan *s = context;
	struct store_collection c;
	if (key.len != KEY_COLLECTION_LEN || !row_get_collection(value, &c))
		return stop_damaged(&s->scan, key);
	if (c.kind != s->kind)
		return true;
	if (s->count == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 32;
		s->array = alloc_resize(s->array, s->cap, sizeof(*s->array));
	}
	c.id = key_collection(key);
	c.name = arena_copy(s->arena, c.name);
	c.data = arena_copy(s->arena, c.data);
	s->array[s->count++] = c;
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct store_collection *x = a, *y = b;
	return slice_cmp(x->name, y->name);
}

int store_list_collections(struct store *store, struct id account, enum store_kind kind,
	struct arena *arena, struct store_collection **ret_array, size_t *ret_count,
	struct err *err)
{
	struct collections_scan s = {.arena = arena, .kind = kind};
	struct key from, to;
	key_of_account(&from, KEY_COLLECTION, account);
	to = from;
	key_to_end(&to);
	int r = run(store, &from, &to, list_collection, &s.scan, &s, err);
	if (r == 0) {
		*ret_array = ARENA_ARRAY(arena, struct store_collection, s.count);
		*ret_count = s.count;
		if (s.count) {
			qsort(s.array, s.count, sizeof(*s.array), by_name);
			memcpy(*ret_array, s.array, s.count * sizeof(*s.array));
		}
	}
	free(s.array);
	return r;
}

struct objects_scan {
	struct scan scan;
	bool (*visit)(void *context, const struct store_object *object);
};

static bool visit_object(void *context, struct slice key, struct slice value)
{
	struct objects_scan *s = context;
	struct store_object object;
	if (key.len != KEY_OBJECT_LEN || !row_get_object(value, &object))
		return stop_damaged(&s->scan, key);
	object.number = key_number(key);
	return s->visit(s->scan.context, &object);
}

static void number_range(struct id account, struct id collection, enum key_tag tag, uint32_t first,
	uint32_t last, struct key *ret_from, struct key *ret_to)
{
	key_of_object(ret_from, tag, account, collection, first);
	key_of_object(ret_to, tag, account, collection, last);
	key_to_end(ret_to);
}

int store_scan_objects(struct store *store, struct id account, struct id collection, uint32_t first,
	uint32_t last, bool (*visit)(void *context, const struct store_object *object),
	void *context, struct err *err)
{
	struct objects_scan s = {.scan.context = context, .visit = visit};
	struct key from, to;
	int r = collection_lives(store, account, collection, err);
	if (r != 0 || first > last)
		return r;
	number_range(account, collection, KEY_OBJECT, first, last, &from, &to);
	return run(store, &from, &to, visit_object, &s.scan, &s, err);
}

struct changes_scan {
	struct scan scan;
	bool (*visit)(void *context, const struct store_change *change);
};

static bool visit_change(void *context, struct slice key, struct slice value)
{
	struct changes_scan *s = context;
	struct store_change change;
	if (key.len != KEY_CHANGE_LEN || !row_get_change(value, &change.gone, &change.id))
		return stop_damaged(&s->scan, key);
	change.change = key_change(key);
	change.number = key_number(key);
	return s->visit(s->scan.context, &change);
}

int store_scan_changes(struct store *store, struct id account, struct id collection, uint64_t since,
	bool (*visit)(void *context, const struct store_change *change), void *context,
	struct err *err)
{
	struct changes_scan s = {.scan.context = context, .visit = visit};
	struct key from, to;
	int r = collection_lives(store, account, collection, err);
	if (r != 0 || since >= ROW_CHANGE_MAX)
		return r;
	key_of_change(&from, account, collection, since + 1, 0);
	key_of_collection(&to, KEY_CHANGE, account, collection);
	key_to_end(&to);
	return run(store, &from, &to, visit_change, &s.scan, &s, err);
}

struct facets_scan {
	struct scan scan;
	bool (*visit)(void *context, uint32_t number, struct slice facet);
};

static bool visit_facet(void *context, struct slice key, struct slice value)
{
	struct facets_scan *s = context;
	if (key.len != KEY_OBJECT_LEN)
		return stop_damaged(&s->scan, key);
	return s->visit(s->scan.context, key_number(key), value);
}

int store_scan_facets(struct store *store, struct id account, struct id collection, uint32_t first,
	uint32_t last, bool (*visit)(void *context, uint32_t number, struct slice facet),
	void *context, struct err *err)
{
	struct facets_scan s = {.scan.context = context, .visit = visit};
	struct key from, to;
	int r = collection_lives(store, account, collection, err);
	if (r != 0 || first > last)
		return r;
	number_range(account, collection, KEY_FACET, first, last, &from, &to);
	return run(store, &from, &to, visit_facet, &s.scan, &s, err);
}

static bool visit_gone_collection(void *context, struct slice key, struct slice value)
{
	struct collections_scan *s = context;
	struct store_collection c = {0};
	if (key.len != KEY_GONE_LEN || !row_get_gone_collection(value, &c.kind))
		return stop_damaged(&s->scan, key);
	c.id = key_id_at(key, KEY_ACCOUNT_LEN + 8);
	c.change = c.own_change = key_gone_change(key);
	s->stopped = !s->visit(s->scan.context, &c, true);
	return !s->stopped;
}

static bool visit_changed_collection(void *context, struct slice key, struct slice value)
{
	struct collections_scan *s = context;
	struct store_collection c;
	if (key.len != KEY_COLLECTION_LEN || !row_get_collection(value, &c))
		return stop_damaged(&s->scan, key);
	c.id = key_collection(key);
	return c.change <= s->since || s->visit(s->scan.context, &c, false);
}

int store_scan_account_changes(struct store *store, struct id account, uint64_t since,
	bool (*visit)(void *context, const struct store_collection *collection, bool gone),
	void *context, struct err *err)
{
	struct collections_scan s = {.scan.context = context, .since = since, .visit = visit};
	struct key from, to;
	if (since >= ROW_CHANGE_MAX)
		return 0;
	key_of_gone(&from, account, since + 1, ID_NONE);
	key_of_account(&to, KEY_GONE, account);
	key_to_end(&to);
	int r = run(store, &from, &to, visit_gone_collection, &s.scan, &s, err);
	if (r != 0 || s.stopped)
		return r;
	key_of_account(&from, KEY_COLLECTION, account);
	to = from;
	key_to_end(&to);
	return run(store, &from, &to, visit_changed_collection, &s.scan, &s, err);
}

struct accounts_scan {
	struct scan scan;
	bool (*visit)(void *context, const struct store_account *account);
};

static bool visit_account(void *context, struct slice key, struct slice value)
{
	struct accounts_scan *s = context;
	struct store_account account;
	uint64_t collections;
	if (key.len != KEY_ACCOUNT_LEN || !row_get_account(value, &account, &collections))
		return stop_damaged(&s->scan, key);
	account.id = key_account(key);
	return s->visit(s->scan.context, &account);
}

int store_list_accounts(struct store *store,
	bool (*visit)(void *context, const struct store_account *account), void *context,
	struct err *err)
{
	struct accounts_scan s = {.scan.context = context, .visit = visit};
	struct key from, to;
	key_of_tag(&from, KEY_ACCOUNT);
	to = from;
	key_to_end(&to);
	return run(store, &from, &to, visit_account, &s.scan, &s, err);
}
