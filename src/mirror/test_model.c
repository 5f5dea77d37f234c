/* Rows taken apart and put together are the same rows: counters, digests, names and all. */
#include "mirror/model.h"

#include "store/test_support.h"

enum { STEPS = 300 };

static void load(struct fixture *f, struct mirror_rows *rows)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(f->store, &db);
	done(mirror_rows_load(driver, db, NULL, f->account, rows, &f->err));
}

static void assert_same_rows(const struct mirror_rows *a, const struct mirror_rows *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		assert_true(slice_eq(a->list[i].key, b->list[i].key));
		assert_true(slice_eq(a->list[i].value, b->list[i].value));
	}
}

static void there_and_back(struct fixture *f)
{
	struct mirror_rows rows = MIRROR_ROWS_NONE, again = MIRROR_ROWS_NONE;
	struct model model;
	load(f, &rows);
	done(model_read(&rows, &model, &f->err));
	model_write(&model, &again);
	assert_same_rows(&rows, &again);
	assert_false(model.sweeping);
	model_free(&model);
	mirror_rows_free(&again);
	mirror_rows_free(&rows);
}

static void change_object(struct fixture *f, struct store_write *w, struct store_collection *c,
	struct store_object *o, unsigned *seed)
{
	static const struct slice NAMES[] = {{"", 0}, {"a", 1}, {"b", 1}, {"c", 1}};
	if (rand_r(seed) % 3 == 0) {
		done(store_write_object_gone(w, c, o, &f->err));
		return;
	}
	o->flags = rand_r(seed) % 2 ? STORE_COUNTED : 0;
	o->name = NAMES[rand_r(seed) % ARRAY_LEN(NAMES)];
	if (store_write_object(w, c, o, SLICE_NONE, &f->err) != 0)
		assert_int_equal(f->err.kind, ERR_EXISTS);
}

static void step(struct fixture *f, unsigned *seed)
{
	static const char *const NAMES[] = {"one", "two", "three"};
	const char *name = NAMES[rand_r(seed) % ARRAY_LEN(NAMES)];
	struct store_write *w;
	struct store_collection *c;
	struct store_object o;
	done(store_write_begin(f->store, &f->account, 1, &w, &f->err));
	int r = store_write_find_collection(
		w, f->account, STORE_MAILBOX, slice_str(name), &c, &f->err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(
			w, f->account, STORE_MAILBOX, slice_str(name), SLICE("data"), &c, &f->err);
	assert_int_equal(r, 0);
	uint32_t number = 1 + (uint32_t)rand_r(seed) % c->next_number;
	if (store_write_get_object(w, c, number, &o, &f->err) == 0)
		change_object(f, w, c, &o, seed);
	o = (struct store_object){.blob = store_write_blob(w, slice_str(name)), .flags = 1};
	done(store_write_object_new(
		w, c, &o, rand_r(seed) % 2 ? SLICE("facet") : SLICE_NONE, &f->err));
	if (rand_r(seed) % 50 == 0)
		done(store_write_collection_gone(w, c, &f->err));
	done(store_write_commit(w, &f->err));
}

static void rows_come_back_as_they_were(void **state)
{
	unsigned seed = 11;
	there_and_back(*state);
	for (int i = 0; i < STEPS; i++) {
		step(*state, &seed);
		there_and_back(*state);
	}
}

static void what_is_no_account_is_refused(void **state)
{
	struct fixture *f = *state;
	struct mirror_rows rows = MIRROR_ROWS_NONE;
	struct model model;
	assert_true(model_read(&rows, &model, &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_DAMAGED);
	load(f, &rows);
	mirror_rows_add(&rows, SLICE("k and no collection"), SLICE("x"));
	assert_true(model_read(&rows, &model, &f->err) < 0);
	mirror_rows_free(&rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_come_back_as_they_were, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_account_is_refused, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
