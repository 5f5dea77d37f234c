/* Opening and closing. A database says which version of docs/formats/keys.md it follows, so that an
 * older program refuses what it can't read instead of misreading it. */
#include "store/internal.h"

#include "base/alloc.h"
#include "base/bytes.h"

const struct id STORE_SYSTEM_ACCOUNT = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
const struct id STORE_STAGING_ACCOUNT = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

static int write_format(struct store *store, struct err *err)
{
	struct store_txn *txn;
	struct store_batch batch;
	struct key key;
	int r = store->driver->begin(store->db, &STORE_SYSTEM_ACCOUNT, 1, &txn, err);
	if (r < 0)
		return r;
	const char version = ROW_VERSION;
	key_of_tag(&key, KEY_FORMAT);
	store_batch_init(&batch);
	store_batch_put(&batch, key_slice(&key), slice(&version, 1));
	r = store->driver->commit(txn, &batch, NULL, 0, err);
	store_batch_free(&batch);
	return r;
}

static int check_format(struct store *store, bool read_only, struct err *err)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct key key;
	uint64_t version;
	key_of_tag(&key, KEY_FORMAT);
	int r = store->driver->get(store->db, NULL, key_slice(&key), &row, err);
	if (r < 0)
		return r;
	if (r == STORE_ABSENT)
		return read_only ? 0 : write_format(store, err);
	struct slice rest = buf_slice(&row);
	if (!bytes_cut_varint(&rest, &version) || rest.len > 0)
		return read_damaged(key_slice(&key), err);
	if (version != ROW_VERSION)
		return err_permanent(err, ERR_BAD_INPUT,
			"the store has format %llu, this program reads %d: %s one wrote it",
			(unsigned long long)version, ROW_VERSION,
			version > ROW_VERSION ? "a newer" : "an older");
	return 0;
}

int store_open(const struct store_options *options, struct store **ret_store, struct err *err)
{
	struct store *store = ALLOC(struct store);
	store->driver = options->driver;
	store->db = options->db;
	int r = store->db ? 0 : store->driver->open(&options->driver_options, &store->db, err);
	if (r < 0) {
		free(store);
		return r;
	}
	r = check_format(store, options->driver_options.read_only, err);
	if (r < 0) {
		store->driver->close(store->db);
		free(store);
		return r;
	}
	store->rows = row_cache_new(store->driver);
	watch_table_init(&store->watches);
	*ret_store = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	watch_table_deinit(&store->watches);
	row_cache_free(store->rows);
	store->driver->close(store->db);
	free(store);
}

void store_set_gate(
	struct store *store, bool (*is_shut)(void *context, struct id account), void *context)
{
	store->is_shut = is_shut;
	store->gate = context;
}

int store_await_writes(struct store *store, struct id account, struct err *err)
{
	struct store_txn *txn;
	int r = store->driver->begin(store->db, &account, 1, &txn, err);
	if (r == 0)
		store->driver->abort(txn);
	return r;
}

const struct store_driver *store_driver_of(struct store *store, struct store_db **ret_db)
{
	*ret_db = store->db;
	return store->driver;
}

void store_catch_up(struct store *store, struct id account)
{
	if (store->driver->catch_up)
		store->driver->catch_up(store->db, account);
}

int store_read_blob(struct store *store, struct id blob, uint64_t offset, uint64_t len,
	struct buf *to, struct err *err)
{
	return store->driver->blob_read(store->db, blob, offset, len, to, err);
}
