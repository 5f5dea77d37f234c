/* Every call to the driver made to fail in turn, under every kind of write: the store then says so,
 * and nothing of the write is there, or all of it. */
#include "store/key.h"
#include "store/row.h"
#include "store/test_support.h"

/* The memory driver, whose n-th call from now on fails. One store at a time, one thread. */
static struct {
	unsigned calls, fail_at; /* fail_at 0: none fails */
} faults;

static bool due(struct err *err)
{
	if (++faults.calls != faults.fail_at)
		return false;
	(void)err_temporary(err, ERR_UNAVAILABLE, "made to fail");
	return true;
}

static int faulty_begin(struct store_db *db, const struct id *accounts, size_t count,
	struct store_txn **ret_txn, struct err *err)
{
	return due(err) ? -1 : store_driver_memory.begin(db, accounts, count, ret_txn, err);
}

static int faulty_commit(struct store_txn *txn, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t blob_count, struct err *err)
{
	if (!due(err))
		return store_driver_memory.commit(txn, batch, blobs, blob_count, err);
	store_driver_memory.abort(txn);
	return -1;
}

static int faulty_get(struct store_db *db, struct store_txn *txn, struct slice key,
	struct buf *ret_value, struct err *err)
{
	return due(err) ? -1 : store_driver_memory.get(db, txn, key, ret_value, err);
}

static int faulty_scan(struct store_db *db, struct store_txn *txn, struct slice from,
	struct slice to, bool backward,
	bool (*visit)(void *context, struct slice key, struct slice value), void *context,
	struct err *err)
{
	return due(err)
		       ? -1
		       : store_driver_memory.scan(db, txn, from, to, backward, visit, context, err);
}

static int faulty_blob_len(struct store_db *db, struct id blob, uint64_t *ret_len, struct err *err)
{
	return due(err) ? -1 : store_driver_memory.blob_len(db, blob, ret_len, err);
}

static struct store_driver faulty_driver(void)
{
	struct store_driver driver = store_driver_memory;
	driver.begin = faulty_begin;
	driver.commit = faulty_commit;
	driver.get = faulty_get;
	driver.scan = faulty_scan;
	driver.blob_len = faulty_blob_len;
	return driver;
}

/* What the writes below work on. */
struct scene {
	struct store *store;
	struct id account, inbox, trash, blob;
};

typedef int step_function(struct scene *s, struct store_write *w, struct err *err);

static int deliver_step(struct scene *s, struct store_write *w, struct err *err)
{
	struct store_collection *c;
	struct store_object o = {.flags = STORE_COUNTED, .name = SLICE("third")};
	int r = store_write_collection(w, s->account, s->inbox, &c, err);
	o.blob = store_write_blob(w, SLICE("third"));
	return r ? r : store_write_object_new(w, c, &o, SLICE("facet"), err);
}

static int move_step(struct scene *s, struct store_write *w, struct err *err)
{
	struct store_collection *from, *to;
	struct store_object o;
	int r = store_write_collection(w, s->account, s->inbox, &from, err);
	if (r == 0)
		r = store_write_collection(w, s->account, s->trash, &to, err);
	if (r == 0)
		r = store_write_find_object(w, from, SLICE("first"), &o, err);
	if (r == 0)
		r = store_write_object_gone(w, from, &o, err);
	return r ? r : store_write_object_new(w, to, &o, SLICE("facet"), err);
}

static int rename_step(struct scene *s, struct store_write *w, struct err *err)
{
	struct store_collection *c, *made;
	int r = store_write_find_collection(w, s->account, STORE_MAILBOX, SLICE("INBOX"), &c, err);
	if (r != 0)
		return r;
	c->name = SLICE("Old");
	store_write_collection_changed(w, c);
	return store_write_collection_new(
		w, s->account, STORE_MAILBOX, SLICE("INBOX"), SLICE_NONE, &made, err);
}

static int delete_step(struct scene *s, struct store_write *w, struct err *err)
{
	struct store_collection *c;
	int r = store_write_collection(w, s->account, s->inbox, &c, err);
	return r ? r : store_write_collection_gone(w, c, err);
}

static int erase_step(struct scene *s, struct store_write *w, struct err *err)
{
	return store_write_account_gone(w, s->account, err);
}

static int run(struct scene *s, step_function *step, struct err *err)
{
	struct store_write *w;
	int r = store_write_begin(s->store, &s->account, 1, &w, err);
	if (r < 0)
		return r;
	r = step(s, w, err);
	if (r == 0)
		return store_write_commit(w, err);
	store_write_abort(w);
	return r;
}

static int first_step(struct scene *s, struct store_write *w, struct err *err)
{
	struct store_collection *inbox, *trash;
	struct store_object a = {.name = SLICE("first"), .flags = STORE_COUNTED};
	struct store_object b = {.name = SLICE("second")};
	done(store_write_collection_new(
		w, s->account, STORE_MAILBOX, SLICE("INBOX"), SLICE_NONE, &inbox, err));
	done(store_write_collection_new(
		w, s->account, STORE_MAILBOX, SLICE("Trash"), SLICE_NONE, &trash, err));
	s->inbox = inbox->id;
	s->trash = trash->id;
	a.blob = b.blob = store_write_blob(w, SLICE("shared"));
	done(store_write_object_new(w, inbox, &a, SLICE("facet"), err));
	return store_write_object_new(w, inbox, &b, SLICE("facet"), err);
}

static bool add_row(void *context, struct slice key, struct slice value)
{
	buf_add_slice(context, key);
	buf_add_slice(context, value);
	return true;
}

/* All rows, to compare with. */
static void dump(struct store *store, struct buf *to)
{
	struct store_db *db;
	struct err err;
	const struct store_driver *driver = store_driver_of(store, &db);
	faults.fail_at = 0;
	buf_clear(to);
	done(driver->scan(db, NULL, SLICE("!"), SLICE("~"), false, add_row, to, &err));
	assert_false(to->failed);
}

static void fail_each_call(step_function *step)
{
	struct store_driver driver = faulty_driver();
	AUTO(buf_free) struct buf before = BUF(1 << 20);
	AUTO(buf_free) struct buf after = BUF(1 << 20);
	unsigned failed = 0;
	int r = -1;
	for (unsigned n = 1; r != 0; n++) {
		struct err err = {0};
		faults.fail_at = 0;
		struct scene s = {.store = open_store(&driver), .account = id_new()};
		done(run(&s, first_step, &err));
		dump(s.store, &before);
		faults.calls = 0;
		faults.fail_at = n;
		r = run(&s, step, &err);
		dump(s.store, &after);
		if (r < 0) {
			assert_string_equal(err.text, "made to fail");
			assert_int_equal(err.class, ERR_TEMPORARY);
			assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
			failed++;
		}
		assert_true(r <= 0);
		/* The account is not left locked. */
		if (r < 0)
			done(run(&s, step, &err));
		assert_clean(s.store);
		store_close(s.store);
	}
	assert_true(failed >= 3);
	assert_false(slice_eq(buf_slice(&before), buf_slice(&after)));
}

static void a_delivery_fails_as_a_whole(void **state)
{
	fail_each_call(deliver_step);
}
static void a_move_fails_as_a_whole(void **state)
{
	fail_each_call(move_step);
}
static void a_rename_fails_as_a_whole(void **state)
{
	fail_each_call(rename_step);
}
static void deleting_a_collection_fails_as_a_whole(void **state)
{
	fail_each_call(delete_step);
}
static void deleting_an_account_fails_as_a_whole(void **state)
{
	fail_each_call(erase_step);
}

static void a_sweep_that_fails_anywhere_is_finished_by_the_next(void **state)
{
	struct store_driver driver = faulty_driver();
	int r = -1;
	for (unsigned n = 1; r != 0; n++) {
		struct err err = {0};
		struct store_write *w;
		struct store_collection *c;
		AUTO(buf_free) struct buf rows = BUF(1 << 20);
		faults.fail_at = 0;
		struct scene s = {.store = open_store(&driver), .account = id_new()};
		struct id box = make_collection(s.store, s.account, "box");
		done(store_write_begin(s.store, &s.account, 1, &w, &err));
		done(store_write_collection(w, s.account, box, &c, &err));
		for (int i = 0; i < 10000; i++) {
			struct store_object o = {.data = SLICE("x")};
			done(store_write_object_new(w, c, &o, SLICE_NONE, &err));
		}
		done(store_write_commit(w, &err));
		done(run(&s, erase_step, &err));
		faults.calls = 0;
		faults.fail_at = n;
		r = store_sweep(s.store, NULL, NULL, &err);
		faults.fail_at = 0;
		done(store_sweep(s.store, NULL, NULL, &err));
		dump(s.store, &rows);
		/* What is left is the format. */
		assert_int_equal(rows.len, 2);
		assert_int_equal(rows.data[0], KEY_FORMAT);
		assert_int_equal(rows.data[1], ROW_VERSION);
		store_close(s.store);
	}
}

static void opening_fails_when_the_driver_does(void **state)
{
	struct store_driver driver = faulty_driver();
	struct store_options options = {.driver = &driver};
	for (unsigned n = 1; n <= 3; n++) {
		struct store *store;
		struct err err;
		faults.calls = 0;
		faults.fail_at = n;
		assert_true(store_open(&options, &store, &err) < 0);
		assert_string_equal(err.text, "made to fail");
	}
}

static void a_check_says_when_it_could_not_look(void **state)
{
	struct store_driver driver = faulty_driver();
	struct scene s = {.account = id_new()};
	struct err err = {0};
	unsigned findings = 0;
	faults.fail_at = 0;
	s.store = open_store(&driver);
	done(run(&s, first_step, &err));
	int r = -1;
	for (unsigned n = 1; r != 0; n++) {
		faults.calls = 0;
		faults.fail_at = n;
		r = store_check(s.store, print_finding, NULL, &findings, &err);
		assert_true(r <= 0);
		if (r < 0)
			assert_string_equal(err.text, "made to fail");
		assert_int_equal(findings, 0);
	}
	assert_true(faults.calls > 20);
	faults.fail_at = 0;
	store_close(s.store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_delivery_fails_as_a_whole),
		cmocka_unit_test(a_move_fails_as_a_whole),
		cmocka_unit_test(a_rename_fails_as_a_whole),
		cmocka_unit_test(deleting_a_collection_fails_as_a_whole),
		cmocka_unit_test(deleting_an_account_fails_as_a_whole),
		cmocka_unit_test(a_sweep_that_fails_anywhere_is_finished_by_the_next),
		cmocka_unit_test(opening_fails_when_the_driver_does),
		cmocka_unit_test(a_check_says_when_it_could_not_look),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
