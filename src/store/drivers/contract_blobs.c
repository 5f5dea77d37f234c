/* The contract on blobs: ranges, how long they live, compaction. */
#include "store/drivers/contract.h"

#include "base/alloc.h"

static void assert_no_blob(struct fixture *f, struct id blob)
{
	AUTO(buf_free) struct buf got = BUF(8 << 20);
	struct err err = {0};
	uint64_t len;
	assert_int_equal(contract_driver->blob_read(f->db, blob, 0, 10, &got, &err), STORE_ABSENT);
	assert_int_equal(contract_driver->blob_len(f->db, blob, &len, &err), STORE_ABSENT);
}

static void test_blob_ranges_are_exact(void **state)
{
	struct fixture *f = *state;
	static const size_t sizes[] = {
		0, 1, 7, 4096, 65535, 65536, 65537, 200000, 1 << 21, 3000001};
	static const uint64_t edges[] = {0, 1, 5, 65530, 65535, 65536, 65537, 131072, 1048575,
		1048576, 1048577, 2999999, 3000001, 9000000};
	for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
		AUTO_FREE char *bytes = contract_pattern(sizes[s], (unsigned)s);
		struct slice whole = slice(bytes, sizes[s]);
		struct id blob = contract_add_blob(f, whole, "1");
		struct err err = {0};
		uint64_t len = 99;
		assert_int_equal(contract_driver->blob_len(f->db, blob, &len, &err), 0);
		assert_int_equal(len, sizes[s]);
		contract_range(f, blob, whole, 0, UINT64_MAX);
		for (size_t i = 0; i < ARRAY_LEN(edges); i++)
			for (size_t k = 0; k < ARRAY_LEN(edges); k++)
				contract_range(f, blob, whole, edges[i], edges[k]);
	}
}

static void test_an_unknown_blob_is_absent(void **state)
{
	assert_no_blob(*state, id_new());
}

static void test_a_whole_blob_fits_a_buffer_of_its_size(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *bytes = contract_pattern(100000, 1);
	struct id blob = contract_add_blob(f, slice(bytes, 100000), "1");
	AUTO(buf_free) struct buf got = BUF(100000), small = BUF(10), part = BUF(1000);
	struct err err = {0};
	assert_int_equal(contract_driver->blob_read(f->db, blob, 0, 100000, &got, &err), 0);
	assert_int_equal(got.len, 100000);
	assert_int_equal(contract_driver->blob_read(f->db, blob, 70000, 1000, &part, &err), 0);
	assert_int_equal(part.len, 1000);
	assert_true(contract_driver->blob_read(f->db, blob, 0, 100000, &small, &err) < 0);
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
			id_new(), slice(contract_pattern(1000 * i, (unsigned)i), 1000 * i)};
		contract_reference(blobs[i].id, '1', key);
		store_batch_put(&batch, slice(key, sizeof(key)), SLICE_NONE);
	}
	contract_commit(f, &batch, blobs, ARRAY_LEN(blobs));
	for (size_t i = 0; i < ARRAY_LEN(blobs); i++) {
		contract_range(f, blobs[i].id, blobs[i].bytes, 0, UINT64_MAX);
		free((void *)(uintptr_t)blobs[i].bytes.ptr);
	}
}

static void test_a_blob_lives_until_its_last_reference_goes(void **state)
{
	struct fixture *f = *state;
	uint64_t freed;
	AUTO_FREE char *bytes = contract_pattern(50000, 3);
	struct slice whole = slice(bytes, 50000);
	struct id kept = contract_add_blob(f, whole, "1");
	struct id blob = contract_add_blob(f, whole, "12");
	contract_drop(f, blob, '1');
	contract_compact(f, &freed);
	contract_range(f, blob, whole, 0, UINT64_MAX);
	contract_drop(f, blob, '2');
	contract_compact(f, &freed);
	assert_no_blob(f, blob);
	contract_range(f, kept, whole, 0, UINT64_MAX);
}

static void test_a_reference_that_moves_in_one_batch_keeps_the_blob(void **state)
{
	struct fixture *f = *state;
	uint64_t freed;
	struct id blob = contract_add_blob(f, SLICE("a body"), "1");
	char from[18], to[18];
	struct store_batch batch;
	contract_reference(blob, '1', from);
	contract_reference(blob, '2', to);
	store_batch_init(&batch);
	store_batch_delete(&batch, slice(from, sizeof(from)));
	store_batch_put(&batch, slice(to, sizeof(to)), SLICE_NONE);
	store_batch_release(&batch, blob);
	contract_commit(f, &batch, NULL, 0);
	contract_compact(f, &freed);
	contract_range(f, blob, SLICE("a body"), 0, UINT64_MAX);
}

static void test_compaction_keeps_what_lives(void **state)
{
	struct fixture *f = *state;
	enum { COUNT = 200, LEN = 30000 };
	struct id ids[COUNT];
	uint64_t freed;
	for (size_t i = 0; i < COUNT; i++) {
		AUTO_FREE char *bytes = contract_pattern(LEN, (unsigned)i);
		ids[i] = contract_add_blob(f, slice(bytes, LEN), "1");
	}
	for (size_t i = 0; i < COUNT; i++)
		if (i % 4)
			contract_drop(f, ids[i], '1');
	contract_compact(f, &freed);
	for (size_t i = 0; i < COUNT; i++) {
		AUTO_FREE char *bytes = contract_pattern(LEN, (unsigned)i);
		if (i % 4)
			assert_no_blob(f, ids[i]);
		else
			contract_range(f, ids[i], slice(bytes, LEN), 0, UINT64_MAX);
	}
}

int contract_blobs(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT_CASE(test_blob_ranges_are_exact),
		CONTRACT_CASE(test_an_unknown_blob_is_absent),
		CONTRACT_CASE(test_a_whole_blob_fits_a_buffer_of_its_size),
		CONTRACT_CASE(test_several_blobs_come_with_one_batch),
		CONTRACT_CASE(test_a_blob_lives_until_its_last_reference_goes),
		CONTRACT_CASE(test_a_reference_that_moves_in_one_batch_keeps_the_blob),
		CONTRACT_CASE(test_compaction_keeps_what_lives),
	};
	return cmocka_run_group_tests_name("blobs", tests, NULL, NULL);
}
