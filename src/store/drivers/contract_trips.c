/* What each call costs in round trips to a server: measured, printed as a table, and held to its
 * bound. Drivers that have no server have no table. */
#include "store/drivers/contract.h"

#include "base/alloc.h"

struct trips {
	struct fixture *f;
	uint64_t before;
};

static uint64_t now(const struct fixture *f)
{
	return contract_driver->figures(f->db).round_trips;
}

static void begin_counting(struct trips *t)
{
	t->before = now(t->f);
}

/* Prints the row; more than `bound` fails. */
static void counted(const struct trips *t, const char *what, uint64_t bound)
{
	uint64_t cost = now(t->f) - t->before;
	if (now(t->f) == 0)
		bound = 0;
	else
		print_message("| %-44s | %2llu |\n", what, (unsigned long long)cost);
	assert_true(cost <= bound);
}

static void fill(struct store_batch *batch, size_t count)
{
	store_batch_init(batch);
	for (size_t i = 0; i < count; i++) {
		char key[24];
		(void)snprintf(key, sizeof(key), "k%06zu", i);
		store_batch_put(batch, slice_str(key), SLICE("value"));
	}
}

static void count_commit(
	struct trips *t, const char *what, size_t puts, const struct store_new_blob *blob)
{
	struct store_batch batch;
	struct err err = {0};
	fill(&batch, puts);
	if (blob) {
		char key[18];
		contract_reference(blob->id, '1', key);
		store_batch_put(&batch, slice(key, sizeof(key)), SLICE_NONE);
	}
	struct store_txn *txn = contract_begin(t->f);
	begin_counting(t);
	assert_int_equal(contract_driver->commit(txn, &batch, blob, blob ? 1 : 0, &err), 0);
	counted(t, what, 1);
	store_batch_free(&batch);
}

static void count_begin_and_abort(struct trips *t)
{
	struct id accounts[3] = {id_new(), id_new(), id_new()};
	struct store_txn *txn;
	struct err err = {0};
	begin_counting(t);
	txn = contract_begin(t->f);
	counted(t, "begin, one account", 1);
	begin_counting(t);
	contract_driver->abort(txn);
	counted(t, "abort", 0);
	begin_counting(t);
	assert_int_equal(contract_driver->begin(t->f->db, accounts, 3, &txn, &err), 0);
	counted(t, "begin, three accounts", 1);
	contract_driver->abort(txn);
}

static bool stop_after(void *context, struct slice key, struct slice value)
{
	return --*(size_t *)context > 0;
}

static void count_scan(struct trips *t, const char *what, size_t rows, uint64_t bound)
{
	struct err err = {0};
	begin_counting(t);
	assert_int_equal(contract_driver->scan(t->f->db, NULL, SLICE("k"), SLICE("l"), false,
				 stop_after, &rows, &err),
		0);
	counted(t, what, bound);
	assert_int_equal(rows, 0);
}

static void count_blob_read(
	struct trips *t, const char *what, struct id blob, uint64_t len, uint64_t bound)
{
	AUTO(buf_free) struct buf got = BUF(32 << 20);
	struct err err = {0};
	begin_counting(t);
	assert_int_equal(contract_driver->blob_read(t->f->db, blob, 0, len, &got, &err), 0);
	counted(t, what, bound);
}

static void test_round_trips_do_not_grow_with_what_is_in_a_call(void **state)
{
	struct trips t = {.f = *state};
	AUTO_FREE char *bytes = contract_pattern(20 << 20, 1);
	struct store_new_blob small = {id_new(), slice(bytes, 10 << 10)},
			      large = {id_new(), slice(bytes, 20 << 20)};
	uint64_t len;
	struct err err = {0};
	contract_driver->abort(contract_begin(t.f)); /* a connection is there */
	count_begin_and_abort(&t);
	count_commit(&t, "commit, 1 put", 1, NULL);
	count_commit(&t, "commit, 6 puts and a blob of 10 KiB", 6, &small);
	count_commit(&t, "commit, 10,000 puts", 10000, NULL);
	count_commit(&t, "commit, 1 put and a blob of 20 MiB", 1, &large);
	begin_counting(&t);
	contract_value(t.f, "k000000", "value");
	counted(&t, "get", 1);
	count_scan(&t, "scan, 100 rows", 100, 1);
	count_scan(&t, "scan, 10,000 rows", 10000, 11);
	begin_counting(&t);
	assert_int_equal(contract_driver->blob_len(t.f->db, small.id, &len, &err), 0);
	counted(&t, "blob_len", 1);
	count_blob_read(&t, "blob_read, 10 KiB", small.id, UINT64_MAX, 1);
	count_blob_read(&t, "blob_read, the first 10 KiB of 20 MiB", large.id, 10 << 10, 1);
	count_blob_read(&t, "blob_read, 20 MiB", large.id, UINT64_MAX, 2);
}

int contract_trips(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT_CASE(test_round_trips_do_not_grow_with_what_is_in_a_call),
	};
	return cmocka_run_group_tests_name("round trips", tests, NULL, NULL);
}
