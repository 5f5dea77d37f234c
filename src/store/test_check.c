/* The check: rows are damaged one after the other, below the store, and each is named. Also rows
 * and batches by themselves. */
#include "store/test_support.h"

#include "store/key.h"
#include "store/row.h"

struct findings {
	unsigned count;
	char first_object[200], first_text[200], text[200]; /* text: of the last */
};

static void take(void *context, const struct store_finding *finding)
{
	struct findings *f = context;
	if (f->count++ == 0) {
		(void)snprintf(f->first_object, sizeof(f->first_object), "%s", finding->object);
		(void)snprintf(f->first_text, sizeof(f->first_text), "%s", finding->text);
	}
	(void)snprintf(f->text, sizeof(f->text), "%s", finding->text);
}

static void write_row(struct fixture *f, const struct key *key, struct slice value, bool gone)
{
	struct store_db *db;
	struct store_txn *txn;
	struct store_batch batch;
	const struct store_driver *driver = store_driver_of(f->store, &db);
	store_batch_init(&batch);
	if (gone)
		store_batch_delete(&batch, key_slice(key));
	else
		store_batch_put(&batch, key_slice(key), value);
	done(driver->begin(db, &f->account, 1, &txn, &f->err));
	done(driver->commit(txn, &batch, NULL, 0, &f->err));
	store_batch_free(&batch);
}

static void read_row(struct fixture *f, const struct key *key, struct buf *row)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(f->store, &db);
	buf_clear(row);
	done(driver->get(db, NULL, key_slice(key), row, &f->err));
}

static struct findings check(struct fixture *f)
{
	struct findings found = {0};
	done(store_check(f->store, take, NULL, &found, &f->err));
	return found;
}

/* Writes `value` (or nothing) at the key, checks, and puts back what was there. */
static struct findings check_with(
	struct fixture *f, const struct key *key, struct slice value, bool gone)
{
	AUTO(buf_free) struct buf was = BUF(ROW_MAX);
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(f->store, &db);
	int had = driver->get(db, NULL, key_slice(key), &was, &f->err);
	write_row(f, key, value, gone);
	struct findings found = check(f);
	write_row(f, key, buf_slice(&was), had == STORE_ABSENT);
	assert_clean(f->store);
	assert_true(found.count >= 1);
	return found;
}

static void deliver_named(struct fixture *f)
{
	struct store_write *w;
	struct store_collection *c;
	struct store_object o = {.name = SLICE("name"), .flags = STORE_COUNTED};
	done(store_write_begin(f->store, &f->account, 1, &w, &f->err));
	done(store_write_collection(w, f->account, f->inbox, &c, &f->err));
	o.blob = store_write_blob(w, SLICE("body"));
	done(store_write_object_new(w, c, &o, SLICE("facet"), &f->err));
	done(store_write_commit(w, &f->err));
}

static void a_lost_row_of_any_kind_is_found(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct key key;
	deliver_named(f);
	done(store_get_object(f->store, f->account, f->inbox, 1, &f->arena, &o, &f->err));
	key_of_account(&key, KEY_ACCOUNT, f->account);
	(void)check_with(f, &key, SLICE_NONE, true);
	key_of_collection(&key, KEY_COLLECTION, f->account, f->inbox);
	(void)check_with(f, &key, SLICE_NONE, true);
	key_of_object(&key, KEY_OBJECT, f->account, f->inbox, 1);
	(void)check_with(f, &key, SLICE_NONE, true);
	key_of_change(&key, f->account, f->inbox, o.change, 1);
	(void)check_with(f, &key, SLICE_NONE, true);
	key_of_ref(&key, o.blob, f->account, f->inbox, 1);
	(void)check_with(f, &key, SLICE_NONE, true);
	key_of_object_name(&key, f->account, f->inbox, SLICE("name"));
	(void)check_with(f, &key, SLICE_NONE, true);
	key_of_collection_name(&key, f->account, STORE_MAILBOX, SLICE("INBOX"));
	(void)check_with(f, &key, SLICE_NONE, true);
}

static void a_stray_row_of_any_kind_is_found(void **state)
{
	struct fixture *f = *state;
	struct key key;
	char gone[ROW_GONE_LEN];
	deliver_named(f);
	AUTO(buf_free) struct buf object = BUF(ROW_MAX);
	key_of_object(&key, KEY_OBJECT, f->account, f->inbox, 1);
	read_row(f, &key, &object);
	key_of_object(&key, KEY_OBJECT, f->account, f->inbox, 2);
	(void)check_with(f, &key, buf_slice(&object), false);
	key_of_object(&key, KEY_OBJECT, f->account, id_new(), 1);
	assert_string_equal(
		check_with(f, &key, buf_slice(&object), false).text, "belongs to no collection");
	key_of_object(&key, KEY_OBJECT, id_new(), f->inbox, 1);
	assert_string_equal(
		check_with(f, &key, buf_slice(&object), false).text, "belongs to no account");
	key_of_object(&key, KEY_FACET, f->account, f->inbox, 7);
	(void)check_with(f, &key, SLICE_NONE, false);
	key_of_change(&key, f->account, f->inbox, 1, 9);
	(void)check_with(f, &key, SLICE_NONE, false);
	row_put_gone(gone, id_new());
	key_of_change(&key, f->account, f->inbox, 1, 1);
	(void)check_with(f, &key, slice(gone, sizeof(gone)), false);
	struct store_object o;
	done(store_get_object(f->store, f->account, f->inbox, 1, &f->arena, &o, &f->err));
	key_of_ref(&key, o.blob, f->account, f->inbox, 3);
	assert_string_equal(check_with(f, &key, SLICE_NONE, false).text,
		"keeps the blob alive, but no such object has it");
	key_of_collection_name(&key, f->account, STORE_MAILBOX, SLICE("ghost"));
	(void)check_with(f, &key, SLICE_NONE, false);
	key_of_object_name(&key, f->account, f->inbox, SLICE("ghost"));
	(void)check_with(f, &key, SLICE_NONE, false);
	key_of_tag(&key, 'Q');
	(void)check_with(f, &key, SLICE_NONE, false);
	key_of_tag(&key, KEY_OBJECT);
	(void)check_with(f, &key, SLICE_NONE, false);
	key_of_tag(&key, KEY_CHANGE);
	(void)check_with(f, &key, SLICE_NONE, false);
}

static void wrong_counters_are_found(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf row = BUF(ROW_MAX), wrong = BUF(ROW_MAX);
	struct store_collection c;
	struct store_account a;
	uint64_t collections;
	struct key key;
	deliver_named(f);
	key_of_collection(&key, KEY_COLLECTION, f->account, f->inbox);
	read_row(f, &key, &row);
	assert_true(row_get_collection(buf_slice(&row), &c));
	c.bytes++;
	row_add_collection(&wrong, &c);
	assert_string_equal(check_with(f, &key, buf_slice(&wrong), false).first_text,
		"counts another number of bytes than there are");
	buf_clear(&wrong);
	c.bytes--;
	c.next_number = 1;
	row_add_collection(&wrong, &c);
	assert_string_equal(check_with(f, &key, buf_slice(&wrong), false).first_text,
		"its number was never given out");
	key_of_account(&key, KEY_ACCOUNT, f->account);
	read_row(f, &key, &row);
	assert_true(row_get_account(buf_slice(&row), &a, &collections));
	buf_clear(&wrong);
	a.count++;
	row_add_account(&wrong, &a, collections);
	assert_string_equal(check_with(f, &key, buf_slice(&wrong), false).text,
		"counts another use of its quota than there is");
	buf_clear(&wrong);
	a.count--;
	a.change = 1;
	row_add_account(&wrong, &a, collections);
	assert_string_equal(check_with(f, &key, buf_slice(&wrong), false).text,
		"its change is later than its account's");
}

/* Well formed, and everything else still fits. */
static void a_row_that_says_something_else_is_found(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf row = BUF(ROW_MAX), wrong = BUF(ROW_MAX);
	static const char TEXT[] = "has a digest of other rows than there are";
	struct store_object o;
	struct store_account a;
	uint64_t collections;
	struct key key;
	deliver_named(f);
	key_of_object(&key, KEY_OBJECT, f->account, f->inbox, 1);
	read_row(f, &key, &row);
	assert_true(row_get_object(buf_slice(&row), &o));
	o.data = SLICE("other");
	row_add_object(&wrong, &o);
	assert_string_equal(check_with(f, &key, buf_slice(&wrong), false).text, TEXT);
	key_of_account(&key, KEY_ACCOUNT, f->account);
	read_row(f, &key, &row);
	assert_true(row_get_account(buf_slice(&row), &a, &collections));
	a.digest++;
	buf_clear(&wrong);
	row_add_account(&wrong, &a, collections);
	assert_string_equal(check_with(f, &key, buf_slice(&wrong), false).text, TEXT);
}

static bool see_none(void *context, const struct store_object *object)
{
	return true;
}

static void a_damaged_row_is_named_and_never_served(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	char expected[200], account[ID_TEXT_SIZE + 1], inbox[ID_TEXT_SIZE + 1];
	struct store_object o;
	struct key key;
	deliver_named(f);
	id_to_text(f->account, account);
	id_to_text(f->inbox, inbox);
	(void)snprintf(expected, sizeof(expected), "object 1 of collection %s in account %s", inbox,
		account);
	key_of_object(&key, KEY_OBJECT, f->account, f->inbox, 1);
	read_row(f, &key, &row);
	write_row(f, &key, SLICE("\x01\x05rubbish"), false);
	assert_true(
		store_get_object(f->store, f->account, f->inbox, 1, &f->arena, &o, &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_DAMAGED);
	assert_int_equal(f->err.class, ERR_TEMPORARY);
	assert_non_null(strstr(f->err.text, expected));
	f->err.kind = ERR_OTHER;
	assert_true(store_scan_objects(
			    f->store, f->account, f->inbox, 1, 9, see_none, NULL, &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_DAMAGED);
	write_row(f, &key, buf_slice(&row), false);
	struct findings found = check_with(f, &key, SLICE("\x02"), false);
	assert_string_equal(found.first_object, expected);
	assert_string_equal(found.first_text, "does not parse");
}

/* The memory driver, opened on what another program left. */
static char other_format;
static int get_other(struct store_db *db, struct store_txn *txn, struct slice key,
	struct buf *ret_value, struct err *err)
{
	if (slice_eq(key, SLICE("v"))) {
		buf_add_byte(ret_value, other_format);
		return 0;
	}
	return store_driver_memory.get(db, txn, key, ret_value, err);
}

static void assert_refused(char format, const char *why)
{
	struct store_driver driver = store_driver_memory;
	struct store_options options = {.driver = &driver};
	struct store *store;
	struct err err;
	other_format = format;
	driver.get = get_other;
	assert_true(store_open(&options, &store, &err) < 0);
	assert_int_equal(err.class, ERR_PERMANENT);
	assert_non_null(strstr(err.text, why));
}

static void a_store_of_another_format_is_refused(void **state)
{
	assert_refused(ROW_VERSION + 1, "a newer one wrote it");
	assert_refused(ROW_VERSION - 1, "an older one wrote it");
}

static void a_row_comes_back_as_it_was_and_no_cut_of_it_passes(void **state)
{
	struct store_object o = {.id = id_new(),
		.origin = id_new(),
		.flags = 0x80000001u,
		.change = ROW_CHANGE_MAX,
		.blob = id_new(),
		.blob_len = UINT64_MAX,
		.name = SLICE("n"),
		.data = SLICE("")};
	struct store_object got;
	AUTO(buf_free) struct buf row = BUF(1000);
	row_add_object(&row, &o);
	assert_true(row_get_object(buf_slice(&row), &got));
	assert_true(id_eq(got.id, o.id) && id_eq(got.origin, o.origin) && id_eq(got.blob, o.blob));
	assert_int_equal(got.flags, o.flags);
	assert_true(got.change == o.change && got.blob_len == o.blob_len);
	assert_slice(got.name, "n");
	for (size_t len = 0; len < row.len; len++)
		assert_false(row_get_object(slice(row.data, len), &got));
}

static void a_batch_is_walked_in_order_and_no_cut_of_it_passes(void **state)
{
	struct store_batch batch;
	enum store_op op;
	struct slice key, value;
	bool bad;
	store_batch_init(&batch);
	store_batch_put(&batch, SLICE("k"), SLICE("value"));
	store_batch_delete(&batch, SLICE("key"));
	struct slice rest = buf_slice(&batch.bytes);
	assert_true(store_batch_next(&rest, &op, &key, &value, &bad));
	assert_int_equal(op, STORE_PUT);
	assert_slice(key, "k");
	assert_slice(value, "value");
	assert_true(store_batch_next(&rest, &op, &key, &value, &bad));
	assert_int_equal(op, STORE_DELETE);
	assert_slice(key, "key");
	assert_false(store_batch_next(&rest, &op, &key, &value, &bad));
	assert_false(bad);
	for (size_t len = 1; len < batch.bytes.len; len++) {
		rest = slice(batch.bytes.data, len);
		while (store_batch_next(&rest, &op, &key, &value, &bad))
			;
		/* A cut between two operations is a shorter batch. */
		assert_int_equal(bad, len != 9);
	}
	rest = SLICE("\x03\x01k");
	assert_false(store_batch_next(&rest, &op, &key, &value, &bad));
	assert_true(bad);
	store_batch_free(&batch);
}

static bool stop(void *context, const char *what, uint64_t count, uint64_t total)
{
	return false;
}

static void a_check_can_be_stopped(void **state)
{
	struct fixture *f = *state;
	struct findings found = {0};
	struct store_write *w;
	struct store_collection *c;
	done(store_write_begin(f->store, &f->account, 1, &w, &f->err));
	done(store_write_collection(w, f->account, f->inbox, &c, &f->err));
	for (int i = 0; i < 5000; i++) {
		struct store_object o = {.data = SLICE("x")};
		done(store_write_object_new(w, c, &o, SLICE_NONE, &f->err));
	}
	done(store_write_commit(w, &f->err));
	assert_int_equal(store_check(f->store, take, stop, &found, &f->err), STORE_STOPPED);
	assert_int_equal(found.count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_lost_row_of_any_kind_is_found),
		TEST(a_stray_row_of_any_kind_is_found),
		TEST(wrong_counters_are_found),
		TEST(a_row_that_says_something_else_is_found),
		TEST(a_damaged_row_is_named_and_never_served),
		TEST(a_check_can_be_stopped),
		cmocka_unit_test(a_store_of_another_format_is_refused),
		cmocka_unit_test(a_row_comes_back_as_it_was_and_no_cut_of_it_passes),
		cmocka_unit_test(a_batch_is_walked_in_order_and_no_cut_of_it_passes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
