/* Many objects: deletions in pieces that go on after a restart, changes of thousands in one write,
 * scans of a hundred thousand. */
#include "store/test_support.h"

static struct store_write *begin(
	struct fixture *f, struct id collection, struct store_collection **ret_c)
{
	struct store_write *w;
	done(store_write_begin(f->store, &f->account, 1, &w, &f->err));
	done(store_write_collection(w, f->account, collection, ret_c, &f->err));
	return w;
}

static void fill(struct fixture *f, struct id collection, unsigned count)
{
	struct store_collection *c;
	for (unsigned left = count; left > 0;) {
		struct store_write *w = begin(f, collection, &c);
		unsigned n = MIN(left, 20000u);
		struct id blob = store_write_blob(w, SLICE("shared"));
		for (unsigned i = 0; i < n; i++) {
			struct store_object o = {.blob = blob, .flags = STORE_COUNTED};
			done(store_write_object_new(w, c, &o, SLICE("facet"), &f->err));
		}
		done(store_write_commit(w, &f->err));
		left -= n;
	}
}

struct seen {
	uint32_t last, count;
};

static bool see_object(void *context, const struct store_object *o)
{
	struct seen *s = context;
	s->count++;
	s->count += o->number <= s->last ? 1000000 : 0;
	s->last = o->number;
	return true;
}

static void a_hundred_thousand_objects_are_scanned_in_order(void **state)
{
	struct fixture *f = *state;
	struct seen s = {0};
	fill(f, f->inbox, 100000);
	done(store_scan_objects(
		f->store, f->account, f->inbox, 1, UINT32_MAX, see_object, &s, &f->err));
	assert_int_equal(s.count, 100000);
	s = (struct seen){0};
	done(store_scan_objects(
		f->store, f->account, f->inbox, 70000, 70009, see_object, &s, &f->err));
	assert_int_equal(s.count, 10);
	done(store_scan_objects(f->store, f->account, f->inbox, 9, 8, see_object, &s, &f->err));
	assert_int_equal(s.count, 10);
}

static bool count_change(void *context, const struct store_change *change)
{
	*(unsigned *)context += 1;
	return true;
}

static void ten_thousand_changes_fit_into_one_write(void **state)
{
	struct fixture *f = *state;
	struct store_collection *c;
	struct store_account before;
	unsigned changed = 0;
	fill(f, f->inbox, 10000);
	done(store_get_account(f->store, f->account, &before, &f->err));
	struct store_write *w = begin(f, f->inbox, &c);
	for (uint32_t n = 1; n <= 10000; n++) {
		struct store_object o;
		done(store_write_get_object(w, c, n, &o, &f->err));
		o.data = SLICE("flagged");
		done(store_write_object(w, c, &o, SLICE_NONE, &f->err));
	}
	done(store_write_commit(w, &f->err));
	done(store_scan_changes(
		f->store, f->account, f->inbox, before.change, count_change, &changed, &f->err));
	assert_int_equal(changed, 10000);
}

static uint64_t blobs_kept(struct fixture *f)
{
	struct store_db *db;
	uint64_t freed;
	const struct store_driver *driver = store_driver_of(f->store, &db);
	done(driver->compact(db, true, NULL, NULL, &freed, &f->err));
	return freed;
}

static bool key_seen(void *context, struct slice key, struct slice value)
{
	*(unsigned *)context += 1;
	return true;
}

static unsigned keys_of(struct fixture *f, char tag)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(f->store, &db);
	char to = tag + 1;
	unsigned count = 0;
	done(driver->scan(
		db, NULL, slice(&tag, 1), slice(&to, 1), false, key_seen, &count, &f->err));
	return count;
}

static bool stop_at_once(void *context, const char *what, uint64_t done_count, uint64_t total)
{
	return false;
}

static bool list_nothing(void *context, const struct store_change *change)
{
	fail();
	return false;
}

static void a_large_collection_is_gone_at_once_and_swept_in_pieces(void **state)
{
	struct fixture *f = *state;
	struct id big = make_collection(f->store, f->account, "big");
	struct store_collection *c, got;
	struct store_object o;
	struct store_account a;
	fill(f, big, 30000);
	deliver(f->store, f->account, f->inbox, "stays");
	struct store_write *w = begin(f, big, &c);
	done(store_write_collection_gone(w, c, &f->err));
	done(store_write_commit(w, &f->err));

	assert_true(keys_of(f, 'o') > 20000);
	assert_int_equal(store_get_collection(f->store, f->account, big, &f->arena, &got, &f->err),
		STORE_ABSENT);
	assert_int_equal(store_get_object(f->store, f->account, big, 30000, &f->arena, &o, &f->err),
		STORE_ABSENT);
	assert_int_equal(
		store_scan_changes(f->store, f->account, big, 0, list_nothing, NULL, &f->err),
		STORE_ABSENT);
	done(store_get_account(f->store, f->account, &a, &f->err));
	assert_int_equal(a.count, 1);
	assert_int_equal(a.bytes, 5);

	/* Stopped after a piece, it begins again where rows are left. */
	assert_int_equal(store_sweep(f->store, stop_at_once, NULL, &f->err), STORE_STOPPED);
	assert_true(keys_of(f, 'o') > 1);
	done(store_sweep(f->store, NULL, NULL, &f->err));
	assert_int_equal(keys_of(f, 'o'), 1);
	assert_int_equal(keys_of(f, 'c'), 1);
	assert_int_equal(keys_of(f, 'f'), 1);
	assert_int_equal(keys_of(f, 'r'), 1);
	assert_int_equal(keys_of(f, 'g'), 0);
	assert_int_equal(keys_of(f, 'd'), 1);
	assert_int_equal(blobs_kept(f), 0);
	assert_int_equal(keys_of(f, '!'), 1);
}

static void a_small_collection_leaves_nothing_to_sweep(void **state)
{
	struct fixture *f = *state;
	struct id box = make_collection(f->store, f->account, "small");
	struct store_collection *c;
	deliver(f->store, f->account, box, "one");
	deliver(f->store, f->account, box, "two");
	struct store_write *w = begin(f, box, &c);
	struct store_object o, added = {.blob = store_write_blob(w, SLICE("three"))};
	/* What the same write did before goes too. */
	done(store_write_object_new(w, c, &added, SLICE("facet"), &f->err));
	done(store_write_get_object(w, c, 1, &o, &f->err));
	done(store_write_object(w, c, &o, SLICE("facet"), &f->err));
	done(store_write_collection_gone(w, c, &f->err));
	assert_true(store_write_object_new(w, c, &added, SLICE_NONE, &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_ABSENT);
	done(store_write_commit(w, &f->err));
	assert_int_equal(keys_of(f, 'o') + keys_of(f, 'c') + keys_of(f, 'f') + keys_of(f, 'r'), 0);
	assert_int_equal(keys_of(f, 'g') + keys_of(f, '!'), 0);
}

static void delete_account(struct fixture *f, struct id account)
{
	struct store_write *w;
	done(store_write_begin(f->store, &account, 1, &w, &f->err));
	done(store_write_account_gone(w, account, &f->err));
	done(store_write_commit(w, &f->err));
}

static unsigned all_keys(struct fixture *f)
{
	unsigned count = 0;
	for (char tag = '!'; tag < 127; tag++)
		count += tag == 'v' ? 0 : keys_of(f, tag);
	return count;
}

static void nothing_remains_of_a_deleted_account(void **state)
{
	struct fixture *f = *state;
	struct store_account a;
	struct store_object named = {.name = SLICE("name")};
	struct store_collection *c;
	deliver(f->store, f->account, f->inbox, "body");
	struct store_write *w = begin(f, f->inbox, &c);
	done(store_write_object_new(w, c, &named, SLICE_NONE, &f->err));
	done(store_write_commit(w, &f->err));
	delete_account(f, f->account);
	assert_int_equal(store_get_account(f->store, f->account, &a, &f->err), STORE_ABSENT);
	assert_int_equal(all_keys(f), 0);
}

static void a_large_account_says_gone_until_it_is_swept_and_takes_no_changes(void **state)
{
	struct fixture *f = *state;
	struct store_account a;
	struct store_collection *c, got;
	struct store_write *w;
	fill(f, f->inbox, 10000);
	delete_account(f, f->account);
	done(store_get_account(f->store, f->account, &a, &f->err));
	assert_true(a.gone);
	assert_int_equal(
		store_get_collection(f->store, f->account, f->inbox, &f->arena, &got, &f->err),
		STORE_ABSENT);
	done(store_write_begin(f->store, &f->account, 1, &w, &f->err));
	assert_true(store_write_collection_new(w, f->account, STORE_MAILBOX, SLICE("new"),
			    SLICE_NONE, &c, &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_ABSENT);
	store_write_abort(w);
	done(store_sweep(f->store, NULL, NULL, &f->err));
	assert_int_equal(store_get_account(f->store, f->account, &a, &f->err), STORE_ABSENT);
	assert_int_equal(all_keys(f), 0);
}

static void many_collections_deleted_in_one_write_leave_their_rows_to_the_sweep(void **state)
{
	struct fixture *f = *state;
	struct id boxes[4];
	struct store_write *w;
	for (size_t i = 0; i < 4; i++) {
		char name[] = {(char)('a' + i), 0};
		boxes[i] = make_collection(f->store, f->account, name);
		fill(f, boxes[i], 3000);
	}
	done(store_write_begin(f->store, &f->account, 1, &w, &f->err));
	for (size_t i = 0; i < 4; i++) {
		struct store_collection *c;
		done(store_write_collection(w, f->account, boxes[i], &c, &f->err));
		done(store_write_collection_gone(w, c, &f->err));
	}
	done(store_write_commit(w, &f->err));
	assert_int_equal(keys_of(f, 'g'), 4);
	/* Deleting the account covers its collections' sweeps. */
	delete_account(f, f->account);
	done(store_sweep(f->store, NULL, NULL, &f->err));
	assert_int_equal(all_keys(f), 0);
}

static void a_write_refuses_more_objects_than_it_may_hold(void **state)
{
	struct fixture *f = *state;
	struct store_collection *c;
	struct store_write *w = begin(f, f->inbox, &c);
	struct store_object o = {.data = SLICE("x")};
	for (unsigned i = 0; i < STORE_WRITE_OBJECTS_MAX; i++)
		done(store_write_object_new(w, c, &o, SLICE_NONE, &f->err));
	assert_true(store_write_object_new(w, c, &o, SLICE_NONE, &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_LIMIT);
	store_write_abort(w);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_hundred_thousand_objects_are_scanned_in_order),
		TEST(ten_thousand_changes_fit_into_one_write),
		TEST(a_large_collection_is_gone_at_once_and_swept_in_pieces),
		TEST(a_small_collection_leaves_nothing_to_sweep),
		TEST(nothing_remains_of_a_deleted_account),
		TEST(a_large_account_says_gone_until_it_is_swept_and_takes_no_changes),
		TEST(many_collections_deleted_in_one_write_leave_their_rows_to_the_sweep),
		TEST(a_write_refuses_more_objects_than_it_may_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
