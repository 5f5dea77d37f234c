/* The driver contract (store/driver.h) as a test suite: every driver in store_drivers[] passes it.
 * What only a driver that survives its process can promise is in that driver's own tests. */
#include "store/driver.h"

#include "base/alloc.h"
#include "base/test.h"

#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static const struct store_driver *driver; /* the one that is being tested */

struct fixture {
	char folder[64];
	char path[96];
	struct store_db *db;
	struct id account;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int set_up(void **state)
{
	struct fixture *f = ALLOC(struct fixture);
	struct err err = {0};
	(void)snprintf(f->folder, sizeof(f->folder), "/tmp/rookery-contract-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(f->path, sizeof(f->path), "%s/store", f->folder);
	struct store_driver_options options = {.path = f->path, .segment_bytes = 1 << 20};
	if (driver->open(&options, &f->db, &err) != 0)
		fail_msg("%s: %s", driver->name, err.text);
	f->account = id_new();
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	driver->close(f->db);
	(void)nftw(f->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static struct store_txn *begin(struct fixture *f)
{
	struct store_txn *txn;
	struct err err = {0};
	if (driver->begin(f->db, &f->account, 1, &txn, &err) != 0)
		fail_msg("begin: %s", err.text);
	return txn;
}

/* Commits and frees the batch. */
static void commit(struct fixture *f, struct store_batch *batch, const struct store_new_blob *blobs,
	size_t count)
{
	struct err err = {0};
	if (driver->commit(begin(f), batch, blobs, count, &err) != 0)
		fail_msg("commit: %s", err.text);
	store_batch_free(batch);
}

static void put(struct fixture *f, const char *key, const char *value)
{
	struct store_batch batch;
	store_batch_init(&batch);
	store_batch_put(&batch, slice_str(key), slice_str(value));
	commit(f, &batch, NULL, 0);
}

static void assert_value(struct fixture *f, const char *key, const char *value)
{
	AUTO(buf_free) struct buf got = BUF(1 << 20);
	struct err err = {0};
	assert_int_equal(driver->get(f->db, NULL, slice_str(key), &got, &err), 0);
	assert_slice(buf_slice(&got), value);
}

static void assert_no_key(struct fixture *f, const char *key)
{
	AUTO(buf_free) struct buf got = BUF(1 << 20);
	struct err err = {0};
	assert_int_equal(driver->get(f->db, NULL, slice_str(key), &got, &err), STORE_ABSENT);
	assert_int_equal(got.len, 0);
}

/* Keys: */

static void test_a_key_is_there_after_commit_and_gone_after_delete(void **state)
{
	struct fixture *f = *state;
	assert_no_key(f, "a");
	put(f, "a", "one");
	assert_value(f, "a", "one");
	put(f, "a", "two");
	assert_value(f, "a", "two");
	struct store_batch batch;
	store_batch_init(&batch);
	store_batch_delete(&batch, SLICE("a"));
	commit(f, &batch, NULL, 0);
	assert_no_key(f, "a");
}

static void test_get_appends(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf got = BUF(100);
	struct err err = {0};
	put(f, "a", "one");
	buf_add_str(&got, "before ");
	assert_int_equal(driver->get(f->db, NULL, SLICE("a"), &got, &err), 0);
	assert_slice(buf_slice(&got), "before one");
}

static void test_changes_of_a_batch_apply_in_order(void **state)
{
	struct fixture *f = *state;
	struct store_batch batch;
	store_batch_init(&batch);
	store_batch_put(&batch, SLICE("a"), SLICE("1"));
	store_batch_delete(&batch, SLICE("a"));
	store_batch_delete(&batch, SLICE("b"));
	store_batch_put(&batch, SLICE("b"), SLICE("2"));
	store_batch_put(&batch, SLICE("c"), SLICE("3"));
	store_batch_put(&batch, SLICE("c"), SLICE("4"));
	commit(f, &batch, NULL, 0);
	assert_no_key(f, "a");
	assert_value(f, "b", "2");
	assert_value(f, "c", "4");
}

static void test_keys_and_values_are_any_bytes(void **state)
{
	struct fixture *f = *state;
	char key[STORE_KEY_MAX], value[300];
	struct err err = {0};
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (char)(255 - i % 256);
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (char)i;
	struct store_batch batch;
	store_batch_init(&batch);
	store_batch_put(&batch, slice(key, sizeof(key)), slice(value, sizeof(value)));
	store_batch_put(&batch, slice("\0", 1), SLICE_NONE);
	commit(f, &batch, NULL, 0);
	AUTO(buf_free) struct buf got = BUF(1000);
	assert_int_equal(driver->get(f->db, NULL, slice(key, sizeof(key)), &got, &err), 0);
	assert_true(slice_eq(buf_slice(&got), slice(value, sizeof(value))));
	buf_clear(&got);
	assert_int_equal(driver->get(f->db, NULL, slice("\0", 1), &got, &err), 0);
	assert_int_equal(got.len, 0);
}

static void test_abort_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	driver->abort(begin(f));
	put(f, "a", "one"); /* the lock is free again */
	assert_value(f, "a", "one");
}

static void test_an_open_transaction_hides_nothing_from_others(void **state)
{
	struct fixture *f = *state;
	put(f, "a", "one");
	struct store_txn *txn = begin(f);
	AUTO(buf_free) struct buf got = BUF(100);
	struct err err = {0};
	assert_value(f, "a", "one");
	assert_int_equal(driver->get(f->db, txn, SLICE("a"), &got, &err), 0);
	assert_slice(buf_slice(&got), "one");
	driver->abort(txn);
}

/* Scans: */

struct seen {
	struct buf text;
	size_t stop_after, count;
};

static bool note(void *context, struct slice key, struct slice value)
{
	struct seen *seen = context;
	buf_printf(&seen->text, "%.*s=%.*s ", SLICE_ARG(key), SLICE_ARG(value));
	return ++seen->count != seen->stop_after;
}

static void assert_scan(struct fixture *f, const char *from, const char *to, bool backward,
	size_t stop_after, const char *expected)
{
	struct seen seen = {.text = BUF(10000), .stop_after = stop_after};
	struct err err = {0};
	assert_int_equal(driver->scan(f->db, NULL, slice_str(from), slice_str(to), backward, note,
				 &seen, &err),
		0);
	assert_slice(buf_slice(&seen.text), expected);
	buf_free(&seen.text);
}

static void test_scan_visits_from_up_to_but_not_to(void **state)
{
	struct fixture *f = *state;
	put(f, "b", "2");
	put(f, "d", "4");
	put(f, "a", "1");
	put(f, "bb", "3");
	assert_scan(f, "a", "d", false, 0, "a=1 b=2 bb=3 ");
	assert_scan(f, "a", "e", false, 0, "a=1 b=2 bb=3 d=4 ");
	assert_scan(f, "aa", "bb", false, 0, "b=2 ");
	assert_scan(f, "b", "b", false, 0, "");
	assert_scan(f, "x", "z", false, 0, "");
	assert_scan(f, "d", "a", false, 0, "");
}

static void test_scan_backward_begins_below_to(void **state)
{
	struct fixture *f = *state;
	put(f, "a", "1");
	put(f, "b", "2");
	put(f, "c", "3");
	assert_scan(f, "a", "c", true, 0, "b=2 a=1 ");
	assert_scan(f, "a", "cc", true, 0, "c=3 b=2 a=1 ");
	assert_scan(f, "aa", "z", true, 0, "c=3 b=2 ");
}

static void test_scan_stops_when_told(void **state)
{
	struct fixture *f = *state;
	put(f, " a", "0");
	put(f, "a", "1");
	put(f, "b", "2");
	assert_scan(f, "a", "z", false, 1, "a=1 ");
	assert_scan(f, "a", "z", true, 1, "b=2 ");
	assert_scan(f, " ", "z", false, 1, " a=0 ");
	assert_scan(f, " ", "z", true, 2, "b=2 a=1 ");
}

struct nested {
	struct fixture *f;
	size_t count;
};

static bool count_and_write(void *context, struct slice key, struct slice value)
{
	struct nested *nested = context;
	char other[8];
	(void)snprintf(other, sizeof(other), "k9%zu", nested->count++);
	put(nested->f, other, "late");
	return true;
}

static void test_scan_sees_one_state_while_others_commit(void **state)
{
	struct fixture *f = *state;
	struct nested nested = {.f = f};
	struct err err = {0};
	put(f, "k1", "1");
	put(f, "k2", "2");
	assert_int_equal(driver->scan(f->db, NULL, SLICE("k"), SLICE("l"), false, count_and_write,
				 &nested, &err),
		0);
	assert_int_equal(nested.count, 2);
	assert_value(f, "k90", "late");
}

/* Blobs: */

static char *pattern(size_t len, unsigned seed)
{
	char *bytes = alloc(len + 1);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)((i * 2654435761u + seed) >> 7);
	return bytes;
}

static void reference_key(struct id blob, char suffix, char key[18])
{
	key[0] = STORE_KEY_BLOB_REF;
	memcpy(key + 1, blob.bytes, ID_SIZE);
	key[17] = suffix;
}

static struct id add_blob(struct fixture *f, struct slice bytes, const char *references)
{
	struct store_new_blob blob = {id_new(), bytes};
	struct store_batch batch;
	store_batch_init(&batch);
	for (; *references; references++) {
		char key[18];
		reference_key(blob.id, *references, key);
		store_batch_put(&batch, slice(key, sizeof(key)), SLICE_NONE);
	}
	commit(f, &batch, &blob, 1);
	return blob.id;
}

static void drop_reference(struct fixture *f, struct id blob, char reference)
{
	char key[18];
	struct store_batch batch;
	store_batch_init(&batch);
	reference_key(blob, reference, key);
	store_batch_delete(&batch, slice(key, sizeof(key)));
	store_batch_release(&batch, blob);
	commit(f, &batch, NULL, 0);
}

static void assert_range(
	struct fixture *f, struct id blob, struct slice whole, uint64_t offset, uint64_t len)
{
	AUTO(buf_free) struct buf got = BUF(8 << 20);
	struct err err = {0};
	buf_add_str(&got, "x");
	if (driver->blob_read(f->db, blob, offset, len, &got, &err) != 0)
		fail_msg("read %llu+%llu: %s", (unsigned long long)offset, (unsigned long long)len,
			err.text);
	struct slice expected = slice_sub(whole, (size_t)MIN(offset, (uint64_t)whole.len),
		(size_t)MIN(len, (uint64_t)SIZE_MAX));
	assert_int_equal(got.len, 1 + expected.len);
	assert_true(slice_eq(slice_from(buf_slice(&got), 1), expected));
}

static void assert_no_blob(struct fixture *f, struct id blob)
{
	AUTO(buf_free) struct buf got = BUF(8 << 20);
	struct err err = {0};
	uint64_t len;
	assert_int_equal(driver->blob_read(f->db, blob, 0, 10, &got, &err), STORE_ABSENT);
	assert_int_equal(driver->blob_len(f->db, blob, &len, &err), STORE_ABSENT);
}

static void test_blob_ranges_are_exact(void **state)
{
	struct fixture *f = *state;
	static const size_t sizes[] = {
		0, 1, 7, 4096, 65535, 65536, 65537, 200000, 1 << 21, 3000001};
	static const uint64_t edges[] = {0, 1, 5, 65530, 65535, 65536, 65537, 131072, 1048575,
		1048576, 1048577, 2999999, 3000001, 9000000};
	for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
		AUTO_FREE char *bytes = pattern(sizes[s], (unsigned)s);
		struct slice whole = slice(bytes, sizes[s]);
		struct id blob = add_blob(f, whole, "1");
		struct err err = {0};
		uint64_t len = 99;
		assert_int_equal(driver->blob_len(f->db, blob, &len, &err), 0);
		assert_int_equal(len, sizes[s]);
		assert_range(f, blob, whole, 0, UINT64_MAX);
		for (size_t i = 0; i < ARRAY_LEN(edges); i++)
			for (size_t k = 0; k < ARRAY_LEN(edges); k++)
				assert_range(f, blob, whole, edges[i], edges[k]);
	}
}

static void test_an_unknown_blob_is_absent(void **state)
{
	assert_no_blob(*state, id_new());
}

static void test_a_whole_blob_fits_a_buffer_of_its_size(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *bytes = pattern(100000, 1);
	struct id blob = add_blob(f, slice(bytes, 100000), "1");
	AUTO(buf_free) struct buf got = BUF(100000), small = BUF(10), part = BUF(1000);
	struct err err = {0};
	assert_int_equal(driver->blob_read(f->db, blob, 0, 100000, &got, &err), 0);
	assert_int_equal(got.len, 100000);
	assert_int_equal(driver->blob_read(f->db, blob, 70000, 1000, &part, &err), 0);
	assert_int_equal(part.len, 1000);
	assert_true(driver->blob_read(f->db, blob, 0, 100000, &small, &err) < 0);
	assert_int_equal(small.len, 0);
}

static void test_several_blobs_come_with_one_batch(void **state)
{
	struct fixture *f = *state;
	struct store_new_blob blobs[20];
	struct store_batch batch;
	store_batch_init(&batch);
	for (size_t i = 0; i < ARRAY_LEN(blobs); i++) {
		char key[18];
		blobs[i] = (struct store_new_blob){
			id_new(), slice(pattern(1000 * i, (unsigned)i), 1000 * i)};
		reference_key(blobs[i].id, '1', key);
		store_batch_put(&batch, slice(key, sizeof(key)), SLICE_NONE);
	}
	commit(f, &batch, blobs, ARRAY_LEN(blobs));
	for (size_t i = 0; i < ARRAY_LEN(blobs); i++) {
		assert_range(f, blobs[i].id, blobs[i].bytes, 0, UINT64_MAX);
		free((void *)(uintptr_t)blobs[i].bytes.ptr);
	}
}

static void compact(struct fixture *f, uint64_t *ret_freed)
{
	struct err err = {0};
	if (driver->compact(f->db, true, NULL, NULL, ret_freed, &err) != 0)
		fail_msg("compact: %s", err.text);
}

static void test_a_blob_lives_until_its_last_reference_goes(void **state)
{
	struct fixture *f = *state;
	uint64_t freed;
	AUTO_FREE char *bytes = pattern(50000, 3);
	struct slice whole = slice(bytes, 50000);
	struct id kept = add_blob(f, whole, "1");
	struct id blob = add_blob(f, whole, "12");
	drop_reference(f, blob, '1');
	compact(f, &freed);
	assert_range(f, blob, whole, 0, UINT64_MAX);
	drop_reference(f, blob, '2');
	compact(f, &freed);
	assert_no_blob(f, blob);
	assert_range(f, kept, whole, 0, UINT64_MAX);
}

static void test_a_reference_that_moves_in_one_batch_keeps_the_blob(void **state)
{
	struct fixture *f = *state;
	uint64_t freed;
	struct id blob = add_blob(f, SLICE("a body"), "1");
	char from[18], to[18];
	struct store_batch batch;
	reference_key(blob, '1', from);
	reference_key(blob, '2', to);
	store_batch_init(&batch);
	store_batch_delete(&batch, slice(from, sizeof(from)));
	store_batch_put(&batch, slice(to, sizeof(to)), SLICE_NONE);
	store_batch_release(&batch, blob);
	commit(f, &batch, NULL, 0);
	compact(f, &freed);
	assert_range(f, blob, SLICE("a body"), 0, UINT64_MAX);
}

static void test_compaction_keeps_what_lives(void **state)
{
	struct fixture *f = *state;
	enum { COUNT = 200, LEN = 30000 };
	struct id ids[COUNT];
	uint64_t freed;
	for (size_t i = 0; i < COUNT; i++) {
		AUTO_FREE char *bytes = pattern(LEN, (unsigned)i);
		ids[i] = add_blob(f, slice(bytes, LEN), "1");
	}
	for (size_t i = 0; i < COUNT; i++)
		if (i % 4)
			drop_reference(f, ids[i], '1');
	compact(f, &freed);
	for (size_t i = 0; i < COUNT; i++) {
		AUTO_FREE char *bytes = pattern(LEN, (unsigned)i);
		if (i % 4)
			assert_no_blob(f, ids[i]);
		else
			assert_range(f, ids[i], slice(bytes, LEN), 0, UINT64_MAX);
	}
}

/* Locks and threads: */

struct waiter {
	struct fixture *f;
	_Atomic bool got;
};

static void *lock_and_note(void *argument)
{
	struct waiter *w = argument;
	struct store_txn *txn = begin(w->f);
	atomic_store(&w->got, true);
	driver->abort(txn);
	return NULL;
}

static void test_an_account_is_locked_by_one_at_a_time(void **state)
{
	struct waiter w = {.f = *state};
	pthread_t thread;
	struct store_txn *txn = begin(w.f);
	assert_int_equal(pthread_create(&thread, NULL, lock_and_note, &w), 0);
	usleep(20000);
	assert_false(atomic_load(&w.got));
	driver->abort(txn);
	(void)pthread_join(thread, NULL);
	assert_true(atomic_load(&w.got));
}

static void test_other_accounts_are_not_blocked(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};
	struct store_txn *txn = begin(f), *others[500];
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct id account = id_new();
		assert_int_equal(driver->begin(f->db, &account, 1, &others[i], &err), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		driver->abort(others[i]);
	driver->abort(txn);
}

static void test_the_same_account_twice_is_fine(void **state)
{
	struct fixture *f = *state;
	struct id twice[3] = {f->account, id_new(), f->account};
	struct store_txn *txn;
	struct err err = {0};
	assert_int_equal(driver->begin(f->db, twice, 3, &txn, &err), 0);
	driver->abort(txn);
	assert_int_equal(driver->begin(f->db, NULL, 0, &txn, &err), 0);
	driver->abort(txn);
}

enum { ACCOUNTS = 5, THREADS = 8, ROUNDS = 60 };

struct crowd {
	struct fixture *f;
	struct id accounts[ACCOUNTS];
	_Atomic unsigned next;
};

/* Adds one to the counter of two accounts, under both locks, taken in any order. */
static void add_to_both(struct crowd *c, size_t a, size_t b)
{
	struct id pair[2] = {c->accounts[a], c->accounts[b]};
	struct store_txn *txn;
	struct store_batch batch;
	struct err err = {0};
	size_t each[2] = {a, b};
	store_batch_init(&batch);
	assert_int_equal(driver->begin(c->f->db, pair, 2, &txn, &err), 0);
	for (size_t i = 0; i < (a == b ? 1 : 2); i++) {
		AUTO(buf_free) struct buf value = BUF(100);
		char key[8], text[16];
		uint64_t n = 0;
		(void)snprintf(key, sizeof(key), "n%zu", each[i]);
		int rc = driver->get(c->f->db, txn, slice_str(key), &value, &err);
		assert_true(rc >= 0);
		if (rc == 0)
			assert_true(slice_to_u64(buf_slice(&value), UINT64_MAX, &n));
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n + 1);
		store_batch_put(&batch, slice_str(key), slice_str(text));
	}
	assert_int_equal(driver->commit(txn, &batch, NULL, 0, &err), 0);
	store_batch_free(&batch);
}

static void *count_up(void *argument)
{
	struct crowd *c = argument;
	unsigned self = atomic_fetch_add(&c->next, 1);
	for (unsigned i = 0; i < ROUNDS; i++)
		add_to_both(c, (i + self) % ACCOUNTS, (i * 3 + self * 2) % ACCOUNTS);
	return NULL;
}

static void test_no_update_is_lost_between_threads(void **state)
{
	struct crowd c = {.f = *state};
	pthread_t threads[THREADS];
	uint64_t expected[ACCOUNTS] = {0};
	for (size_t i = 0; i < ACCOUNTS; i++)
		c.accounts[i] = id_new();
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, &c), 0);
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	for (unsigned self = 0; self < THREADS; self++)
		for (unsigned i = 0; i < ROUNDS; i++) {
			size_t a = (i + self) % ACCOUNTS, b = (i * 3 + self * 2) % ACCOUNTS;
			expected[a]++;
			expected[b] += a != b;
		}
	for (size_t i = 0; i < ACCOUNTS; i++) {
		char key[8], text[24];
		(void)snprintf(key, sizeof(key), "n%zu", i);
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)expected[i]);
		assert_value(c.f, key, text);
	}
}

struct reading {
	struct fixture *f;
	struct id blob;
	struct slice whole;
	_Atomic bool stop;
	_Atomic unsigned reads, wrong;
};

static void *read_on(void *argument)
{
	struct reading *r = argument;
	struct buf got = BUF(1 << 20);
	while (!atomic_load(&r->stop)) {
		struct err err = {0};
		buf_clear(&got);
		if (driver->blob_read(r->f->db, r->blob, 0, UINT64_MAX, &got, &err) != 0 ||
			!slice_eq(buf_slice(&got), r->whole))
			atomic_fetch_add(&r->wrong, 1);
		atomic_fetch_add(&r->reads, 1);
	}
	buf_free(&got);
	return NULL;
}

static void test_blobs_can_be_read_while_they_are_compacted(void **state)
{
	enum { LEN = 100000 };
	AUTO_FREE char *bytes = pattern(LEN, 9);
	struct reading r = {.f = *state, .whole = slice(bytes, LEN)};
	pthread_t thread;
	uint64_t freed;
	r.blob = add_blob(r.f, r.whole, "1");
	assert_int_equal(pthread_create(&thread, NULL, read_on, &r), 0);
	while (atomic_load(&r.reads) == 0)
		usleep(1000);
	for (size_t i = 0; i < 10; i++) {
		struct id other = add_blob(r.f, r.whole, "1");
		drop_reference(r.f, other, '1');
		compact(r.f, &freed);
	}
	atomic_store(&r.stop, true);
	(void)pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&r.wrong), 0);
}

/* Upkeep: */

static void count_damage(void *context, const struct store_finding *finding)
{
	size_t *damage = context;
	*damage += finding->damage;
}

static void assert_findings(struct fixture *f, bool damage)
{
	size_t count = 0;
	struct err err = {0};
	assert_int_equal(driver->check(f->db, count_damage, NULL, &count, &err), 0);
	assert_int_equal(count > 0, damage);
}

static void test_check_finds_nothing_wrong_with_a_good_store(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *bytes = pattern(300000, 5);
	struct id blob = add_blob(f, slice(bytes, 300000), "12");
	(void)add_blob(f, slice(bytes, 100), "");
	put(f, "a", "1");
	drop_reference(f, blob, '1');
	assert_findings(f, false);
}

static void test_check_finds_a_reference_without_its_blob(void **state)
{
	struct fixture *f = *state;
	char key[18];
	struct store_batch batch;
	store_batch_init(&batch);
	reference_key(id_new(), '1', key);
	store_batch_put(&batch, slice(key, sizeof(key)), SLICE_NONE);
	commit(f, &batch, NULL, 0);
	assert_findings(f, true);
}

static void test_figures_count(void **state)
{
	struct fixture *f = *state;
	struct store_driver_figures before = driver->figures(f->db);
	put(f, "a", "1");
	struct store_driver_figures after = driver->figures(f->db);
	assert_int_equal(after.commits, before.commits + 1);
	assert_false(after.failed);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_key_is_there_after_commit_and_gone_after_delete),
		CASE(test_get_appends),
		CASE(test_changes_of_a_batch_apply_in_order),
		CASE(test_keys_and_values_are_any_bytes),
		CASE(test_abort_leaves_nothing),
		CASE(test_an_open_transaction_hides_nothing_from_others),
		CASE(test_scan_visits_from_up_to_but_not_to),
		CASE(test_scan_backward_begins_below_to),
		CASE(test_scan_stops_when_told),
		CASE(test_scan_sees_one_state_while_others_commit),
		CASE(test_blob_ranges_are_exact),
		CASE(test_an_unknown_blob_is_absent),
		CASE(test_a_whole_blob_fits_a_buffer_of_its_size),
		CASE(test_several_blobs_come_with_one_batch),
		CASE(test_a_blob_lives_until_its_last_reference_goes),
		CASE(test_a_reference_that_moves_in_one_batch_keeps_the_blob),
		CASE(test_compaction_keeps_what_lives),
		CASE(test_an_account_is_locked_by_one_at_a_time),
		CASE(test_other_accounts_are_not_blocked),
		CASE(test_the_same_account_twice_is_fine),
		CASE(test_no_update_is_lost_between_threads),
		CASE(test_blobs_can_be_read_while_they_are_compacted),
		CASE(test_check_finds_nothing_wrong_with_a_good_store),
		CASE(test_check_finds_a_reference_without_its_blob),
		CASE(test_figures_count),
	};
	int failed = 0;
	for (size_t i = 0; store_drivers[i]; i++) {
		driver = store_drivers[i];
		failed += cmocka_run_group_tests_name(driver->name, tests, NULL, NULL);
	}
	return failed;
}
