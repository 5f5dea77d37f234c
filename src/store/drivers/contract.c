/* The driver contract (store/driver.h) as a test suite: every driver in store_drivers[] passes it.
 * What only a driver that survives its process can promise is in that driver's own tests. */
#include "store/drivers/contract.h"

#include "base/alloc.h"
#include "store/drivers/postgres/test_server.h"

#include <ftw.h>
#include <unistd.h>

const struct store_driver *contract_driver;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int contract_set_up(void **state)
{
	struct fixture *f = ALLOC(struct fixture);
	struct err err = {0};
	(void)snprintf(f->folder, sizeof(f->folder), "/tmp/rookery-contract-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(f->path, sizeof(f->path), "%s/store", f->folder);
	struct store_driver_options options = {.path = f->path, .segment_bytes = 1 << 20};
	if (contract_driver == &store_driver_postgres) {
		test_server_database(f->database);
		options.database = f->database;
		options.no_sync = true; /* the tests' server does not sync */
	}
	if (contract_driver->open(&options, &f->db, &err) != 0)
		fail_msg("%s: %s", contract_driver->name, err.text);
	f->account = id_new();
	*state = f;
	return 0;
}

int contract_tear_down(void **state)
{
	struct fixture *f = *state;
	contract_driver->close(f->db);
	(void)nftw(f->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

struct store_txn *contract_begin(struct fixture *f)
{
	struct store_txn *txn;
	struct err err = {0};
	if (contract_driver->begin(f->db, &f->account, 1, &txn, &err) != 0)
		fail_msg("begin: %s", err.text);
	return txn;
}

void contract_commit(struct fixture *f, struct store_batch *batch,
	const struct store_new_blob *blobs, size_t count)
{
	struct err err = {0};
	if (contract_driver->commit(contract_begin(f), batch, blobs, count, &err) != 0)
		fail_msg("commit: %s", err.text);
	store_batch_free(batch);
}

void contract_put(struct fixture *f, const char *key, const char *value)
{
	struct store_batch batch;
	store_batch_init(&batch);
	store_batch_put(&batch, slice_str(key), slice_str(value));
	contract_commit(f, &batch, NULL, 0);
}

void contract_value(struct fixture *f, const char *key, const char *value)
{
	AUTO(buf_free) struct buf got = BUF(1 << 20);
	struct err err = {0};
	assert_int_equal(contract_driver->get(f->db, NULL, slice_str(key), &got, &err), 0);
	assert_slice(buf_slice(&got), value);
}

void contract_no_key(struct fixture *f, const char *key)
{
	AUTO(buf_free) struct buf got = BUF(1 << 20);
	struct err err = {0};
	assert_int_equal(
		contract_driver->get(f->db, NULL, slice_str(key), &got, &err), STORE_ABSENT);
	assert_int_equal(got.len, 0);
}

char *contract_pattern(size_t len, unsigned seed)
{
	char *bytes = alloc(len + 1);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)((i * 2654435761u + seed) >> 7);
	return bytes;
}

void contract_reference(struct id blob, char suffix, char key[18])
{
	key[0] = STORE_KEY_BLOB_REF;
	memcpy(key + 1, blob.bytes, ID_SIZE);
	key[17] = suffix;
}

struct id contract_add_blob(struct fixture *f, struct slice bytes, const char *references)
{
	struct store_new_blob blob = {id_new(), bytes};
	struct store_batch batch;
	store_batch_init(&batch);
	for (; *references; references++) {
		char key[18];
		contract_reference(blob.id, *references, key);
		store_batch_put(&batch, slice(key, sizeof(key)), SLICE_NONE);
	}
	contract_commit(f, &batch, &blob, 1);
	return blob.id;
}

void contract_drop(struct fixture *f, struct id blob, char reference)
{
	char key[18];
	struct store_batch batch;
	store_batch_init(&batch);
	contract_reference(blob, reference, key);
	store_batch_delete(&batch, slice(key, sizeof(key)));
	store_batch_release(&batch, blob);
	contract_commit(f, &batch, NULL, 0);
}

void contract_range(
	struct fixture *f, struct id blob, struct slice whole, uint64_t offset, uint64_t len)
{
	AUTO(buf_free) struct buf got = BUF(8 << 20);
	struct err err = {0};
	buf_add_str(&got, "x");
	if (contract_driver->blob_read(f->db, blob, offset, len, &got, &err) != 0)
		fail_msg("read %llu+%llu: %s", (unsigned long long)offset, (unsigned long long)len,
			err.text);
	struct slice expected = slice_sub(whole, (size_t)MIN(offset, (uint64_t)whole.len),
		(size_t)MIN(len, (uint64_t)SIZE_MAX));
	assert_int_equal(got.len, 1 + expected.len);
	assert_true(slice_eq(slice_from(buf_slice(&got), 1), expected));
}

void contract_compact(struct fixture *f, uint64_t *ret_freed)
{
	struct err err = {0};
	if (contract_driver->compact(f->db, true, NULL, NULL, ret_freed, &err) != 0)
		fail_msg("compact: %s", err.text);
}

int main(void)
{
	int failed = 0;
	for (size_t i = 0; store_drivers[i]; i++) {
		contract_driver = store_drivers[i];
		print_message("driver: %s\n", contract_driver->name);
		if (contract_driver == &store_driver_postgres)
			(void)test_server_folder(); /* says at once if there is none */
		failed += contract_keys() + contract_blobs() + contract_threads() +
			  contract_upkeep() + contract_trips();
	}
	return failed;
}
