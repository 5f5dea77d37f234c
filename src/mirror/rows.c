/* Rows by key. An account's lie in nine ranges, one a tag. */
#include "mirror/rows.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "store/key.h"
#include "store/row.h"

/* In byte order; KEY_REF follows from KEY_OBJECT, and notes are a node's own. */
const enum key_tag mirror_row_tags[MIRROR_ROW_TAGS] = {KEY_ACCOUNT, KEY_CHANGE, KEY_GONE, KEY_FACET,
	KEY_SWEEP, KEY_COLLECTION, KEY_COLLECTION_NAME, KEY_OBJECT_NAME, KEY_OBJECT};

static bool is_reference(struct slice key)
{
	return key.ptr[0] == KEY_REF && key.len == KEY_REF_LEN;
}

void mirror_rows_add(struct mirror_rows *rows, struct slice key, struct slice value)
{
	if (rows->count == rows->cap) {
		rows->cap = rows->cap ? rows->cap * 2 : 64;
		rows->list = alloc_resize(rows->list, rows->cap, sizeof(*rows->list));
	}
	rows->list[rows->count++] =
		(struct mirror_row){arena_copy(&rows->arena, key), arena_copy(&rows->arena, value)};
}

static bool add_row(void *context, struct slice key, struct slice value)
{
	mirror_rows_add(context, key, value);
	return true;
}

static int by_key(const void *a, const void *b)
{
	return slice_cmp(((const struct mirror_row *)a)->key, ((const struct mirror_row *)b)->key);
}

void mirror_rows_sort(struct mirror_rows *rows)
{
	if (rows->count > 1)
		qsort(rows->list, rows->count, sizeof(*rows->list), by_key);
}

bool mirror_rows_add_references(struct mirror_rows *rows)
{
	size_t count = rows->count;
	for (size_t i = 0; i < count; i++) {
		struct slice key = rows->list[i].key;
		struct store_object object;
		struct key ref;
		if (key.ptr[0] != KEY_OBJECT)
			continue;
		if (key.len != KEY_OBJECT_LEN || !row_get_object(rows->list[i].value, &object))
			return false;
		if (id_is_none(object.blob))
			continue;
		key_of_ref(
			&ref, object.blob, key_account(key), key_collection(key), key_number(key));
		mirror_rows_add(rows, key_slice(&ref), SLICE_NONE);
	}
	return true;
}

static int load_range(const struct store_driver *driver, struct store_db *db, struct store_txn *txn,
	enum key_tag tag, struct id account, struct mirror_rows *to, struct err *err)
{
	struct key from, end;
	key_of_account(&from, tag, account);
	end = from;
	key_to_end(&end);
	return driver->scan(db, txn, key_slice(&from), key_slice(&end), false, add_row, to, err);
}

int mirror_rows_load(const struct store_driver *driver, struct store_db *db, struct store_txn *txn,
	struct id account, struct mirror_rows *to, struct err *err)
{
	for (size_t i = 0; i < MIRROR_ROW_TAGS; i++) {
		int r = load_range(driver, db, txn, mirror_row_tags[i], account, to, err);
		if (r < 0)
			return r;
	}
	if (!mirror_rows_add_references(to))
		return err_temporary(err, ERR_DAMAGED, "damaged: an object's row");
	mirror_rows_sort(to);
	return 0;
}

int mirror_rows_load_notes(const struct store_driver *driver, struct store_db *db,
	struct store_txn *txn, struct id account, struct mirror_rows *to, struct err *err)
{
	int r = load_range(driver, db, txn, KEY_BASE, account, to, err);
	return r < 0 ? r : load_range(driver, db, txn, KEY_OFFER, account, to, err);
}

/* References are not sent: they follow from the objects. */
void mirror_rows_add_bytes(const struct mirror_rows *rows, struct buf *to)
{
	for (size_t i = 0; i < rows->count; i++) {
		if (is_reference(rows->list[i].key))
			continue;
		buf_add_byte(to, STORE_PUT);
		bytes_add_counted(to, rows->list[i].key);
		bytes_add_counted(to, rows->list[i].value);
	}
}

bool mirror_is_note(struct slice key)
{
	return key.len >= KEY_ACCOUNT_LEN && (key.ptr[0] == KEY_BASE || key.ptr[0] == KEY_OFFER);
}

/* Whether an account's row may have this key; a note is told apart by the caller. */
static bool is_of(struct slice key, struct id account)
{
	if (key.len < KEY_ACCOUNT_LEN || !id_eq(key_account(key), account))
		return false;
	for (size_t i = 0; i < MIRROR_ROW_TAGS; i++)
		if (key.ptr[0] == (char)mirror_row_tags[i])
			return true;
	return mirror_is_note(key);
}

bool mirror_rows_read(
	struct slice bytes, struct id account, struct mirror_rows *to, struct mirror_rows *notes)
{
	struct slice key, value;
	enum store_op op;
	bool bad = false;
	while (store_batch_next(&bytes, &op, &key, &value, &bad)) {
		if (op != STORE_PUT || !is_of(key, account))
			return false;
		mirror_rows_add(mirror_is_note(key) ? notes : to, key, value);
	}
	if (bad || !mirror_rows_add_references(to))
		return false;
	mirror_rows_sort(to);
	mirror_rows_sort(notes);
	return true;
}

void mirror_rows_free(struct mirror_rows *rows)
{
	free(rows->list);
	arena_free(&rows->arena);
	*rows = MIRROR_ROWS_NONE;
}

const struct mirror_row *mirror_rows_find(const struct mirror_rows *rows, struct slice key)
{
	size_t low = 0, high = rows->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = slice_cmp(rows->list[middle].key, key);
		if (order == 0)
			return &rows->list[middle];
		*(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
	}
	return NULL;
}

static void drop(const struct mirror_row *row, struct store_batch *to)
{
	store_batch_delete(to, row->key);
	if (is_reference(row->key))
		store_batch_release(to, key_id_at(row->key, 1));
}

void mirror_rows_diff(const struct mirror_rows *have, const struct mirror_rows *want,
	struct store_batch *to, void (*needs)(void *context, struct id blob), void *context)
{
	size_t h = 0, w = 0;
	while (h < have->count || w < want->count) {
		int order = h == have->count   ? 1
			    : w == want->count ? -1
					       : slice_cmp(have->list[h].key, want->list[w].key);
		if (order < 0) {
			drop(&have->list[h++], to);
			continue;
		}
		const struct mirror_row *row = &want->list[w++];
		bool same = order == 0 && slice_eq(have->list[h].value, row->value);
		h += order == 0;
		if (same)
			continue;
		store_batch_put(to, row->key, row->value);
		if (is_reference(row->key))
			needs(context, key_id_at(row->key, 1));
	}
}
