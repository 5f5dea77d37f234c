/* Reading one thing: rows by key, and by name through a name's row. Reads take no lock, so between
 * a name's row and the row it points at a writer may rename: then the look-up starts again. */
#include "store/internal.h"

#include "base/bytes.h"

/* A name that changes hands this often during one look-up is called absent. */
enum { FIND_TRIES = 16 };

static void scope_to_text(
	struct slice key, size_t at, char ret_text[KEY_TEXT_SIZE], const char *what)
{
	char account[ID_TEXT_SIZE + 1], collection[ID_TEXT_SIZE + 1] = "";
	id_to_text(key_id_at(key, at), account);
	if (key.len >= at + 2 * ID_SIZE)
		id_to_text(key_id_at(key, at + ID_SIZE), collection);
	(void)snprintf(ret_text, KEY_TEXT_SIZE, "%s%s%s in account %s", what,
		*collection ? " of collection " : "", collection, account);
}

void key_to_text(struct slice key, char ret_text[KEY_TEXT_SIZE])
{
	char what[80], id[ID_TEXT_SIZE + 1];
	char tag = key.len ? key.ptr[0] : 0;
	if (key.len < KEY_ACCOUNT_LEN) {
		(void)snprintf(ret_text, KEY_TEXT_SIZE, "%s",
			tag == KEY_FORMAT ? "format of the store" : "a key of no known form");
		return;
	}
	id_to_text(key_id_at(key, 1), id);
	if (tag == KEY_ACCOUNT) {
		(void)snprintf(ret_text, KEY_TEXT_SIZE, "account %s", id);
	} else if (tag == KEY_REF && key.len == KEY_REF_LEN) {
		(void)snprintf(what, sizeof(what), "reference to blob %s from object %u", id,
			key_number(key));
		scope_to_text(key, KEY_ACCOUNT_LEN, ret_text, what);
	} else if ((tag == KEY_OBJECT || tag == KEY_FACET) && key.len == KEY_OBJECT_LEN) {
		(void)snprintf(what, sizeof(what), "%sobject %u",
			tag == KEY_FACET ? "facet of " : "", key_number(key));
		scope_to_text(key, 1, ret_text, what);
	} else if (tag == KEY_CHANGE && key.len == KEY_CHANGE_LEN) {
		(void)snprintf(what, sizeof(what), "change %llu of object %u",
			(unsigned long long)key_change(key), key_number(key));
		scope_to_text(key, 1, ret_text, what);
	} else {
		const char *kind = tag == KEY_COLLECTION        ? "row"
				   : tag == KEY_COLLECTION_NAME ? "name of a collection"
				   : tag == KEY_OBJECT_NAME     ? "name of an object"
				   : tag == KEY_GONE            ? "tombstone of a collection"
				   : tag == KEY_SWEEP           ? "work left by a deletion"
								: "a key of no known form";
		struct slice scope = key;
		if (tag == KEY_COLLECTION_NAME || tag == KEY_GONE)
			scope.len = KEY_ACCOUNT_LEN;
		scope_to_text(scope, 1, ret_text, kind);
	}
}

int read_damaged(struct slice key, struct err *err)
{
	char text[KEY_TEXT_SIZE];
	key_to_text(key, text);
	return err_temporary(err, ERR_DAMAGED, "damaged: %s", text);
}

static int get(struct store *store, struct store_txn *txn, const struct key *key, struct buf *row,
	struct err *err)
{
	int r = row_cache_get(store->rows, store->driver, store->db, txn, key_slice(key), row, err);
	if (r == 0 && row->failed)
		return err_temporary(err, ERR_OTHER, "no memory for a row");
	return r;
}

int read_account(struct store *store, struct store_txn *txn, struct id account,
	struct store_account *ret_account, uint64_t *ret_collections, struct err *err)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct key key;
	key_of_account(&key, KEY_ACCOUNT, account);
	int r = get(store, txn, &key, &row, err);
	*ret_account = (struct store_account){.id = account};
	*ret_collections = 0;
	if (r != 0)
		return r;
	if (!row_get_account(buf_slice(&row), ret_account, ret_collections))
		return read_damaged(key_slice(&key), err);
	return 0;
}

int read_collection(struct store *store, struct store_txn *txn, struct id account,
	struct id collection, struct buf *row, struct store_collection *ret_collection,
	struct err *err)
{
	struct key key;
	size_t before = row->len;
	key_of_collection(&key, KEY_COLLECTION, account, collection);
	int r = get(store, txn, &key, row, err);
	if (r != 0)
		return r;
	if (!row_get_collection(slice_from(buf_slice(row), before), ret_collection))
		return read_damaged(key_slice(&key), err);
	ret_collection->id = collection;
	return 0;
}

int read_object(struct store *store, struct store_txn *txn, struct id account, struct id collection,
	uint32_t number, struct buf *row, struct store_object *ret_object, struct err *err)
{
	struct key key;
	size_t before = row->len;
	key_of_object(&key, KEY_OBJECT, account, collection, number);
	int r = get(store, txn, &key, row, err);
	if (r != 0)
		return r;
	if (!row_get_object(slice_from(buf_slice(row), before), ret_object))
		return read_damaged(key_slice(&key), err);
	ret_object->number = number;
	return 0;
}

int read_collection_name(struct store *store, struct store_txn *txn, struct id account,
	enum store_kind kind, struct slice name, struct id *ret_collection, struct err *err)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct key key;
	key_of_collection_name(&key, account, kind, name);
	int r = get(store, txn, &key, &row, err);
	if (r != 0)
		return r;
	if (row.len != ID_SIZE)
		return read_damaged(key_slice(&key), err);
	memcpy(ret_collection->bytes, row.data, ID_SIZE);
	return 0;
}

int read_object_name(struct store *store, struct store_txn *txn, struct id account,
	struct id collection, struct slice name, uint32_t *ret_number, struct err *err)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct key key;
	key_of_object_name(&key, account, collection, name);
	int r = get(store, txn, &key, &row, err);
	if (r != 0)
		return r;
	if (row.len != sizeof(*ret_number))
		return read_damaged(key_slice(&key), err);
	*ret_number = bytes_get_be32(row.data);
	return 0;
}

int store_get_account(
	struct store *store, struct id account, struct store_account *ret_account, struct err *err)
{
	uint64_t collections;
	int r = read_account(store, NULL, account, ret_account, &collections, err);
	return r == STORE_ABSENT && id_eq(account, STORE_SYSTEM_ACCOUNT) ? 0 : r;
}

int store_get_collection(struct store *store, struct id account, struct id collection,
	struct arena *arena, struct store_collection *ret_collection, struct err *err)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	int r = read_collection(store, NULL, account, collection, &row, ret_collection, err);
	if (r != 0)
		return r;
	ret_collection->name = arena_copy(arena, ret_collection->name);
	ret_collection->data = arena_copy(arena, ret_collection->data);
	return 0;
}

int store_find_collection(struct store *store, struct id account, enum store_kind kind,
	struct slice name, struct arena *arena, struct store_collection *ret_collection,
	struct err *err)
{
	for (int i = 0; i < FIND_TRIES; i++) {
		struct id id;
		int r = read_collection_name(store, NULL, account, kind, name, &id, err);
		if (r != 0)
			return r;
		r = store_get_collection(store, account, id, arena, ret_collection, err);
		if (r < 0 || (r == 0 && slice_eq(ret_collection->name, name)))
			return r;
	}
	return STORE_ABSENT;
}

static int copy_object(struct arena *arena, struct store_object *object)
{
	object->name = arena_copy(arena, object->name);
	object->data = arena_copy(arena, object->data);
	return 0;
}

int store_get_object(struct store *store, struct id account, struct id collection, uint32_t number,
	struct arena *arena, struct store_object *ret_object, struct err *err)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	/* Of a large deleted collection objects may still lie there, until they are swept. */
	struct store_collection owner;
	int r = read_collection(store, NULL, account, collection, &row, &owner, err);
	if (r != 0)
		return r;
	buf_clear(&row);
	r = read_object(store, NULL, account, collection, number, &row, ret_object, err);
	return r != 0 ? r : copy_object(arena, ret_object);
}

int store_find_object(struct store *store, struct id account, struct id collection,
	struct slice name, struct arena *arena, struct store_object *ret_object, struct err *err)
{
	for (int i = 0; i < FIND_TRIES; i++) {
		uint32_t number;
		int r = read_object_name(store, NULL, account, collection, name, &number, err);
		if (r != 0)
			return r;
		r = store_get_object(store, account, collection, number, arena, ret_object, err);
		if (r < 0 || (r == 0 && slice_eq(ret_object->name, name)))
			return r;
	}
	return STORE_ABSENT;
}

int store_get_facet(struct store *store, struct id account, struct id collection, uint32_t number,
	struct buf *to, struct err *err)
{
	struct key key;
	key_of_object(&key, KEY_FACET, account, collection, number);
	return store->driver->get(store->db, NULL, key_slice(&key), to, err);
}
