/* One store's account made equal to another's, whatever both had. */
#include "mirror/rows.h"

#include "store/test_support.h"

enum { OBJECTS = 30, STEPS = 200 };

struct both {
	struct store *stores[2];
	struct id account, inbox;
	struct err err;
};

struct needed {
	struct id ids[1000];
	size_t count;
};

static void take_needed(void *context, struct id blob)
{
	struct needed *needed = context;
	assert_true(needed->count < ARRAY_LEN(needed->ids));
	needed->ids[needed->count++] = blob;
}

static void load(struct store *store, struct id account, struct mirror_rows *rows)
{
	struct store_db *db;
	struct err err;
	const struct store_driver *driver = store_driver_of(store, &db);
	done(mirror_rows_load(driver, db, NULL, account, rows, &err));
}

/* Makes `to` hold what `from` holds. Returns how many bytes of rows it took. */
static size_t make_equal(struct store *from, struct store *to, struct id account)
{
	struct mirror_rows want = MIRROR_ROWS_NONE, have = MIRROR_ROWS_NONE;
	struct needed needed = {.count = 0};
	struct store_new_blob blobs[ARRAY_LEN(needed.ids)];
	struct buf bodies[ARRAY_LEN(needed.ids)];
	struct store_batch batch;
	struct store_db *db;
	struct err err;
	const struct store_driver *driver = store_driver_of(to, &db);
	load(from, account, &want);
	load(to, account, &have);
	store_batch_init(&batch);
	mirror_rows_diff(&have, &want, &batch, take_needed, &needed);
	for (size_t i = 0; i < needed.count; i++) {
		bodies[i] = BUF(1000);
		done(store_read_blob(from, needed.ids[i], 0, 1000, &bodies[i], &err));
		blobs[i] = (struct store_new_blob){needed.ids[i], buf_slice(&bodies[i])};
	}
	size_t size = batch.bytes.len;
	struct store_apply apply = {.accounts = &account,
		.account_count = 1,
		.batch = &batch,
		.blobs = blobs,
		.blob_count = needed.count};
	done(store_apply(to, driver, db, &apply, &err));
	for (size_t i = 0; i < needed.count; i++)
		buf_free(&bodies[i]);
	store_batch_free(&batch);
	mirror_rows_free(&want);
	mirror_rows_free(&have);
	return size;
}

static void assert_equal(struct both *b)
{
	struct mirror_rows rows[2] = {MIRROR_ROWS_NONE, MIRROR_ROWS_NONE};
	for (size_t i = 0; i < 2; i++) {
		load(b->stores[i], b->account, &rows[i]);
		assert_clean(b->stores[i]);
	}
	assert_int_equal(rows[0].count, rows[1].count);
	for (size_t i = 0; i < rows[0].count; i++) {
		assert_true(slice_eq(rows[0].list[i].key, rows[1].list[i].key));
		assert_true(slice_eq(rows[0].list[i].value, rows[1].list[i].value));
	}
	for (size_t i = 0; i < 2; i++)
		mirror_rows_free(&rows[i]);
}

static int set_up(void **state)
{
	struct both *b = calloc(1, sizeof(*b));
	assert_non_null(b);
	for (size_t i = 0; i < 2; i++)
		b->stores[i] = open_store(&store_driver_memory);
	b->account = id_new();
	b->inbox = make_collection(b->stores[0], b->account, "INBOX");
	for (int i = 0; i < OBJECTS; i++)
		(void)deliver(b->stores[0], b->account, b->inbox, "body");
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct both *b = *state;
	for (size_t i = 0; i < 2; i++)
		store_close(b->stores[i]);
	free(b);
	return 0;
}

static void an_account_that_is_not_there_is_filled(void **state)
{
	struct both *b = *state;
	assert_true(make_equal(b->stores[0], b->stores[1], b->account) > 0);
	assert_equal(b);
	assert_int_equal(make_equal(b->stores[0], b->stores[1], b->account), 0);
}

static void what_changed_is_what_is_sent(void **state)
{
	struct both *b = *state;
	size_t whole = make_equal(b->stores[0], b->stores[1], b->account);
	(void)deliver(b->stores[0], b->account, b->inbox, "one more");
	size_t one = make_equal(b->stores[0], b->stores[1], b->account);
	assert_true(one > 0 && one * 10 < whole);
	assert_equal(b);
}

static void step(struct store *store, struct both *b, unsigned *seed)
{
	struct store_write *w;
	struct store_collection *c;
	struct store_object o;
	done(store_write_begin(store, &b->account, 1, &w, &b->err));
	if (store_write_collection(w, b->account, b->inbox, &c, &b->err) != 0) {
		store_write_abort(w);
		return;
	}
	uint32_t number = 1 + (uint32_t)rand_r(seed) % c->next_number;
	if (store_write_get_object(w, c, number, &o, &b->err) == 0 && rand_r(seed) % 2) {
		o.data = SLICE("changed");
		done(store_write_object(w, c, &o, SLICE_NONE, &b->err));
	} else if (rand_r(seed) % 3 == 0 &&
		   store_write_get_object(w, c, number, &o, &b->err) == 0) {
		done(store_write_object_gone(w, c, &o, &b->err));
	} else {
		o = (struct store_object){.blob = store_write_blob(w, SLICE("new"))};
		done(store_write_object_new(w, c, &o, SLICE("facet"), &b->err));
	}
	done(store_write_commit(w, &b->err));
}

/* Whatever both did by themselves, the one becomes the other. */
static void two_that_went_apart_become_one_or_the_other(void **state)
{
	struct both *b = *state;
	unsigned seed = 7;
	for (int i = 0; i < STEPS; i++) {
		if (i % 20 == 0) {
			size_t from = (size_t)rand_r(&seed) % 2;
			(void)make_equal(b->stores[from], b->stores[1 - from], b->account);
			assert_equal(b);
		}
		step(b->stores[(size_t)rand_r(&seed) % 2], b, &seed);
	}
}

static void rows_are_found_by_key(void **state)
{
	struct mirror_rows rows = MIRROR_ROWS_NONE;
	mirror_rows_add(&rows, SLICE("b"), SLICE("2"));
	mirror_rows_add(&rows, SLICE("a"), SLICE("1"));
	mirror_rows_sort(&rows);
	assert_true(slice_eq(mirror_rows_find(&rows, SLICE("b"))->value, SLICE("2")));
	assert_null(mirror_rows_find(&rows, SLICE("c")));
	mirror_rows_add(&rows, SLICE("o, and no object"), SLICE("x"));
	assert_false(mirror_rows_add_references(&rows));
	mirror_rows_free(&rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_account_that_is_not_there_is_filled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_changed_is_what_is_sent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			two_that_went_apart_become_one_or_the_other, set_up, tear_down),
		cmocka_unit_test(rows_are_found_by_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
