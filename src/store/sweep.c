/* Pieces go through the ranges below one after the other and remember where they are, so that the
 * rows that are deleted already are not passed again. */
#include "store/sweep.h"

#include "base/must.h"

static const struct {
	enum key_tag tag;
	bool of_collections; /* has rows of single collections, not only of accounts */
} RANGES[] = {
	{KEY_OBJECT, true},
	{KEY_CHANGE, true},
	{KEY_FACET, true},
	{KEY_OBJECT_NAME, true},
	{KEY_SWEEP, false}, /* an account's covers its collections' */
	{KEY_GONE, false},
};

struct piece {
	struct sweep *sweep;
	struct store_batch *batch;
	unsigned *room;
};

static void drop_ref(struct piece *piece, struct slice key, struct slice value)
{
	struct store_object object;
	struct key ref;
	/* One that does not parse leaves its reference behind, for store_check to name. */
	if (key.len != KEY_OBJECT_LEN || !row_get_object(value, &object) || id_is_none(object.blob))
		return;
	key_of_ref(&ref, object.blob, key_account(key), key_collection(key), key_number(key));
	store_batch_delete(piece->batch, key_slice(&ref));
	store_batch_release(piece->batch, object.blob);
}

static bool visit(void *context, struct slice key, struct slice value)
{
	struct piece *piece = context;
	if (*piece->room == 0) {
		piece->sweep->next.len = MIN(key.len, sizeof(piece->sweep->next.bytes));
		memcpy(piece->sweep->next.bytes, key.ptr, piece->sweep->next.len);
		return false;
	}
	--*piece->room;
	if (key.ptr[0] == KEY_OBJECT)
		drop_ref(piece, key, value);
	store_batch_delete(piece->batch, key);
	return true;
}

int sweep_piece(struct sweep *sweep, struct store *store, struct store_txn *txn,
	struct store_batch *batch, unsigned *room, struct err *err)
{
	struct piece piece = {sweep, batch, room};
	bool whole_account = id_is_none(sweep->collection);
	for (; sweep->range < ARRAY_LEN(RANGES); sweep->range++) {
		enum key_tag tag = RANGES[sweep->range].tag;
		struct key from, to;
		if (!whole_account && !RANGES[sweep->range].of_collections)
			continue;
		key_of_account(&from, tag, sweep->account);
		if (!whole_account)
			key_of_collection(&from, tag, sweep->account, sweep->collection);
		to = from;
		key_to_end(&to);
		if (sweep->next.len)
			from = sweep->next;
		sweep->next.len = 0;
		int r = store->driver->scan(store->db, txn, key_slice(&from), key_slice(&to), false,
			visit, &piece, err);
		if (r < 0)
			return r;
		if (sweep->next.len)
			return 0;
	}
	sweep->done = true;
	return 0;
}

void sweep_key(const struct sweep *sweep, struct key *ret_key)
{
	if (id_is_none(sweep->collection))
		key_of_account(ret_key, KEY_SWEEP, sweep->account);
	else
		key_of_collection(ret_key, KEY_SWEEP, sweep->account, sweep->collection);
}

/* The next thing to sweep at or after `from`. */
struct find {
	bool found, damaged;
	struct sweep sweep;
	struct key key;
};

static bool find_first(void *context, struct slice key, struct slice value)
{
	struct find *f = context;
	f->damaged = key.len != KEY_ACCOUNT_LEN && key.len != KEY_COLLECTION_LEN;
	f->found = true;
	f->key.len = MIN(key.len, sizeof(f->key.bytes));
	memcpy(f->key.bytes, key.ptr, f->key.len);
	if (f->damaged)
		return false;
	f->sweep = (struct sweep){.account = key_account(key)};
	if (key.len == KEY_COLLECTION_LEN)
		f->sweep.collection = key_collection(key);
	return false;
}

/* What the last piece takes with it: the mark, and an account's row. */
static void finish(const struct sweep *sweep, struct store_batch *batch)
{
	struct key key;
	sweep_key(sweep, &key);
	store_batch_delete(batch, key_slice(&key));
	if (!id_is_none(sweep->collection))
		return;
	key_of_account(&key, KEY_ACCOUNT, sweep->account);
	store_batch_delete(batch, key_slice(&key));
}

static int commit_piece(struct sweep *sweep, struct store *store, struct err *err)
{
	struct store_txn *txn;
	struct store_batch batch;
	unsigned room = SWEEP_PIECE;
	int r = store->driver->begin(store->db, &sweep->account, 1, &txn, err);
	if (r < 0)
		return r;
	store_batch_init(&batch);
	r = sweep_piece(sweep, store, txn, &batch, &room, err);
	if (r == 0 && sweep->done)
		finish(sweep, &batch);
	if (r == 0 && (batch.bytes.failed || batch.released.failed))
		r = err_temporary(err, ERR_OTHER, "no memory for a piece of a deletion");
	if (r == 0)
		r = row_cache_commit(store->rows, store->driver, txn, &batch, NULL, 0, err);
	else
		store->driver->abort(txn);
	store_batch_free(&batch);
	return r;
}

int store_sweep(struct store *store, store_progress *progress, void *context, struct err *err)
{
	struct key from, to;
	uint64_t pieces = 0;
	key_of_tag(&from, KEY_SWEEP);
	to = from;
	key_to_end(&to);
	for (;;) {
		struct find find = {0};
		int r = store->driver->scan(store->db, NULL, key_slice(&from), key_slice(&to),
			false, find_first, &find, err);
		if (r < 0 || !find.found)
			return r;
		if (find.damaged)
			return read_damaged(key_slice(&find.key), err);
		while (!find.sweep.done) {
			r = commit_piece(&find.sweep, store, err);
			if (r < 0)
				return r;
			if (progress &&
				!progress(context, "sweeping what was deleted", ++pieces, 0))
				return STORE_STOPPED;
		}
		from = find.key;
	}
}
