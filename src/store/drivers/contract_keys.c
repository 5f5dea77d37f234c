/* The contract on keys: batches, single keys, scans. */
#include "store/drivers/contract.h"

static void test_a_key_is_there_after_commit_and_gone_after_delete(void **state)
{
	struct fixture *f = *state;
	contract_no_key(f, "a");
	contract_put(f, "a", "one");
	contract_value(f, "a", "one");
	contract_put(f, "a", "two");
	contract_value(f, "a", "two");
	struct store_batch batch;
	store_batch_init(&batch);
	store_batch_delete(&batch, SLICE("a"));
	contract_commit(f, &batch, NULL, 0);
	contract_no_key(f, "a");
}

static void test_get_appends(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf got = BUF(100);
	struct err err = {0};
	contract_put(f, "a", "one");
	buf_add_str(&got, "before ");
	assert_int_equal(contract_driver->get(f->db, NULL, SLICE("a"), &got, &err), 0);
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
	contract_commit(f, &batch, NULL, 0);
	contract_no_key(f, "a");
	contract_value(f, "b", "2");
	contract_value(f, "c", "4");
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
	contract_commit(f, &batch, NULL, 0);
	AUTO(buf_free) struct buf got = BUF(1000);
	assert_int_equal(contract_driver->get(f->db, NULL, slice(key, sizeof(key)), &got, &err), 0);
	assert_true(slice_eq(buf_slice(&got), slice(value, sizeof(value))));
	buf_clear(&got);
	assert_int_equal(contract_driver->get(f->db, NULL, slice("\0", 1), &got, &err), 0);
	assert_int_equal(got.len, 0);
}

static void test_abort_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	contract_driver->abort(contract_begin(f));
	contract_put(f, "a", "one"); /* the lock is free again */
	contract_value(f, "a", "one");
}

static void test_an_open_transaction_hides_nothing_from_others(void **state)
{
	struct fixture *f = *state;
	contract_put(f, "a", "one");
	struct store_txn *txn = contract_begin(f);
	AUTO(buf_free) struct buf got = BUF(100);
	struct err err = {0};
	contract_value(f, "a", "one");
	assert_int_equal(contract_driver->get(f->db, txn, SLICE("a"), &got, &err), 0);
	assert_slice(buf_slice(&got), "one");
	contract_driver->abort(txn);
}

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
	assert_int_equal(contract_driver->scan(f->db, NULL, slice_str(from), slice_str(to),
				 backward, note, &seen, &err),
		0);
	assert_slice(buf_slice(&seen.text), expected);
	buf_free(&seen.text);
}

static void test_scan_visits_from_up_to_but_not_to(void **state)
{
	struct fixture *f = *state;
	contract_put(f, "b", "2");
	contract_put(f, "d", "4");
	contract_put(f, "a", "1");
	contract_put(f, "bb", "3");
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
	contract_put(f, "a", "1");
	contract_put(f, "b", "2");
	contract_put(f, "c", "3");
	assert_scan(f, "a", "c", true, 0, "b=2 a=1 ");
	assert_scan(f, "a", "cc", true, 0, "c=3 b=2 a=1 ");
	assert_scan(f, "aa", "z", true, 0, "c=3 b=2 ");
}

static void test_scan_stops_when_told(void **state)
{
	struct fixture *f = *state;
	contract_put(f, " a", "0");
	contract_put(f, "a", "1");
	contract_put(f, "b", "2");
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
	contract_put(nested->f, other, "late");
	return true;
}

static void test_scan_sees_one_state_while_others_commit(void **state)
{
	struct fixture *f = *state;
	struct nested nested = {.f = f};
	struct err err = {0};
	contract_put(f, "k1", "1");
	contract_put(f, "k2", "2");
	assert_int_equal(contract_driver->scan(f->db, NULL, SLICE("k"), SLICE("l"), false,
				 count_and_write, &nested, &err),
		0);
	assert_int_equal(nested.count, 2);
	contract_value(f, "k90", "late");
}

enum { LONG = 3000 };

struct long_scan {
	struct fixture *f;
	size_t count;
};

/* At the first key the last one goes and another one comes behind it. */
static bool change_the_end(void *context, struct slice key, struct slice value)
{
	struct long_scan *s = context;
	struct store_batch batch;
	if (s->count++ > 0)
		return true;
	store_batch_init(&batch);
	store_batch_delete(&batch, SLICE("k02999"));
	store_batch_put(&batch, SLICE("k03000"), SLICE_NONE);
	store_batch_put(&batch, SLICE("k03001"), SLICE_NONE);
	contract_commit(s->f, &batch, NULL, 0);
	return true;
}

static void test_a_long_scan_sees_one_state_too(void **state)
{
	struct fixture *f = *state;
	for (int locked = 0; locked < 2; locked++) {
		struct long_scan s = {.f = f};
		struct id other = id_new();
		struct store_txn *txn = NULL;
		struct store_batch batch;
		struct err err = {0};
		char key[16];
		store_batch_init(&batch);
		for (size_t i = 0; i < LONG; i++) {
			(void)snprintf(key, sizeof(key), "k%05zu", i);
			store_batch_put(&batch, slice_str(key), SLICE_NONE);
		}
		store_batch_delete(&batch, SLICE("k03000"));
		store_batch_delete(&batch, SLICE("k03001"));
		contract_commit(f, &batch, NULL, 0);
		if (locked)
			assert_int_equal(contract_driver->begin(f->db, &other, 1, &txn, &err), 0);
		assert_int_equal(contract_driver->scan(f->db, txn, SLICE("k"), SLICE("l"), false,
					 change_the_end, &s, &err),
			0);
		assert_int_equal(s.count, LONG);
		if (locked)
			contract_driver->abort(txn);
		contract_no_key(f, "k02999");
	}
}

enum { OUTER = 5, INNER = 700 };

struct inside {
	struct fixture *f;
	struct store_txn *txn;
	size_t outer, inner;
};

static bool count_inner(void *context, struct slice key, struct slice value)
{
	struct inside *inside = context;
	inside->inner++;
	return true;
}

static bool scan_and_get(void *context, struct slice key, struct slice value)
{
	struct inside *inside = context;
	const struct store_driver *driver = contract_driver;
	AUTO(buf_free) struct buf got = BUF(100);
	struct err err = {0};
	inside->outer++;
	assert_slice(value, "outer");
	assert_int_equal(driver->get(inside->f->db, inside->txn, key, &got, &err), 0);
	assert_int_equal(driver->scan(inside->f->db, inside->txn, SLICE("i"), SLICE("j"),
				 inside->outer % 2, count_inner, inside, &err),
		0);
	assert_slice(value, "outer");
	return true;
}

static void test_a_scan_may_run_inside_another_one(void **state)
{
	struct inside inside = {.f = *state};
	struct store_batch batch;
	struct err err = {0};
	char key[16];
	store_batch_init(&batch);
	for (size_t i = 0; i < OUTER + INNER; i++) {
		(void)snprintf(key, sizeof(key), "%c%05zu", i < OUTER ? 'o' : 'i', i);
		store_batch_put(&batch, slice_str(key), i < OUTER ? SLICE("outer") : SLICE_NONE);
	}
	contract_commit(inside.f, &batch, NULL, 0);
	for (int locked = 0; locked < 2; locked++) {
		inside.outer = inside.inner = 0;
		inside.txn = locked ? contract_begin(inside.f) : NULL;
		assert_int_equal(contract_driver->scan(inside.f->db, inside.txn, SLICE("o"),
					 SLICE("p"), false, scan_and_get, &inside, &err),
			0);
		assert_int_equal(inside.outer, OUTER);
		assert_int_equal(inside.inner, OUTER * INNER);
		if (locked)
			contract_driver->abort(inside.txn);
	}
}

int contract_keys(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT_CASE(test_a_key_is_there_after_commit_and_gone_after_delete),
		CONTRACT_CASE(test_get_appends),
		CONTRACT_CASE(test_changes_of_a_batch_apply_in_order),
		CONTRACT_CASE(test_keys_and_values_are_any_bytes),
		CONTRACT_CASE(test_abort_leaves_nothing),
		CONTRACT_CASE(test_an_open_transaction_hides_nothing_from_others),
		CONTRACT_CASE(test_scan_visits_from_up_to_but_not_to),
		CONTRACT_CASE(test_scan_backward_begins_below_to),
		CONTRACT_CASE(test_scan_stops_when_told),
		CONTRACT_CASE(test_scan_sees_one_state_while_others_commit),
		CONTRACT_CASE(test_a_long_scan_sees_one_state_too),
		CONTRACT_CASE(test_a_scan_may_run_inside_another_one),
	};
	return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
