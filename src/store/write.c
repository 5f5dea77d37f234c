/* Begin, accounts, blobs, commit. */
#include "store/write.h"

#include "store/sweep.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"

/* Room for the rows of one delivery, so that the batch does not grow step by step. */
enum { BATCH_FIRST = 2048 };

static int by_account_id(const void *a, const void *b)
{
	return id_cmp(((const struct write_account *)a)->row.id,
		((const struct write_account *)b)->row.id);
}

static bool is_any_shut(const struct store *store, const struct id *accounts, size_t count)
{
	for (size_t i = 0; store->is_shut && i < count; i++)
		if (!id_eq(accounts[i], STORE_SYSTEM_ACCOUNT) &&
			store->is_shut(store->gate, accounts[i]))
			return true;
	return false;
}

int store_write_begin(struct store *store, const struct id *accounts, size_t count,
	struct store_write **ret_write, struct err *err)
{
	struct store_txn *txn;
	int r = store->driver->begin(store->db, accounts, count, &txn, err);
	if (r < 0)
		return r;
	if (is_any_shut(store, accounts, count)) {
		store->driver->abort(txn);
		return err_temporary(err, ERR_UNAVAILABLE,
			"the account is on its way to another node, try again later");
	}
	struct store_write *w = ALLOC(struct store_write);
	w->magic = WRITE_MAGIC;
	w->store = store;
	w->txn = txn;
	w->collections_end = &w->collections;
	w->objects_end = &w->objects;
	w->sweep_room = SWEEP_PIECE;
	store_batch_init(&w->batch);
	must(buf_reserve(&w->batch.bytes, BATCH_FIRST));
	w->accounts = ARENA_ARRAY(&w->arena, struct write_account, count);
	w->account_count = count;
	for (size_t i = 0; i < count; i++)
		w->accounts[i].row.id = accounts[i];
	if (count > 1)
		qsort(w->accounts, count, sizeof(*w->accounts), by_account_id);
	*ret_write = w;
	return 0;
}

static void end(struct store_write *w)
{
	store_batch_free(&w->batch);
	table_free(&w->collections_by_id);
	table_free(&w->collections_by_name);
	table_free(&w->objects_by_number);
	table_free(&w->objects_by_name);
	table_free(&w->blobs_by_id);
	arena_free(&w->arena);
	w->magic = 0;
	free(w);
}

void store_write_abort(struct store_write *w)
{
	if (!w)
		return;
	must(w->magic == WRITE_MAGIC);
	w->store->driver->abort(w->txn);
	end(w);
}

/* The first of equal ones, so that an account named twice has one state. */
static struct write_account *find_account(struct store_write *w, struct id id)
{
	size_t low = 0, high = w->account_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (id_cmp(w->accounts[middle].row.id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < w->account_count && id_eq(w->accounts[low].row.id, id) ? &w->accounts[low]
									    : NULL;
}

int write_load_account(
	struct store_write *w, struct id id, struct write_account **ret_account, struct err *err)
{
	must(w->magic == WRITE_MAGIC);
	struct write_account *a = find_account(w, id);
	if (!a)
		return err_bug(err, "the write did not lock this account");
	if (!a->loaded) {
		int r = read_account(w->store, w->txn, id, &a->row, &a->collections, err);
		if (r < 0)
			return r;
		a->existed = r == 0;
		if (!a->existed)
			a->row.created = clock_wall();
		a->loaded = true;
	}
	*ret_account = a;
	return 0;
}

int write_change_account(struct store_write *w, struct write_account *account, struct err *err)
{
	if (account->row.gone)
		return err_permanent(err, ERR_ABSENT, "the account is deleted");
	if (account->changed)
		return 0;
	if (account->row.change >= ROW_CHANGE_MAX)
		return err_permanent(err, ERR_LIMIT, "the account has no change numbers left");
	account->row.change++;
	account->changed = true;
	return 0;
}

int store_write_account(struct store_write *w, struct id account,
	const struct store_account **ret_account, struct err *err)
{
	struct write_account *a;
	int r = write_load_account(w, account, &a, err);
	if (r == 0)
		*ret_account = &a->row;
	return r;
}

struct id store_write_blob(struct store_write *w, struct slice bytes)
{
	must(w->magic == WRITE_MAGIC);
	struct write_blob *b = ARENA_NEW(&w->arena, struct write_blob);
	b->blob = (struct store_new_blob){id_new(), bytes};
	table_add(&w->blobs_by_id, bytes_hash(id_slice(&b->blob.id)), b);
	w->blob_count++;
	return b->blob.id;
}

/* Hands the driver the blobs that an object refers to. */
static struct store_new_blob *used_blobs(struct store_write *w, size_t *ret_count)
{
	size_t n = 0;
	struct store_new_blob *blobs = ARENA_ARRAY(&w->arena, struct store_new_blob, w->blob_count);
	const struct table *t = &w->blobs_by_id;
	const struct table_slot *slots = t->cap ? t->slots : t->small;
	for (size_t i = 0; i < (t->cap ? t->cap : t->count); i++) {
		const struct write_blob *b = slots[i].item;
		if (b && b->used)
			blobs[n++] = b->blob;
	}
	*ret_count = n;
	return blobs;
}

static int prepare(struct store_write *w, struct err *err)
{
	if (w->failure.class != ERR_NONE) {
		if (err)
			*err = w->failure;
		return -1;
	}
	int r = write_check_names(w, err);
	if (r < 0)
		return r;
	write_emit(w);
	if (w->batch.bytes.failed || w->batch.released.failed)
		return err_permanent(err, ERR_LIMIT, "too much for one write");
	return 0;
}

int store_write_commit(struct store_write *w, struct err *err)
{
	must(w->magic == WRITE_MAGIC);
	struct store *store = w->store;
	size_t blob_count;
	int r = prepare(w, err);
	if (r < 0 || w->batch.bytes.len == 0) {
		store_write_abort(w);
		return r;
	}
	struct store_new_blob *blobs = used_blobs(w, &blob_count);
	r = row_cache_commit(store->rows, store->driver, w->txn, &w->batch, blobs, blob_count, err);
	/* What is uncertain may be visible. */
	bool may_be = r == 0 || r == STORE_UNCERTAIN;
	for (size_t i = 0; may_be && i < w->account_count; i++)
		if (w->accounts[i].changed)
			watch_wake(&store->watches, w->accounts[i].row.id);
	end(w);
	return r;
}
