/* An index of which blocks rot on the disk. */
#include "store/drivers/embedded/test_support.h"

#include "base/alloc.h"
#include "base/bytes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct store_driver *const driver = &store_driver_embedded;

enum { ROWS = 3000, KEY_LEN = 5, VALUE_LEN = 100 };

static struct slice key_of(uint32_t n, char to[KEY_LEN])
{
	to[0] = 'o';
	bytes_put_be32(to + 1, n * 1000);
	return slice(to, KEY_LEN);
}

static struct slice value_of(uint32_t n, char to[VALUE_LEN])
{
	memset(to, '.', VALUE_LEN);
	(void)snprintf(to, VALUE_LEN, "row %08x of all", n * 2654435761u);
	return slice(to, VALUE_LEN);
}

static int put(struct place_of_test *p, uint32_t from, uint32_t to, struct err *err)
{
	char key[KEY_LEN], value[VALUE_LEN];
	struct store_batch batch;
	struct store_txn *txn;
	assert_int_equal(driver->begin(p->db, &p->account, 1, &txn, err), 0);
	store_batch_init(&batch);
	for (uint32_t n = from; n < to; n++)
		store_batch_put(&batch, key_of(n, key), value_of(n, value));
	int r = driver->commit(txn, &batch, NULL, 0, err);
	store_batch_free(&batch);
	return r;
}

/* 0, STORE_ABSENT, negative. */
static int look(struct place_of_test *p, uint32_t n)
{
	AUTO(buf_free) struct buf got = BUF(VALUE_LEN);
	char key[KEY_LEN], value[VALUE_LEN];
	struct err err = {0};
	int r = driver->get(p->db, NULL, key_of(n, key), &got, &err);
	if (r < 0)
		assert_int_equal(err.kind, ERR_DAMAGED);
	if (r == 0)
		assert_true(slice_eq(buf_slice(&got), value_of(n, value)));
	return r;
}

/* A letter of a row, in whichever file of the index it lies. */
static void rot(struct place_of_test *p, const char *folder_name, uint32_t n)
{
	AUTO_FREE char *folder = embedded_path(p->path, folder_name);
	char value[VALUE_LEN];
	struct slice want = slice(value_of(n, value).ptr, 20);
	size_t hits = 0;
	DIR *files = opendir(folder);
	assert_non_null(files);
	for (struct dirent *entry; (entry = readdir(files));) {
		AUTO_FREE char *path = embedded_path(folder, entry->d_name);
		struct stat info;
		if (!strstr(entry->d_name, ".sst") || stat(path, &info) < 0)
			continue;
		char *bytes = alloc((size_t)info.st_size);
		int fd = open(path, O_RDWR);
		assert_int_equal(pread(fd, bytes, (size_t)info.st_size, 0), info.st_size);
		char *found = memmem(bytes, (size_t)info.st_size, want.ptr, want.len);
		if (found && ++hits)
			assert_int_equal(pwrite(fd, "R", 1, found - bytes), 1);
		(void)close(fd);
		free(bytes);
	}
	(void)closedir(files);
	assert_true(hits > 0);
}

static void fill(struct place_of_test *p)
{
	struct err err = {0};
	test_open(p);
	for (uint64_t n = 1; n <= 20; n++)
		assert_int_equal(test_commit(p, n, &err), 0);
	assert_int_equal(put(p, 0, ROWS, &err), 0);
	test_close(p);
}

static bool count_row(void *context, struct slice key, struct slice value)
{
	++*(uint32_t *)context;
	return true;
}

typedef int scan(struct store_db *db, struct store_txn *txn, struct slice from, struct slice to,
	bool backward, bool (*visit)(void *context, struct slice key, struct slice value),
	void *context, struct err *err);

static uint32_t count(struct place_of_test *p, scan *by, bool backward, int expected)
{
	uint32_t rows = 0;
	struct err err = {0};
	int r = by(p->db, NULL, SLICE("o"), SLICE("p"), backward, count_row, &rows, &err);
	assert_int_equal(r, expected);
	if (r < 0)
		assert_int_equal(err.kind, ERR_DAMAGED);
	return rows;
}

static void check_gap_around(struct place_of_test *p, uint32_t n)
{
	uint32_t before = count(p, driver->scan, false, -1);
	uint32_t behind = count(p, driver->scan, true, -1);
	assert_true(before <= n && before + 100 > n);
	assert_true(behind < ROWS - n && behind + 100 > ROWS - n);
	assert_int_equal(count(p, driver->mending->scan, false, 0), before + behind);
	for (uint32_t i = 0; i < ROWS; i++)
		assert_int_equal(look(p, i), i < before || i >= ROWS - behind ? 0 : -1);
	for (uint64_t i = 1; i <= 20; i++)
		assert_int_equal(test_look(p, i), TEST_WHOLE);
}

static void count_damage(void *context, const struct store_finding *finding)
{
	*(unsigned *)context += finding->damage;
}

static unsigned damage_found(struct place_of_test *p)
{
	struct err err = {0};
	unsigned damage = 0;
	assert_int_equal(driver->check(p->db, count_damage, NULL, &damage, &err), 0);
	return damage;
}

static void all_but_the_damaged_block_is_there_after_salvage(void **state)
{
	struct place_of_test *p = *state;
	struct err err = {0};
	fill(p);
	rot(p, "keys", 1500);
	test_open(p);
	assert_int_equal(look(p, 1500), -1);
	assert_int_equal(driver->mending->salvage(p->db, &err), 0);
	check_gap_around(p, 1500);
	assert_int_equal(damage_found(p), 1);
	assert_int_equal(test_commit(p, 100, &err), 0);
	test_close(p);
	for (int i = 0; i < 2; i++) { /* put in place by the first start */
		test_open(p);
		check_gap_around(p, 1500);
		assert_int_equal(test_look(p, 100), TEST_WHOLE);
		assert_int_equal(driver->mending->salvage(p->db, &err), STORE_ABSENT);
		test_close(p);
	}
}

static void a_gap_ends_when_its_rows_are_known(void **state)
{
	struct place_of_test *p = *state;
	struct err err = {0};
	fill(p);
	rot(p, "keys", 1500);
	test_open(p);
	assert_int_equal(driver->mending->salvage(p->db, &err), 0);
	assert_true(driver->mending->has_gap(p->db, SLICE("o"), SLICE("p")));
	assert_int_equal(put(p, 0, ROWS, &err), 0);
	assert_int_equal(look(p, 1500), 0);
	(void)count(p, driver->scan, false, -1);
	assert_int_equal(driver->mending->forget(p->db, SLICE("o"), SLICE("p"), &err), 0);
	assert_int_equal(
		driver->mending->forget(p->db, SLICE("o"), SLICE("p"), &err), STORE_ABSENT);
	for (int i = 0; i < 2; i++) {
		assert_false(driver->mending->has_gap(p->db, SLICE("o"), SLICE("p")));
		assert_int_equal(count(p, driver->scan, false, 0), ROWS);
		test_check(p);
		test_close(p);
		test_open(p);
	}
}

/* As of a file whose end is cut off. */
static void an_index_of_which_nothing_can_be_read_does_not_open(void **state)
{
	struct place_of_test *p = *state;
	struct err err = {0};
	char command[256];
	fill(p);
	(void)snprintf(command, sizeof(command), "truncate -s -60 %s/keys/*.sst", p->path);
	assert_int_equal(system(command), 0);
	assert_true(embedded_open(&(struct store_driver_options){.path = p->path}, p->files, &p->db,
			    &err) < 0);
	assert_int_equal(err.kind, ERR_DAMAGED);
	p->db = NULL;
}

static void what_can_all_be_read_is_left_alone(void **state)
{
	struct place_of_test *p = *state;
	struct err err = {0};
	fill(p);
	test_open(p);
	assert_int_equal(driver->mending->salvage(p->db, &err), STORE_ABSENT);
	assert_null(p->db->index.left);
}

/* RocksDB takes no writes after its compaction came to the block. */
static void an_index_that_refuses_writes_for_damage_takes_them_again_after_upkeep(void **state)
{
	struct place_of_test *p = *state;
	struct err err = {0};
	uint64_t freed;
	fill(p);
	rot(p, "keys", 1500);
	test_open(p);
	assert_int_equal(test_commit(p, 50, &err), 0);
	rocksdb_compact_range(atomic_load(&p->db->index.db), NULL, 0, NULL, 0);
	assert_true(test_commit(p, 51, &err) < 0);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_true(driver->figures(p->db).failed);
	assert_int_equal(driver->compact(p->db, false, NULL, NULL, &freed, &err), 0);
	assert_int_equal(test_commit(p, 52, &err), 0);
	assert_false(driver->figures(p->db).failed);
	check_gap_around(p, 1500);
	rocksdb_compact_range(atomic_load(&p->db->index.db), NULL, 0, NULL, 0);
	assert_int_equal(test_commit(p, 53, &err), 0);
	test_close(p);
	test_open(p);
	for (uint64_t n = 50; n < 54; n++)
		assert_int_equal(test_look(p, n), n == 51 ? TEST_NOTHING : TEST_WHOLE);
	check_gap_around(p, 1500);
}

struct reading {
	struct place_of_test *p;
	atomic_bool over;
	atomic_uint wrong, commits;
};

/* A row is as it was, or it can't be read: it is never absent. */
static void *read_on(void *context)
{
	struct reading *r = context;
	for (uint32_t n = 0; !atomic_load(&r->over); n = (n + 7) % ROWS) {
		char key[KEY_LEN], value[VALUE_LEN];
		AUTO(buf_free) struct buf got = BUF(VALUE_LEN);
		uint32_t rows = 0;
		struct err err = {0};
		int one = driver->get(r->p->db, NULL, key_of(n, key), &got, &err);
		bool good = one == 0 && slice_eq(buf_slice(&got), value_of(n, value));
		bool refused = one < 0 && err.kind == ERR_DAMAGED;
		int all = driver->scan(
			r->p->db, NULL, SLICE("o"), SLICE("p"), false, count_row, &rows, &err);
		if (!(good || refused) || all == 0 || err.kind != ERR_DAMAGED)
			(void)atomic_fetch_add(&r->wrong, 1);
	}
	return NULL;
}

static void *commit_on(void *context)
{
	struct reading *r = context;
	for (uint64_t n = 1000; !atomic_load(&r->over); n++) {
		struct err err = {0};
		if (test_commit(r->p, n, &err) != 0)
			(void)atomic_fetch_add(&r->wrong, 1);
		(void)atomic_fetch_add(&r->commits, 1);
	}
	return NULL;
}

static void who_reads_and_writes_meanwhile_sees_what_is_there(void **state)
{
	struct reading reading = {.p = *state};
	pthread_t threads[3];
	struct err err = {0};
	fill(reading.p);
	rot(reading.p, "keys", 1500);
	test_open(reading.p);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, i == 0 ? commit_on : read_on, &reading),
			0);
	while (atomic_load(&reading.commits) < 10)
		(void)usleep(1000);
	assert_int_equal(driver->mending->salvage(reading.p->db, &err), 0);
	unsigned before = atomic_load(&reading.commits);
	while (atomic_load(&reading.commits) < before + 10)
		(void)usleep(1000);
	atomic_store(&reading.over, true);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&reading.wrong), 0);
	uint64_t last = 1000 + atomic_load(&reading.commits);
	test_close(reading.p);
	test_open(reading.p);
	for (uint64_t n = 1000; n < last; n++)
		assert_int_equal(test_look(reading.p, n), TEST_WHOLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(test) cmocka_unit_test_setup_teardown(test, test_set_up, test_tear_down)
		CASE(all_but_the_damaged_block_is_there_after_salvage),
		CASE(a_gap_ends_when_its_rows_are_known),
		CASE(an_index_of_which_nothing_can_be_read_does_not_open),
		CASE(who_reads_and_writes_meanwhile_sees_what_is_there),
		CASE(what_can_all_be_read_is_left_alone),
		CASE(an_index_that_refuses_writes_for_damage_takes_them_again_after_upkeep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
