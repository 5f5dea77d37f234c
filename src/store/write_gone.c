/* Deleting whole collections and accounts inside a write: their own rows at once, the rows below
 * them as far as one piece goes for the whole write, the rest by the sweep. And what deletions of
 * objects have left behind. */
#include "store/digest.h"
#include "store/sweep.h"
#include "store/write.h"

static void leave_to_sweep(struct store_write *w, const struct sweep *sweep)
{
	struct key key;
	sweep_key(sweep, &key);
	store_batch_put(&w->batch, key_slice(&key), SLICE_NONE);
}

int store_write_collection_gone(
	struct store_write *w, struct store_collection *collection, struct err *err)
{
	struct write_collection *c;
	struct sweep sweep = {.account = ID_NONE};
	int r = write_change_collection(w, collection, &c, err);
	if (r < 0)
		return r;
	struct write_account *a = c->account;
	sweep.account = a->row.id;
	sweep.collection = c->row.id;
	r = sweep_piece(&sweep, w->store, w->txn, &w->batch, &w->sweep_room, err);
	if (r < 0)
		return r;
	if (!sweep.done)
		leave_to_sweep(w, &sweep);
	c->gone = true;
	a->collections--;
	a->row.count -= c->row.counted;
	a->row.bytes -= c->row.counted_bytes;
	return 0;
}

static bool delete_row(void *context, struct slice key, struct slice value)
{
	store_batch_delete(context, key);
	return true;
}

/* At most STORE_COLLECTIONS_MAX rows each: one batch holds them. */
static int delete_account_range(
	struct store_write *w, struct id account, enum key_tag tag, struct err *err)
{
	struct key from, to;
	key_of_account(&from, tag, account);
	to = from;
	key_to_end(&to);
	return w->store->driver->scan(w->store->db, w->txn, key_slice(&from), key_slice(&to), false,
		delete_row, &w->batch, err);
}

int store_write_account_gone(struct store_write *w, struct id account, struct err *err)
{
	struct write_account *a;
	struct sweep sweep = {.account = account};
	int r = write_load_account(w, account, &a, err);
	if (r == 0)
		r = write_change_account(w, a, err);
	if (r == 0)
		r = delete_account_range(w, account, KEY_COLLECTION, err);
	if (r == 0)
		r = delete_account_range(w, account, KEY_COLLECTION_NAME, err);
	if (r == 0)
		r = sweep_piece(&sweep, w->store, w->txn, &w->batch, &w->sweep_room, err);
	if (r < 0)
		return r;
	for (struct write_collection *c = w->collections; c; c = c->next)
		if (c->account == a)
			c->gone = true;
	if (!sweep.done)
		leave_to_sweep(w, &sweep);
	a->emptied = sweep.done;
	a->row.gone = true;
	a->row.count = a->row.bytes = a->collections = a->row.digest = 0;
	return 0;
}

struct forgetting {
	struct store_write *write;
	struct write_collection *c;
	size_t count, max;
};

static bool forget(void *context, struct slice key, struct slice value)
{
	struct forgetting *f = context;
	if (value.len == 0) /* of an object that lives */
		return true;
	store_batch_delete(&f->write->batch, key);
	f->c->row.digest -= digest_row(key, value);
	return ++f->count < f->max;
}

int store_write_forget_gone(struct store_write *w, struct store_collection *collection,
	uint64_t until, size_t max, size_t *ret_count, struct err *err)
{
	struct forgetting f = {.write = w, .max = max};
	struct key from, to;
	int r = write_change_collection(w, collection, &f.c, err);
	if (r < 0)
		return r;
	key_of_change(&from, f.c->account->row.id, f.c->row.id, 0, 0);
	key_of_change(&to, f.c->account->row.id, f.c->row.id, until, UINT32_MAX);
	key_to_end(&to);
	r = w->store->driver->scan(
		w->store->db, w->txn, key_slice(&from), key_slice(&to), false, forget, &f, err);
	*ret_count = f.count;
	return r;
}
