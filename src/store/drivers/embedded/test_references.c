/* Which keys refer to a blob: those of all accounts, whatever their ids begin with. Ids of users
 * who are kept in a directory elsewhere begin with 0xff. */
#include "store/drivers/embedded/test_support.h"

enum { REFERENCE = 1 + ID_SIZE + ID_SIZE };

static struct slice reference(struct id blob, unsigned char account, char to[REFERENCE])
{
	to[0] = STORE_KEY_BLOB_REF;
	memcpy(to + 1, blob.bytes, ID_SIZE);
	memset(to + 1 + ID_SIZE, account, ID_SIZE);
	return slice(to, REFERENCE);
}

static bool is_within(const struct embedded_references *r, struct slice key)
{
	return slice_cmp(slice(r->from, sizeof(r->from)), key) <= 0 &&
	       slice_cmp(key, slice(r->to, r->to_len)) < 0;
}

static void test_a_range_has_all_of_one_blob_and_none_of_another(void **state)
{
	struct id blobs[] = {test_blob(1), test_blob(0xff), ID_NONE, {{0}}};
	memset(blobs[3].bytes, 0xff, ID_SIZE);
	for (size_t i = 0; i < ARRAY_LEN(blobs); i++) {
		struct embedded_references r;
		char key[REFERENCE];
		embedded_references_of(blobs[i], &r);
		assert_true(is_within(&r, reference(blobs[i], 0, key)));
		assert_true(is_within(&r, reference(blobs[i], 0xff, key)));
		for (size_t other = 0; other < ARRAY_LEN(blobs); other++)
			assert_true(
				other == i || !is_within(&r, reference(blobs[other], 0xff, key)));
	}
}

static int is_there(struct place_of_test *p, uint64_t n)
{
	struct embedded_position place;
	return embedded_index_place(&p->db->index, test_blob(n), &place, NULL) == 0;
}

static void test_what_an_unread_row_may_refer_to_stays(void **state)
{
	struct place_of_test *p = *state;
	char from[REFERENCE], to[REFERENCE];
	struct err err;
	test_open(p);
	assert_int_equal(test_commit(p, 1, &err), 0);
	assert_int_equal(test_release(p, 1, &err), 0);
	struct slice first = reference(test_blob(1), 0xff, from),
		     end = reference(test_blob(1), 0xff, to);
	from[REFERENCE - 1] = 0;
	embedded_gaps_add(&p->db->gaps, first, end);
	assert_int_equal(embedded_sweep(p->db, &err), 0);
	assert_true(is_there(p, 1));
	assert_true(embedded_gaps_close(&p->db->gaps, first, end));
	assert_int_equal(embedded_sweep(p->db, &err), 0);
	assert_false(is_there(p, 1));
}

static void test_a_blob_beside_one_that_is_referred_to_goes(void **state)
{
	struct place_of_test *p = *state;
	struct err err;
	test_open(p);
	for (uint64_t n = 1; n <= 3; n++)
		assert_int_equal(test_commit(p, n, &err), 0);
	assert_int_equal(test_release(p, 2, &err), 0);
	assert_int_equal(embedded_sweep(p->db, &err), 0);
	assert_true(is_there(p, 1) && !is_there(p, 2) && is_there(p, 3));
	assert_int_equal(embedded_is_referred(&p->db->index, test_blob(1), &err), 1);
	assert_int_equal(embedded_is_referred(&p->db->index, test_blob(2), &err), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_range_has_all_of_one_blob_and_none_of_another),
		CASE(test_what_an_unread_row_may_refer_to_stays),
		CASE(test_a_blob_beside_one_that_is_referred_to_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
