/* The contract on threads: account locks, and reading beside commits and compaction. */
#include "store/drivers/contract.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

struct waiter {
	struct fixture *f;
	_Atomic bool got;
};

static void *lock_and_note(void *argument)
{
	struct waiter *w = argument;
	struct store_txn *txn = contract_begin(w->f);
	atomic_store(&w->got, true);
	contract_driver->abort(txn);
	return NULL;
}

static void test_an_account_is_locked_by_one_at_a_time(void **state)
{
	struct waiter w = {.f = *state};
	pthread_t thread;
	struct store_txn *txn = contract_begin(w.f);
	assert_int_equal(pthread_create(&thread, NULL, lock_and_note, &w), 0);
	usleep(20000);
	assert_false(atomic_load(&w.got));
	contract_driver->abort(txn);
	(void)pthread_join(thread, NULL);
	assert_true(atomic_load(&w.got));
}

/* Many accounts in as many txns as every driver holds. */
static void test_other_accounts_are_not_blocked(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};
	struct store_txn *txn = contract_begin(f), *others[STORE_TXNS - 1];
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct id accounts[40];
		for (size_t k = 0; k < ARRAY_LEN(accounts); k++)
			accounts[k] = id_new();
		assert_int_equal(contract_driver->begin(
					 f->db, accounts, ARRAY_LEN(accounts), &others[i], &err),
			0);
	}
	contract_no_key(f, "a"); /* who holds them can go on reading */
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		contract_driver->abort(others[i]);
	contract_driver->abort(txn);
}

static void test_the_same_account_twice_is_fine(void **state)
{
	struct fixture *f = *state;
	struct id twice[3] = {f->account, id_new(), f->account};
	struct store_txn *txn;
	struct err err = {0};
	assert_int_equal(contract_driver->begin(f->db, twice, 3, &txn, &err), 0);
	contract_driver->abort(txn);
	assert_int_equal(contract_driver->begin(f->db, NULL, 0, &txn, &err), 0);
	contract_driver->abort(txn);
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
	assert_int_equal(contract_driver->begin(c->f->db, pair, 2, &txn, &err), 0);
	for (size_t i = 0; i < (a == b ? 1 : 2); i++) {
		AUTO(buf_free) struct buf value = BUF(100);
		char key[8], text[16];
		uint64_t n = 0;
		(void)snprintf(key, sizeof(key), "n%zu", each[i]);
		int rc = contract_driver->get(c->f->db, txn, slice_str(key), &value, &err);
		assert_true(rc >= 0);
		if (rc == 0)
			assert_true(slice_to_u64(buf_slice(&value), UINT64_MAX, &n));
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n + 1);
		store_batch_put(&batch, slice_str(key), slice_str(text));
	}
	assert_int_equal(contract_driver->commit(txn, &batch, NULL, 0, &err), 0);
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
		contract_value(c.f, key, text);
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
		if (contract_driver->blob_read(r->f->db, r->blob, 0, UINT64_MAX, &got, &err) != 0 ||
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
	AUTO_FREE char *bytes = contract_pattern(LEN, 9);
	struct reading r = {.f = *state, .whole = slice(bytes, LEN)};
	pthread_t thread;
	uint64_t freed;
	r.blob = contract_add_blob(r.f, r.whole, "1");
	assert_int_equal(pthread_create(&thread, NULL, read_on, &r), 0);
	while (atomic_load(&r.reads) == 0)
		usleep(1000);
	for (size_t i = 0; i < 10; i++) {
		struct id other = contract_add_blob(r.f, r.whole, "1");
		contract_drop(r.f, other, '1');
		contract_compact(r.f, &freed);
	}
	atomic_store(&r.stop, true);
	(void)pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&r.wrong), 0);
}

int contract_threads(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT_CASE(test_an_account_is_locked_by_one_at_a_time),
		CONTRACT_CASE(test_other_accounts_are_not_blocked),
		CONTRACT_CASE(test_the_same_account_twice_is_fine),
		CONTRACT_CASE(test_no_update_is_lost_between_threads),
		CONTRACT_CASE(test_blobs_can_be_read_while_they_are_compacted),
	};
	return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
