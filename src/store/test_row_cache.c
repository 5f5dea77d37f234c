/* The row cache over a driver of one row, which does things in the middle of its calls. */
#include "store/row_cache.h"

#include "store/key.h"

#include "base/test.h"

#include <pthread.h>
#include <semaphore.h>

static struct {
	struct row_cache *cache;
	struct key key;
	char value[4096]; /* what the driver has; empty: nothing */
	unsigned gets;
	bool refuse;
	void (*in_get)(void); /* once, when the value has been looked up */
	void (*in_commit)(void), (*after_commit)(void);
} disk;

static void once(void (**call)(void))
{
	void (*now)(void) = *call;
	*call = NULL;
	if (now)
		now();
}

static int disk_get(struct store_db *db, struct store_txn *txn, struct slice key,
	struct buf *ret_value, struct err *err)
{
	disk.gets++;
	if (disk.value[0] == '\0')
		return STORE_ABSENT;
	buf_add_str(ret_value, disk.value);
	once(&disk.in_get);
	return 0;
}

static int disk_commit(struct store_txn *txn, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t blob_count, struct err *err)
{
	struct slice rest = buf_slice(&batch->bytes), key, value;
	enum store_op op;
	bool bad;
	once(&disk.in_commit);
	if (disk.refuse)
		return err_temporary(err, ERR_UNAVAILABLE, "refused");
	while (store_batch_next(&rest, &op, &key, &value, &bad))
		(void)snprintf(disk.value, sizeof(disk.value), "%.*s", SLICE_ARG(value));
	once(&disk.after_commit);
	return 0;
}

static const struct store_driver driver = {.get = disk_get, .commit = disk_commit};

static const char *read_row(void)
{
	static struct buf value = BUF(8192);
	struct err err;
	buf_clear(&value);
	int r = row_cache_get(disk.cache, &driver, NULL, NULL, key_slice(&disk.key), &value, &err);
	return r == 0 ? buf_cstr(&value) : "absent";
}

static int write_row(const char *value)
{
	struct store_batch batch;
	struct err err;
	store_batch_init(&batch);
	if (value)
		store_batch_put(&batch, key_slice(&disk.key), slice_str(value));
	else
		store_batch_delete(&batch, key_slice(&disk.key));
	int r = row_cache_commit(disk.cache, &driver, NULL, &batch, NULL, 0, &err);
	store_batch_free(&batch);
	return r;
}

static void write_second(void)
{
	assert_int_equal(write_row("second"), 0);
}

static void read_aside(void)
{
	(void)read_row();
}

static int setup(void **state)
{
	memset(&disk, 0, sizeof(disk));
	disk.cache = row_cache_new(&driver);
	key_of_account(&disk.key, KEY_ACCOUNT, STORE_SYSTEM_ACCOUNT);
	(void)snprintf(disk.value, sizeof(disk.value), "first");
	return 0;
}

static int teardown(void **state)
{
	row_cache_free(disk.cache);
	return 0;
}

static void a_row_is_asked_of_the_driver_once(void **state)
{
	assert_string_equal(read_row(), "first");
	assert_string_equal(read_row(), "first");
	assert_int_equal(disk.gets, 1);
}

static void a_committed_row_is_known_without_reading(void **state)
{
	assert_string_equal(read_row(), "first");
	write_second();
	assert_string_equal(read_row(), "second");
	assert_int_equal(disk.gets, 1);
}

static void a_deleted_row_is_gone(void **state)
{
	assert_string_equal(read_row(), "first");
	assert_int_equal(write_row(NULL), 0);
	assert_string_equal(read_row(), "absent");
}

static void a_refused_commit_changes_nothing(void **state)
{
	assert_string_equal(read_row(), "first");
	disk.refuse = true;
	assert_int_equal(write_row("second"), -1);
	assert_string_equal(read_row(), "first");
}

static void a_read_that_a_commit_overtakes_is_not_kept(void **state)
{
	disk.in_get = write_second;
	assert_string_equal(read_row(), "first"); /* as it was when the read began */
	assert_string_equal(read_row(), "second");
}

/* Else the next to lock the account, in the time between commit and its return, would get it. */
static void a_row_read_during_a_commit_is_not_kept(void **state)
{
	disk.in_commit = read_aside;
	disk.after_commit = read_aside;
	write_second();
	assert_int_equal(disk.gets, 2);
	assert_string_equal(read_row(), "second");
	assert_int_equal(disk.gets, 2);
}

static void see_second(void)
{
	assert_string_equal(read_row(), "second");
}

static void the_old_row_is_not_given_once_a_commit_is_done(void **state)
{
	assert_string_equal(read_row(), "first");
	disk.in_commit = read_aside;
	disk.after_commit = see_second;
	write_second();
}

static void write_third(void)
{
	assert_int_equal(write_row("third"), 0);
}

/* A reader on a thread of its own, which stops between the driver's answer and the cache. */
static sem_t reader_has_read, commit_is_done;

static void stop_reader(void)
{
	(void)sem_post(&reader_has_read);
	(void)sem_wait(&commit_is_done);
}

static void *read_slowly(void *context)
{
	AUTO(buf_free) struct buf value = BUF(100);
	struct err err;
	disk.in_get = stop_reader;
	(void)!row_cache_get(disk.cache, &driver, NULL, NULL, key_slice(&disk.key), &value, &err);
	return NULL;
}

static pthread_t reader;

static void start_reader(void)
{
	assert_int_equal(pthread_create(&reader, NULL, read_slowly, NULL), 0);
	(void)sem_wait(&reader_has_read);
}

static void a_read_that_begins_during_a_commit_and_ends_behind_it_is_not_kept(void **state)
{
	(void)sem_init(&reader_has_read, 0, 0);
	(void)sem_init(&commit_is_done, 0, 0);
	assert_int_equal(write_row("first"), 0);
	disk.in_commit = start_reader;
	assert_int_equal(write_row("second"), 0);
	(void)sem_post(&commit_is_done);
	(void)pthread_join(reader, NULL);
	assert_string_equal(read_row(), "second");
}

static void the_last_of_two_commits_counts(void **state)
{
	disk.after_commit = write_third;
	write_second();
	assert_string_equal(read_row(), "third");
}

static void a_large_row_is_not_kept(void **state)
{
	memset(disk.value, 'x', ROW_CACHE_VALUE_MAX + 1);
	(void)read_row();
	(void)read_row();
	assert_int_equal(disk.gets, 2);
}

static void objects_of_mailboxes_are_not_kept(void **state)
{
	struct id account = id_new();
	key_of_object(&disk.key, KEY_OBJECT, account, id_new(), 1);
	(void)read_row();
	(void)read_row();
	assert_int_equal(disk.gets, 2);
}

static void a_shared_driver_has_no_cache(void **state)
{
	struct store_driver shared = driver;
	shared.shared = true;
	assert_null(row_cache_new(&shared));
	row_cache_free(disk.cache);
	disk.cache = NULL;
	assert_string_equal(read_row(), "first");
	write_second();
	assert_string_equal(read_row(), "second");
	assert_int_equal(disk.gets, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_row_is_asked_of_the_driver_once),
		TEST(a_committed_row_is_known_without_reading),
		TEST(a_deleted_row_is_gone),
		TEST(a_refused_commit_changes_nothing),
		TEST(a_read_that_a_commit_overtakes_is_not_kept),
		TEST(a_row_read_during_a_commit_is_not_kept),
		TEST(the_old_row_is_not_given_once_a_commit_is_done),
		TEST(a_read_that_begins_during_a_commit_and_ends_behind_it_is_not_kept),
		TEST(the_last_of_two_commits_counts),
		TEST(a_large_row_is_not_kept),
		TEST(objects_of_mailboxes_are_not_kept),
		TEST(a_shared_driver_has_no_cache),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
