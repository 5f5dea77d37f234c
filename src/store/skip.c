/* Numbers that are never given out, because another store may have given them out already. */
#include "store/digest.h"
#include "store/internal.h"

struct skip {
	const struct store_skip *asked;
	struct store_batch batch, notes;
	struct store_account account;
	uint64_t collections;
	bool damaged;
	struct buf row;
};

static bool skip_collection(void *context, struct slice key, struct slice value)
{
	struct skip *s = context;
	struct store_collection c;
	if (key.len != KEY_COLLECTION_LEN || !row_get_collection(value, &c)) {
		s->damaged = true;
		return false;
	}
	c.next_number =
		(uint32_t)MIN((uint64_t)c.next_number + s->asked->numbers, (uint64_t)UINT32_MAX);
	buf_clear(&s->row);
	row_add_collection(&s->row, &c);
	s->account.digest -= digest_row(key, value);
	s->account.digest += digest_row(key, buf_slice(&s->row));
	store_batch_put(&s->batch, key, buf_slice(&s->row));
	return true;
}

static int make_batch(struct store *store, const struct store_driver *driver, struct store_db *db,
	struct store_txn *txn, struct skip *s, struct err *err)
{
	struct key from, to;
	key_of_account(&from, KEY_COLLECTION, s->account.id);
	to = from;
	key_to_end(&to);
	int r = driver->scan(
		db, txn, key_slice(&from), key_slice(&to), false, skip_collection, s, err);
	if (r < 0)
		return r;
	if (s->damaged)
		return read_damaged(key_slice(&from), err);
	s->account.change = MIN(s->account.change + s->asked->changes, ROW_CHANGE_MAX);
	buf_clear(&s->row);
	row_add_account(&s->row, &s->account, s->collections);
	key_of_account(&from, KEY_ACCOUNT, s->account.id);
	store_batch_put(&s->batch, key_slice(&from), buf_slice(&s->row));
	r = s->asked->note(s->asked->context, txn, &s->batch, &s->notes, err);
	if (r < 0)
		return r;
	buf_add_slice(&s->batch.bytes, buf_slice(&s->notes.bytes));
	return s->batch.bytes.failed || s->notes.bytes.failed || s->row.failed
		       ? err_temporary(err, ERR_OTHER, "no memory for rows")
		       : 0;
}

static int skip(struct store *store, const struct store_driver *driver, struct store_db *db,
	struct skip *s, struct err *err)
{
	struct store_txn *txn;
	struct key key;
	int r = driver->begin(db, &s->account.id, 1, &txn, err);
	if (r < 0)
		return r;
	key_of_account(&key, KEY_ACCOUNT, s->account.id);
	r = driver->get(db, txn, key_slice(&key), &s->row, err);
	if (r == 0 && !row_get_account(buf_slice(&s->row), &s->account, &s->collections))
		r = read_damaged(key_slice(&key), err);
	if (r == 0 && !s->account.gone)
		r = make_batch(store, driver, db, txn, s, err);
	if (r == 0 && s->batch.bytes.len > 0)
		return row_cache_commit(store->rows, driver, txn, &s->batch, NULL, 0, err);
	driver->abort(txn);
	return r < 0 ? r : 0; /* an account that is not there has no numbers */
}

int store_skip(struct store *store, const struct store_driver *driver, struct store_db *db,
	const struct store_skip *asked, struct err *err)
{
	struct skip s = {.asked = asked, .account = {.id = asked->account}, .row = BUF(ROW_MAX)};
	store_batch_init(&s.batch);
	store_batch_init(&s.notes);
	int r = skip(store, driver, db, &s, err);
	store_batch_free(&s.batch);
	store_batch_free(&s.notes);
	buf_free(&s.row);
	return r;
}
