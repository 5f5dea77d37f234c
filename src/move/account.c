/* Rows by mirror/rows.h. Changes are committed in pieces: nobody sees the account meanwhile. */
#include "move/account.h"

#include "move/wire.h"

#include "base/alloc.h"
#include "mirror/frame.h"
#include "store/digest.h"

enum { PIECE_BYTES = 256 * 1024, PIECE_ROWS = 2000 };

int move_account_rows(struct store *store, struct store_txn *txn, struct id account,
	struct mirror_rows *to, struct err *err)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(store, &db);
	return mirror_rows_load(driver, db, txn, account, to, err);
}

uint64_t move_account_digest(const struct mirror_rows *rows)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < rows->count; i++)
		if (rows->list[i].key.ptr[0] != KEY_FACET)
			sum += digest_row(rows->list[i].key, rows->list[i].value);
	return sum;
}

static int add_if_absent(const struct store_driver *driver, struct store_db *db, struct slice ref,
	struct buf *to, struct err *err)
{
	struct id blob = key_id_at(ref, 1);
	uint64_t len;
	int r = driver->blob_len(db, blob, &len, err);
	if (r == STORE_ABSENT)
		buf_add_slice(to, id_slice(&blob));
	return r < 0 ? r : 0;
}

int move_account_absent(
	struct store *store, const struct mirror_rows *rows, struct buf *to, struct err *err)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(store, &db);
	int r = 0;
	for (size_t i = 0; r == 0 && i < rows->count; i++)
		if (rows->list[i].key.ptr[0] == KEY_REF)
			r = add_if_absent(driver, db, rows->list[i].key, to, err);
	return r;
}

/* A row of the account, and no note of a mirror's node. */
static bool is_of(struct slice key, struct id account)
{
	struct id whose;
	return mirror_account_of(key, &whose) && id_eq(whose, account) && !mirror_is_note(key);
}

static bool read_batch(const struct move_change *change, struct store_batch *to)
{
	struct slice rest = change->batch, key, value;
	enum store_op op;
	bool bad = false;
	while (store_batch_next(&rest, &op, &key, &value, &bad)) {
		if (!is_of(key, change->account))
			return false;
		if (op == STORE_PUT) {
			store_batch_put(to, key, value);
			continue;
		}
		store_batch_delete(to, key);
		if (key.ptr[0] == KEY_REF)
			store_batch_release(to, key_id_at(key, 1));
	}
	return !bad && !to->bytes.failed && !to->released.failed;
}

/* Of bodies that were here before the commit, none can go any more. */
static int look_for_bodies(
	struct store *store, const struct store_batch *batch, struct buf *to, struct err *err)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(store, &db);
	struct slice rest = buf_slice(&batch->bytes), key, value;
	enum store_op op;
	bool bad = false;
	int r = 0;
	while (r == 0 && store_batch_next(&rest, &op, &key, &value, &bad))
		if (op == STORE_PUT && key.ptr[0] == KEY_REF)
			r = add_if_absent(driver, db, key, to, err);
	return r;
}

int move_account_apply(
	struct store *store, const struct move_change *change, struct buf *to, struct err *err)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(store, &db);
	struct store_batch batch;
	store_batch_init(&batch);
	const struct store_apply apply = {
		.accounts = &change->account,
		.account_count = 1,
		.batch = &batch,
		.may = change->may,
		.context = change->context,
	};
	int r = read_batch(change, &batch)
			? 0
			: err_permanent(err, ERR_BAD_INPUT, "these are no rows of the account");
	if (r == 0 && batch.bytes.len > 0)
		r = store_apply(store, driver, db, &apply, err);
	if (r == 0)
		r = look_for_bodies(store, &batch, to, err);
	store_batch_free(&batch);
	return r;
}

int move_account_add_bodies(struct store *store, const struct move_change *bodies, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(store, &db);
	struct store_new_blob one, *all = NULL;
	struct slice rest = bodies->batch;
	size_t count = 0, room = 0;
	struct store_batch none;
	int more;
	while ((more = move_body_next(&rest, &one.id, &one.bytes)) == 1) {
		all = arena_grow(&arena, all, count, &room, sizeof(one));
		all[count++] = one;
	}
	if (more < 0)
		return err_permanent(err, ERR_BAD_INPUT, "these are no bodies");
	if (count == 0)
		return 0;
	store_batch_init(&none);
	const struct store_apply apply = {
		.accounts = &bodies->account,
		.account_count = 1,
		.batch = &none,
		.blobs = all,
		.blob_count = count,
		.may = bodies->may,
		.context = bodies->context,
	};
	int r = store_apply(store, driver, db, &apply, err);
	store_batch_free(&none);
	return r;
}

struct slice move_account_cut(struct slice *rest)
{
	struct slice before = *rest, key, value;
	enum store_op op;
	bool bad = false;
	for (size_t rows = 0; rows < PIECE_ROWS && before.len - rest->len < PIECE_BYTES; rows++)
		if (!store_batch_next(rest, &op, &key, &value, &bad))
			break;
	return slice(before.ptr, before.len - rest->len);
}

static void no_body(void *context, struct id blob)
{
}

int move_account_clear(struct store *store, struct id account, struct err *err)
{
	AUTO(buf_free) struct buf absent = BUF(1);
	struct mirror_rows rows = MIRROR_ROWS_NONE, none = MIRROR_ROWS_NONE;
	struct store_batch batch;
	store_batch_init(&batch);
	int r = move_account_rows(store, NULL, account, &rows, err);
	if (r == 0)
		mirror_rows_diff(&rows, &none, &batch, no_body, NULL);
	struct slice rest = buf_slice(&batch.bytes);
	while (r == 0 && rest.len > 0) {
		const struct move_change change = {
			.account = account, .batch = move_account_cut(&rest)};
		r = move_account_apply(store, &change, &absent, err);
	}
	store_batch_free(&batch);
	mirror_rows_free(&rows);
	return r;
}
