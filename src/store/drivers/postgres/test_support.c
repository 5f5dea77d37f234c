/* A store in a schema of its own on the test's server. */
#include "store/drivers/postgres/test_support.h"

#include "base/alloc.h"

#include <unistd.h>

enum { KEY = 2 + ID_SIZE };

struct store_db *test_open(const char *database)
{
	const struct store_driver_options options = {.database = database, .no_sync = true};
	struct store_db *db;
	struct err err = {0};
	if (store_driver_postgres.open(&options, &db, &err) != 0)
		fail_msg("open: %s", err.text);
	return db;
}

int test_set_up(void **state)
{
	struct place_of_test *p = ALLOC(struct place_of_test);
	test_server_database(p->database);
	p->db = test_open(p->database);
	p->account = id_new();
	*state = p;
	return 0;
}

int test_tear_down(void **state)
{
	struct place_of_test *p = *state;
	store_driver_postgres.close(p->db);
	free(p);
	return 0;
}

int test_begin(struct store_db *db, struct id account, struct store_txn **ret_txn, struct err *err)
{
	return store_driver_postgres.begin(db, &account, 1, ret_txn, err);
}

int test_put(struct store_txn *txn, const char *key, struct err *err)
{
	struct store_batch batch;
	store_batch_init(&batch);
	store_batch_put(&batch, slice_str(key), SLICE("value"));
	int rc = store_driver_postgres.commit(txn, &batch, NULL, 0, err);
	store_batch_free(&batch);
	return rc;
}

struct store_txn *test_locked(struct store_db *db, struct id account)
{
	struct store_txn *txn;
	struct err err = {0};
	if (test_begin(db, account, &txn, &err) != 0)
		fail_msg("begin: %s", err.text);
	return txn;
}

void test_put_done(struct place_of_test *p, const char *key)
{
	struct err err = {0};
	if (test_put(test_locked(p->db, p->account), key, &err) != 0)
		fail_msg("commit: %s", err.text);
}

bool test_has(struct store_db *db, const char *key)
{
	AUTO(buf_free) struct buf got = BUF(1000);
	struct err err = {0};
	int rc = store_driver_postgres.get(db, NULL, slice_str(key), &got, &err);
	if (rc < 0)
		fail_msg("get: %s", err.text);
	return rc == 0;
}

static struct slice reference(struct id blob, char key[KEY])
{
	key[0] = STORE_KEY_BLOB_REF;
	memcpy(key + 1, blob.bytes, ID_SIZE);
	key[1 + ID_SIZE] = 'x';
	return slice(key, KEY);
}

struct id test_add_blob(struct place_of_test *p, size_t len)
{
	AUTO_FREE char *bytes = alloc(len);
	struct store_new_blob blob = {id_new(), slice(bytes, len)};
	struct store_batch batch;
	struct err err = {0};
	char key[KEY];
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 2654435761u >> 9);
	store_batch_init(&batch);
	store_batch_put(&batch, reference(blob.id, key), SLICE_NONE);
	struct store_txn *txn = test_locked(p->db, p->account);
	if (store_driver_postgres.commit(txn, &batch, &blob, 1, &err) != 0)
		fail_msg("commit: %s", err.text);
	store_batch_free(&batch);
	return blob.id;
}

void test_drop_blob(struct place_of_test *p, struct id blob)
{
	struct store_batch batch;
	struct err err = {0};
	char key[KEY];
	store_batch_init(&batch);
	store_batch_delete(&batch, reference(blob, key));
	store_batch_release(&batch, blob);
	struct store_txn *txn = test_locked(p->db, p->account);
	if (store_driver_postgres.commit(txn, &batch, NULL, 0, &err) != 0)
		fail_msg("commit: %s", err.text);
	store_batch_free(&batch);
}

void test_temporary(int rc, const struct err *err)
{
	assert_true(rc < 0);
	if (err->class != ERR_TEMPORARY)
		fail_msg("class %d: %s", (int)err->class, err->text);
}

void test_await_waiter(const char *database)
{
	while (test_server_sql(database,
		       "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == 0)
		(void)usleep(2000);
}
