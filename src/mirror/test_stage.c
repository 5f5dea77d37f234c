/* Bodies that came before the rows that refer to them. */
#include "mirror/stage.h"

#include "mirror/driver_internal.h"
#include "mirror/test_pair.h"

#include "base/bytes.h"
#include "base/test.h"

#define done(call) assert_int_equal((call), 0)

static int set_up(void **state)
{
	*state = pair_new();
	return 0;
}

static int tear_down(void **state)
{
	pair_free(*state);
	return 0;
}

static struct store_db *db_of(struct mirror *mirror)
{
	return (struct store_db *)mirror;
}

static uint64_t linking_of(struct mirror *mirror)
{
	return atomic_load(&db_of(mirror)->leases.epoch);
}

/* After what nothing refers to is gone. */
static bool is_there(struct mirror *mirror, struct id blob)
{
	struct store_db *m = db_of(mirror);
	struct err err;
	uint64_t freed, len;
	done(m->inner->compact(m->db, true, NULL, NULL, &freed, &err));
	return m->inner->blob_len(m->db, blob, &len, &err) == 0;
}

static void add_body(struct buf *to, struct id id, const char *text)
{
	buf_add_slice(to, id_slice(&id));
	bytes_add_counted(to, slice_str(text));
}

static void stage(struct mirror *mirror, struct id account, struct id blob)
{
	AUTO(buf_free) struct buf bytes = BUF(1000);
	struct err err;
	size_t count;
	add_body(&bytes, blob, "body");
	done(mirror_stage_bodies(
		mirror, linking_of(mirror), &account, buf_slice(&bytes), &count, &err));
	assert_int_equal(count, 1);
}

static void settle(struct mirror *mirror, struct id account)
{
	struct store_batch rows;
	struct err err;
	store_batch_init(&rows);
	done(mirror_stage_settle(mirror, account, &rows, &err));
	store_batch_free(&rows);
}

static void a_body_that_came_stays_until_its_account_is_settled(void **state)
{
	struct mirror *mirror = pair_node(*state, 0)->mirror;
	struct id mine = id_new(), other = id_new(), first = id_new(), second = id_new();
	stage(mirror, mine, first);
	stage(mirror, other, second);
	assert_true(is_there(mirror, first));
	settle(mirror, mine);
	assert_false(is_there(mirror, first));
	assert_true(is_there(mirror, second));
	settle(mirror, other);
	assert_false(is_there(mirror, second));
}

static void a_body_that_two_accounts_wait_for_stays_for_both(void **state)
{
	struct mirror *mirror = pair_node(*state, 0)->mirror;
	struct id mine = id_new(), other = id_new(), ids[] = {id_new(), id_new()};
	AUTO(buf_free) struct buf absent = BUF(1000);
	struct err err;
	stage(mirror, mine, ids[0]);
	done(mirror_stage_ids(
		mirror, linking_of(mirror), other, ids, ARRAY_LEN(ids), &absent, &err));
	assert_true(slice_eq(buf_slice(&absent), id_slice(&ids[1])));
	settle(mirror, mine);
	assert_true(is_there(mirror, ids[0]));
	settle(mirror, other);
	assert_false(is_there(mirror, ids[0]));
}

static void bodies_wait_for_nobody_who_stages_others(void **state)
{
	struct mirror *mirror = pair_node(*state, 0)->mirror;
	struct store_db *m = db_of(mirror);
	struct id blob = id_new();
	struct store_txn *txn;
	struct err err;
	done(m->inner->begin(m->db, &STORE_STAGING_ACCOUNT, 1, &txn, &err));
	stage(mirror, id_new(), blob);
	m->inner->abort(txn);
	assert_true(is_there(mirror, blob));
}

static void a_meeting_drops_what_the_last_one_left(void **state)
{
	struct mirror *mirror = pair_node(*state, 0)->mirror;
	struct id blob = id_new();
	struct err err;
	stage(mirror, id_new(), blob);
	done(mirror_stage_clear(mirror, &err));
	assert_false(is_there(mirror, blob));
}

static void a_body_that_comes_too_late_is_not_taken(void **state)
{
	struct mirror *mirror = pair_node(*state, 0)->mirror;
	AUTO(buf_free) struct buf bytes = BUF(1000);
	struct id account = id_new(), blob = id_new();
	struct err err;
	size_t count;
	add_body(&bytes, blob, "body");
	assert_true(mirror_stage_bodies(mirror, linking_of(mirror) + 1, &account, buf_slice(&bytes),
			    &count, &err) < 0);
	assert_false(is_there(mirror, blob));
}

static void bodies_that_are_cut_short_are_refused(void **state)
{
	struct mirror *mirror = pair_node(*state, 0)->mirror;
	AUTO(buf_free) struct buf bytes = BUF(1000);
	struct id account = id_new(), first = id_new(), second = id_new();
	struct err err;
	size_t count;
	add_body(&bytes, first, "first");
	size_t whole = bytes.len;
	add_body(&bytes, second, "second");
	for (size_t len = whole + 1; len < bytes.len; len++)
		assert_true(mirror_stage_bodies(mirror, linking_of(mirror), &account,
				    slice(bytes.data, len), &count, &err) < 0);
	assert_false(is_there(mirror, first));
}

static void what_is_given_is_what_is_taken(void **state)
{
	struct mirror *a = pair_node(*state, 0)->mirror, *b = pair_node(*state, 1)->mirror;
	AUTO(buf_free) struct buf bytes = BUF(1000);
	AUTO(buf_free) struct buf body = BUF(1000);
	struct id account = id_new(), blob = id_new();
	struct err err;
	size_t count;
	stage(a, account, blob);
	done(mirror_stage_add(a, blob, &bytes, &err));
	size_t len = bytes.len;
	assert_int_equal(mirror_stage_add(a, id_new(), &bytes, &err), STORE_ABSENT);
	assert_int_equal(bytes.len, len);
	done(mirror_stage_bodies(b, linking_of(b), &account, buf_slice(&bytes), &count, &err));
	done(db_of(b)->inner->blob_read(db_of(b)->db, blob, 0, UINT64_MAX, &body, &err));
	assert_true(slice_eq(buf_slice(&body), SLICE("body")));
}

#define STAGE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(a_body_that_came_stays_until_its_account_is_settled),
		STAGE_TEST(a_body_that_two_accounts_wait_for_stays_for_both),
		STAGE_TEST(bodies_wait_for_nobody_who_stages_others),
		STAGE_TEST(a_meeting_drops_what_the_last_one_left),
		STAGE_TEST(a_body_that_comes_too_late_is_not_taken),
		STAGE_TEST(bodies_that_are_cut_short_are_refused),
		STAGE_TEST(what_is_given_is_what_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
