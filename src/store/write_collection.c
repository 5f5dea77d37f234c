/* Collections inside a write: loading, making, renaming, finding by name. */
#include "store/digest.h"
#include "store/write.h"

#include "base/bytes.h"
#include "base/must.h"

struct by_id {
	const struct write_account *account;
	struct id id;
};

static bool same_id(const void *item, const void *key)
{
	const struct write_collection *c = item;
	const struct by_id *k = key;
	return c->account == k->account && id_eq(c->row.id, k->id);
}

static struct write_collection *find_loaded(
	struct store_write *w, struct write_account *account, struct id id)
{
	struct by_id key = {account, id};
	return table_find(&w->collections_by_id, bytes_hash(id_slice(&id)), same_id, &key);
}

static void add(struct store_write *w, struct write_collection *c)
{
	*w->collections_end = c;
	w->collections_end = &c->next;
	w->collection_count++;
	table_add(&w->collections_by_id, bytes_hash(id_slice(&c->row.id)), c);
}

static int check_count(struct store_write *w, struct err *err)
{
	if (w->collection_count < STORE_WRITE_COLLECTIONS_MAX)
		return 0;
	return err_permanent(err, ERR_LIMIT, "too many collections in one write");
}

int write_load_collection(struct store_write *w, struct write_account *account, struct id id,
	struct write_collection **ret_collection, struct err *err)
{
	struct write_collection *c = find_loaded(w, account, id);
	if (!c) {
		AUTO(buf_free) struct buf row = BUF(ROW_MAX);
		struct store_collection found;
		struct key key;
		if (account->row.gone)
			return STORE_ABSENT;
		int r = check_count(w, err);
		if (r == 0)
			r = read_collection(
				w->store, w->txn, account->row.id, id, &row, &found, err);
		if (r != 0)
			return r;
		c = ARENA_NEW(&w->arena, struct write_collection);
		c->row = found;
		c->account = account;
		c->row.name = c->known_name = c->old_name = arena_copy(&w->arena, found.name);
		c->row.data = arena_copy(&w->arena, found.data);
		key_of_collection(&key, KEY_COLLECTION, account->row.id, id);
		c->was_digest = digest_row(key_slice(&key), buf_slice(&row));
		add(w, c);
	}
	*ret_collection = c;
	return c->gone ? STORE_ABSENT : 0;
}

int store_write_collection(struct store_write *w, struct id account, struct id collection,
	struct store_collection **ret_collection, struct err *err)
{
	struct write_account *a;
	struct write_collection *c;
	int r = write_load_account(w, account, &a, err);
	if (r == 0)
		r = write_load_collection(w, a, collection, &c, err);
	if (r == 0)
		*ret_collection = &c->row;
	return r;
}

/* A name among the collections that this write made or renamed; `other` is not looked at. */
struct by_name {
	const struct write_account *account;
	enum store_kind kind;
	struct slice name;
	const struct write_collection *other;
};

static bool same_name(const void *item, const void *key)
{
	const struct write_collection *c = item;
	const struct by_name *k = key;
	return c != k->other && c->account == k->account && c->row.kind == k->kind && !c->gone &&
	       slice_eq(c->row.name, k->name);
}

static uint64_t name_hash(const struct by_name *key)
{
	return bytes_hash(key->name) ^ (uint64_t)key->kind;
}

/* Who has the name as things will be, leaving `key->other` out of it. STORE_ABSENT. */
static int find_by_name(struct store_write *w, struct write_account *account,
	const struct by_name *key, struct write_collection **ret_collection, struct err *err)
{
	struct id id;
	*ret_collection = table_find(&w->collections_by_name, name_hash(key), same_name, key);
	if (*ret_collection)
		return 0;
	if (account->row.gone)
		return STORE_ABSENT;
	int r = read_collection_name(
		w->store, w->txn, account->row.id, key->kind, key->name, &id, err);
	if (r == 0)
		r = write_load_collection(w, account, id, ret_collection, err);
	/* The committed name may have been given up in this write. */
	if (r == 0 && !same_name(*ret_collection, key))
		return STORE_ABSENT;
	return r;
}

int store_write_find_collection(struct store_write *w, struct id account, enum store_kind kind,
	struct slice name, struct store_collection **ret_collection, struct err *err)
{
	struct write_account *a;
	struct write_collection *c;
	int r = write_load_account(w, account, &a, err);
	struct by_name key = {r == 0 ? a : NULL, kind, name, NULL};
	if (r == 0)
		r = find_by_name(w, a, &key, &c, err);
	if (r == 0)
		*ret_collection = &c->row;
	return r;
}

int write_collection_of(struct store_write *w, struct store_collection *row,
	struct write_collection **ret_collection, struct err *err)
{
	must(w->magic == WRITE_MAGIC);
	struct write_collection *c = (struct write_collection *)row;
	_Static_assert(
		offsetof(struct write_collection, row) == 0, "a row leads to its collection");
	*ret_collection = c;
	return c->gone ? err_permanent(err, ERR_ABSENT, "the collection is deleted") : 0;
}

int write_change_collection(struct store_write *w, struct store_collection *row,
	struct write_collection **ret_collection, struct err *err)
{
	struct write_collection *c;
	int r = write_collection_of(w, row, &c, err);
	if (r == 0 && !c->changed)
		r = write_change_account(w, c->account, err);
	if (r < 0)
		return r;
	c->changed = true;
	c->row.change = c->account->row.change;
	*ret_collection = c;
	return 0;
}

static int check_name(struct slice name, struct err *err)
{
	if (name.len <= STORE_NAME_MAX)
		return 0;
	return err_permanent(err, ERR_LIMIT, "a name is longer than %d bytes", STORE_NAME_MAX);
}

static int taken(struct slice name, struct err *err)
{
	return err_permanent(err, ERR_EXISTS, "the name \"%.*s\" is taken",
		(int)MIN(name.len, (size_t)100), name.ptr ? name.ptr : "");
}

void store_write_collection_changed(struct store_write *w, struct store_collection *collection)
{
	struct write_collection *c;
	struct err *err = &w->failure;
	if (w->failure.class != ERR_NONE)
		return;
	if (check_name(collection->name, err) < 0 ||
		write_change_collection(w, collection, &c, err) < 0)
		return;
	c->row.own_change = c->row.change;
	c->row.data = arena_copy(&w->arena, c->row.data);
	if (slice_eq(c->row.name, c->known_name)) {
		c->row.name = c->known_name;
		return;
	}
	c->row.name = c->known_name = arena_copy(&w->arena, c->row.name);
	struct by_name key = {c->account, c->row.kind, c->row.name, NULL};
	table_add(&w->collections_by_name, name_hash(&key), c);
}

int store_write_collection_new(struct store_write *w, struct id account, enum store_kind kind,
	struct slice name, struct slice data, struct store_collection **ret_collection,
	struct err *err)
{
	struct write_account *a;
	struct write_collection *c;
	int r = check_name(name, err);
	if (r == 0)
		r = check_count(w, err);
	if (r == 0)
		r = write_load_account(w, account, &a, err);
	if (r < 0)
		return r;
	struct by_name key = {a, kind, name, NULL};
	r = find_by_name(w, a, &key, &c, err);
	if (r != STORE_ABSENT)
		return r == 0 ? taken(name, err) : r;
	if (a->collections >= STORE_COLLECTIONS_MAX)
		return err_permanent(err, ERR_LIMIT, "the account has %d collections already",
			STORE_COLLECTIONS_MAX);
	r = write_change_account(w, a, err);
	if (r < 0)
		return r;
	a->collections++;
	c = ARENA_NEW(&w->arena, struct write_collection);
	c->account = a;
	c->is_new = c->changed = true;
	c->row = (struct store_collection){.id = id_new(),
		.kind = kind,
		.next_number = 1,
		.name = arena_copy(&w->arena, name),
		.data = arena_copy(&w->arena, data)};
	c->known_name = c->row.name;
	c->row.change = c->row.own_change = c->row.created = a->row.change;
	add(w, c);
	table_add(&w->collections_by_name, name_hash(&key), c);
	*ret_collection = &c->row;
	return 0;
}

int write_check_names(struct store_write *w, struct err *err)
{
	/* Looking one up may load a collection, at the list's end: then its name is as committed.
	 */
	for (struct write_collection *c = w->collections; c; c = c->next) {
		struct write_collection *other;
		if (c->gone || !c->changed || (!c->is_new && slice_eq(c->row.name, c->old_name)))
			continue;
		struct by_name key = {c->account, c->row.kind, c->row.name, c};
		int r = find_by_name(w, c->account, &key, &other, err);
		if (r != STORE_ABSENT)
			return r == 0 ? taken(c->row.name, err) : r;
	}
	return 0;
}
