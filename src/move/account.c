/* Rows by mirror/rows.h. Changes are committed in pieces: nobody sees the account meanwhile. */
#include "move/account.h"

#include "move/wire.h"

#include "base/bytes.h"
#include "mirror/frame.h"
#include "store/digest.h"
#include "store/row.h"

enum { PIECE_BYTES = 256 * 1024, PIECE_ROWS = 2000 };

void move_account_drop_references(struct mirror_rows *rows)
{
	size_t kept = 0;
	for (size_t i = 0; i < rows->count; i++)
		if (rows->list[i].key.ptr[0] != KEY_REF)
			rows->list[kept++] = rows->list[i];
	rows->count = kept;
}

int move_account_rows(struct store *store, bool locked, struct id account, struct mirror_rows *to,
	struct err *err)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(store, &db);
	struct store_txn *txn = NULL;
	int r = locked ? driver->begin(db, &account, 1, &txn, err) : 0;
	if (r < 0)
		return r;
	r = mirror_rows_load(driver, db, txn, account, to, err);
	if (txn)
		driver->abort(txn);
	move_account_drop_references(to);
	return r;
}

uint64_t move_account_digest(const struct mirror_rows *rows)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < rows->count; i++)
		if (rows->list[i].key.ptr[0] != KEY_FACET)
			sum += digest_row(rows->list[i].key, rows->list[i].value);
	return sum;
}

struct id move_account_body_of(const struct mirror_row *row)
{
	struct store_object object;
	return row->key.ptr[0] == KEY_OBJECT && row_get_object(row->value, &object) ? object.blob
										    : ID_NONE;
}

/* What keeps the body alive. */
static void reference_of(struct slice object, struct id blob, struct key *ret_ref)
{
	key_of_ref(ret_ref, blob, key_account(object), key_collection(object), key_number(object));
}

static int look_for_reference(const struct store_driver *driver, struct store_db *db,
	struct slice object, struct id blob, struct err *err)
{
	AUTO(buf_free) struct buf value = BUF(ROW_MAX);
	struct key ref;
	reference_of(object, blob, &ref);
	int r = driver->get(db, NULL, key_slice(&ref), &value, err);
	return r == STORE_ABSENT
		       ? err_temporary(err, ERR_DAMAGED, "an object does not keep its body alive")
		       : r;
}

int move_account_absent(struct store *store, const struct mirror_rows *rows, bool referred,
	struct buf *to, struct err *err)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(store, &db);
	for (size_t i = 0; i < rows->count; i++) {
		struct id blob = move_account_body_of(&rows->list[i]);
		uint64_t len;
		if (id_is_none(blob))
			continue;
		int r = driver->blob_len(db, blob, &len, err);
		if (r == STORE_ABSENT)
			buf_add_slice(to, id_slice(&blob));
		else if (r == 0 && referred)
			r = look_for_reference(driver, db, rows->list[i].key, blob, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A row of the account: no note of a mirror's node, and no reference. */
static bool is_of(struct slice key, struct id account)
{
	struct id whose;
	return mirror_account_of(key, &whose) && id_eq(whose, account) && !mirror_is_note(key) &&
	       key.ptr[0] != KEY_REF;
}

/* A change on its way into a commit. */
struct changing {
	const struct store_driver *driver;
	struct store_db *db;
	struct store_batch batch;
	struct buf bodies; /* ids that it newly refers to */
	struct err *err;
};

/* The body that the object had, which nobody else changes meanwhile. */
static int old_body(struct changing *c, struct slice key, struct id *ret_blob)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct store_object object;
	*ret_blob = ID_NONE;
	int r = c->driver->get(c->db, NULL, key, &row, c->err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (!row_get_object(buf_slice(&row), &object))
		return err_temporary(c->err, ERR_DAMAGED, "damaged: an object's row");
	*ret_blob = object.blob;
	return 0;
}

/* A value of ptr NULL: the object goes. */
static int change_object(struct changing *c, struct slice key, struct slice value)
{
	struct store_object object = {.blob = ID_NONE};
	struct id old;
	struct key ref;
	if (key.len != KEY_OBJECT_LEN || (value.ptr && !row_get_object(value, &object)))
		return err_permanent(c->err, ERR_BAD_INPUT, "this is no object");
	if (old_body(c, key, &old) < 0)
		return -1;
	if (!id_is_none(old) && !id_eq(old, object.blob)) {
		reference_of(key, old, &ref);
		store_batch_delete(&c->batch, key_slice(&ref));
		store_batch_release(&c->batch, old);
	}
	if (!id_is_none(object.blob)) {
		reference_of(key, object.blob, &ref);
		store_batch_put(&c->batch, key_slice(&ref), SLICE_NONE);
		buf_add_slice(&c->bodies, id_slice(&object.blob));
	}
	return 0;
}

static int read_batch(const struct move_change *change, struct changing *c)
{
	struct slice rest = change->batch, key, value;
	enum store_op op;
	bool bad = false;
	while (store_batch_next(&rest, &op, &key, &value, &bad)) {
		if (!is_of(key, change->account))
			return err_permanent(
				c->err, ERR_BAD_INPUT, "these are no rows of the account");
		if (op == STORE_PUT)
			store_batch_put(&c->batch, key, value);
		else
			store_batch_delete(&c->batch, key);
		if (key.ptr[0] == KEY_OBJECT &&
			change_object(c, key, op == STORE_PUT ? value : SLICE_NONE) < 0)
			return -1;
	}
	return bad || c->batch.bytes.failed || c->batch.released.failed || c->bodies.failed
		       ? err_permanent(c->err, ERR_BAD_INPUT, "these are no rows")
		       : 0;
}

/* Of bodies that were here before the commit, none can go any more. */
static int look_for_bodies(struct changing *c, struct buf *to)
{
	struct slice rest = buf_slice(&c->bodies), bytes;
	int r = 0;
	while (r >= 0 && bytes_cut(&rest, ID_SIZE, &bytes)) {
		struct id blob;
		uint64_t len;
		memcpy(blob.bytes, bytes.ptr, ID_SIZE);
		r = c->driver->blob_len(c->db, blob, &len, c->err);
		if (r == STORE_ABSENT)
			buf_add_slice(to, bytes);
	}
	return r < 0 ? r : 0;
}

int move_account_apply(
	struct store *store, const struct move_change *change, struct buf *to, struct err *err)
{
	struct changing c = {.bodies = BUF(MOVE_MESSAGE_MAX), .err = err};
	c.driver = store_driver_of(store, &c.db);
	store_batch_init(&c.batch);
	const struct store_apply apply = {
		.accounts = &change->account,
		.account_count = 1,
		.batch = &c.batch,
		.may = change->may,
		.context = change->context,
	};
	int r = read_batch(change, &c);
	if (r == 0 && c.batch.bytes.len > 0)
		r = store_apply(store, c.driver, c.db, &apply, err);
	if (r == 0)
		r = look_for_bodies(&c, to);
	store_batch_free(&c.batch);
	buf_free(&c.bodies);
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
	int r = move_account_rows(store, true, account, &rows, err);
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
