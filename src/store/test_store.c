/* What store.h promises, on the memory driver. After each test the store's check must be clean. */
#include "store/test_support.h"

static void begin(
	struct fixture *f, struct store_write **ret_write, struct store_collection **ret_c)
{
	done(store_write_begin(f->store, &f->account, 1, ret_write, &f->err));
	done(store_write_collection(*ret_write, f->account, f->inbox, ret_c, &f->err));
}

static uint64_t account_change(struct fixture *f)
{
	struct store_account a;
	done(store_get_account(f->store, f->account, &a, &f->err));
	return a.change;
}

static struct store_object object_at(struct fixture *f, uint32_t number)
{
	struct store_object o;
	done(store_get_object(f->store, f->account, f->inbox, number, &f->arena, &o, &f->err));
	return o;
}

struct changes {
	struct store_change list[16];
	size_t count;
};

static bool take_change(void *context, const struct store_change *change)
{
	struct changes *c = context;
	assert_true(c->count < ARRAY_LEN(c->list));
	c->list[c->count++] = *change;
	return true;
}

static struct changes changes_since(struct fixture *f, uint64_t since)
{
	struct changes c = {.count = 0};
	done(store_scan_changes(f->store, f->account, f->inbox, since, take_change, &c, &f->err));
	return c;
}

static void set_data(struct fixture *f, uint32_t number, const char *data)
{
	struct store_write *w;
	struct store_collection *c;
	begin(f, &w, &c);
	struct store_object o = object_at(f, number);
	o.data = slice_str(data);
	done(store_write_object(w, c, &o, SLICE_NONE, &f->err));
	done(store_write_commit(w, &f->err));
}

static void expunge(struct fixture *f, uint32_t number)
{
	struct store_write *w;
	struct store_collection *c;
	begin(f, &w, &c);
	struct store_object o = object_at(f, number);
	done(store_write_object_gone(w, c, &o, &f->err));
	done(store_write_commit(w, &f->err));
}

static void the_system_account_is_always_there_and_no_other(void **state)
{
	struct fixture *f = *state;
	struct store_account a;
	done(store_get_account(f->store, STORE_SYSTEM_ACCOUNT, &a, &f->err));
	assert_int_equal(store_get_account(f->store, id_new(), &a, &f->err), STORE_ABSENT);
}

static void everything_in_one_write_has_the_same_change_number(void **state)
{
	struct fixture *f = *state;
	uint64_t before = account_change(f);
	struct store_write *w;
	struct store_collection *c, *made;
	const struct store_account *a;
	begin(f, &w, &c);
	done(store_write_account(w, f->account, &a, &f->err));
	assert_int_equal(a->change, before);
	for (int i = 0; i < 20; i++) {
		struct store_object o = {.data = SLICE("x")};
		done(store_write_object_new(w, c, &o, SLICE_NONE, &f->err));
		assert_int_equal(o.change, before + 1);
		assert_int_equal(o.number, i + 1);
		assert_false(id_is_none(o.id));
	}
	assert_int_equal(a->change, before + 1);
	done(store_write_collection_new(
		w, f->account, STORE_MAILBOX, SLICE("Sent"), SLICE_NONE, &made, &f->err));
	assert_int_equal(made->change, before + 1);
	done(store_write_commit(w, &f->err));
	assert_int_equal(account_change(f), before + 1);
}

static void a_change_moves_an_object_to_the_end_of_the_changes(void **state)
{
	struct fixture *f = *state;
	uint64_t before = account_change(f);
	for (int i = 0; i < 3; i++)
		deliver(f->store, f->account, f->inbox, "body");
	set_data(f, 1, "seen");
	struct changes c = changes_since(f, before);
	assert_int_equal(c.count, 3);
	assert_int_equal(c.list[0].number, 2);
	assert_int_equal(c.list[1].number, 3);
	assert_int_equal(c.list[2].number, 1);
	assert_int_equal(c.list[2].change, before + 4);
	assert_false(c.list[2].gone);
	assert_int_equal(changes_since(f, before + 3).count, 1);
	assert_int_equal(changes_since(f, before + 4).count, 0);
	assert_int_equal(changes_since(f, UINT64_MAX).count, 0);
	assert_int_equal(object_at(f, 1).change, before + 4);
	assert_slice(object_at(f, 1).data, "seen");
}

static void a_deleted_object_leaves_a_tombstone_with_its_id_and_change(void **state)
{
	struct fixture *f = *state;
	deliver(f->store, f->account, f->inbox, "one");
	deliver(f->store, f->account, f->inbox, "two");
	struct store_object gone = object_at(f, 1), o;
	uint64_t before = account_change(f);
	expunge(f, 1);
	assert_int_equal(
		store_get_object(f->store, f->account, f->inbox, 1, &f->arena, &o, &f->err),
		STORE_ABSENT);
	struct changes c = changes_since(f, 0);
	assert_int_equal(c.count, 2);
	assert_true(c.list[1].gone);
	assert_int_equal(c.list[1].number, 1);
	assert_int_equal(c.list[1].change, before + 1);
	assert_true(id_eq(c.list[1].id, gone.id));
	AUTO(buf_free) struct buf facet = BUF(100);
	assert_int_equal(
		store_get_facet(f->store, f->account, f->inbox, 1, &facet, &f->err), STORE_ABSENT);
}

static void a_number_is_never_given_out_twice(void **state)
{
	struct fixture *f = *state;
	struct store_write *w;
	struct store_collection *c;
	assert_int_equal(deliver(f->store, f->account, f->inbox, "a"), 1);
	expunge(f, 1);
	assert_int_equal(deliver(f->store, f->account, f->inbox, "b"), 2);
	begin(f, &w, &c);
	struct store_object o = {.data = SLICE("x")};
	done(store_write_object_new(w, c, &o, SLICE("facet"), &f->err));
	assert_int_equal(o.number, 3);
	done(store_write_object_gone(w, c, &o, &f->err));
	done(store_write_commit(w, &f->err));
	assert_int_equal(deliver(f->store, f->account, f->inbox, "c"), 4);
	/* What came and went in one write was never there. */
	assert_int_equal(changes_since(f, 0).count, 3);
}

static void counters_follow_deliveries_changes_and_deletions(void **state)
{
	struct fixture *f = *state;
	struct store_account a;
	struct store_collection c;
	deliver(f->store, f->account, f->inbox, "12345");
	deliver(f->store, f->account, f->inbox, "123");
	expunge(f, 1);
	struct store_write *w;
	struct store_collection *inbox;
	begin(f, &w, &inbox);
	struct store_object free_of_charge = {.blob = store_write_blob(w, SLICE("1234567"))};
	done(store_write_object_new(w, inbox, &free_of_charge, SLICE_NONE, &f->err));
	assert_int_equal(free_of_charge.blob_len, 7);
	done(store_write_commit(w, &f->err));
	done(store_get_account(f->store, f->account, &a, &f->err));
	done(store_get_collection(f->store, f->account, f->inbox, &f->arena, &c, &f->err));
	assert_int_equal(a.count, 1);
	assert_int_equal(a.bytes, 3);
	assert_int_equal(c.count, 2);
	assert_int_equal(c.bytes, 10);
	assert_int_equal(c.next_number, 4);
	begin(f, &w, &inbox);
	struct store_object o = object_at(f, 3);
	o.flags = STORE_COUNTED;
	done(store_write_object(w, inbox, &o, SLICE_NONE, &f->err));
	done(store_write_commit(w, &f->err));
	done(store_get_account(f->store, f->account, &a, &f->err));
	assert_int_equal(a.count, 2);
	assert_int_equal(a.bytes, 10);
}

static void reads_inside_a_write_see_its_own_changes(void **state)
{
	struct fixture *f = *state;
	struct store_write *w;
	struct store_collection *c, *found;
	struct store_object o = {.name = SLICE("card"), .data = SLICE("1")}, got;
	begin(f, &w, &c);
	done(store_write_object_new(w, c, &o, SLICE_NONE, &f->err));
	o.data = SLICE("2");
	o.name = SLICE("other card");
	done(store_write_object(w, c, &o, SLICE_NONE, &f->err));
	done(store_write_get_object(w, c, o.number, &got, &f->err));
	assert_slice(got.data, "2");
	done(store_write_find_object(w, c, SLICE("other card"), &got, &f->err));
	assert_int_equal(store_write_find_object(w, c, SLICE("card"), &got, &f->err), STORE_ABSENT);
	c->name = SLICE("Renamed");
	store_write_collection_changed(w, c);
	done(store_write_find_collection(
		w, f->account, STORE_MAILBOX, SLICE("Renamed"), &found, &f->err));
	assert_ptr_equal(found, c);
	assert_int_equal(store_write_find_collection(
				 w, f->account, STORE_MAILBOX, SLICE("INBOX"), &found, &f->err),
		STORE_ABSENT);
	done(store_write_object_gone(w, c, &o, &f->err));
	assert_int_equal(store_write_get_object(w, c, o.number, &got, &f->err), STORE_ABSENT);
	assert_int_equal(store_write_object_gone(w, c, &o, &f->err), STORE_ABSENT);
	assert_int_equal(store_write_object(w, c, &o, SLICE_NONE, &f->err), STORE_ABSENT);
	/* Nobody else does. */
	assert_int_equal(store_get_object(f->store, f->account, f->inbox, o.number, &f->arena, &got,
				 &f->err),
		STORE_ABSENT);
	done(store_write_commit(w, &f->err));
}

static void an_aborted_write_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t before = account_change(f);
	struct store_write *w;
	struct store_collection *c;
	begin(f, &w, &c);
	struct store_object o = {.blob = store_write_blob(w, SLICE("body"))};
	done(store_write_object_new(w, c, &o, SLICE("facet"), &f->err));
	store_write_abort(w);
	store_write_abort(NULL);
	uint64_t len;
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(f->store, &db);
	assert_int_equal(driver->blob_len(db, o.blob, &len, &f->err), STORE_ABSENT);
	assert_int_equal(account_change(f), before);
	assert_int_equal(deliver(f->store, f->account, f->inbox, "next"), 1);
}

static void a_write_that_changes_nothing_gives_out_no_change_number(void **state)
{
	struct fixture *f = *state;
	uint64_t before = account_change(f);
	struct store_write *w;
	struct store_collection *c;
	begin(f, &w, &c);
	(void)store_write_blob(w, SLICE("never used"));
	done(store_write_commit(w, &f->err));
	assert_int_equal(account_change(f), before);
}

static void a_blob_is_stored_once_for_many_accounts_and_goes_with_the_last(void **state)
{
	struct fixture *f = *state;
	struct id accounts[3], boxes[3];
	struct store_write *w;
	struct store_object o;
	for (size_t i = 0; i < 3; i++) {
		accounts[i] = id_new();
		boxes[i] = make_collection(f->store, accounts[i], "INBOX");
	}
	done(store_write_begin(f->store, accounts, 3, &w, &f->err));
	struct id blob = store_write_blob(w, SLICE("one body"));
	for (size_t i = 0; i < 3; i++) {
		struct store_collection *c;
		o = (struct store_object){.blob = blob};
		done(store_write_collection(w, accounts[i], boxes[i], &c, &f->err));
		done(store_write_object_new(w, c, &o, SLICE_NONE, &f->err));
		assert_int_equal(o.blob_len, 8);
	}
	done(store_write_commit(w, &f->err));
	AUTO(buf_free) struct buf body = BUF(100);
	for (size_t i = 0; i < 3; i++) {
		struct store_collection *c;
		buf_clear(&body);
		done(store_read_blob(f->store, blob, 4, 100, &body, &f->err));
		assert_slice(buf_slice(&body), "body");
		done(store_write_begin(f->store, &accounts[i], 1, &w, &f->err));
		done(store_write_collection(w, accounts[i], boxes[i], &c, &f->err));
		done(store_write_get_object(w, c, 1, &o, &f->err));
		done(store_write_object_gone(w, c, &o, &f->err));
		done(store_write_commit(w, &f->err));
	}
	drop_released(f->store);
	assert_int_equal(store_read_blob(f->store, blob, 0, 100, &body, &f->err), STORE_ABSENT);
}

static void an_object_moves_between_collections_without_its_blob_dying(void **state)
{
	struct fixture *f = *state;
	struct id trash = make_collection(f->store, f->account, "Trash");
	deliver(f->store, f->account, f->inbox, "body");
	struct store_write *w;
	struct store_collection *from, *to;
	struct store_object o;
	begin(f, &w, &from);
	done(store_write_collection(w, f->account, trash, &to, &f->err));
	done(store_write_get_object(w, from, 1, &o, &f->err));
	struct id id = o.id;
	struct store_object moved = o;
	done(store_write_object_gone(w, from, &o, &f->err));
	done(store_write_object_new(w, to, &moved, SLICE_NONE, &f->err));
	done(store_write_commit(w, &f->err));
	done(store_get_object(f->store, f->account, trash, 1, &f->arena, &o, &f->err));
	assert_true(id_eq(o.id, id));
	AUTO(buf_free) struct buf body = BUF(100);
	done(store_read_blob(f->store, o.blob, 0, 100, &body, &f->err));
	assert_slice(buf_slice(&body), "body");
}

static void a_changed_blob_replaces_the_old_one(void **state)
{
	struct fixture *f = *state;
	struct store_write *w;
	struct store_collection *c;
	struct store_object o;
	deliver(f->store, f->account, f->inbox, "old");
	begin(f, &w, &c);
	done(store_write_get_object(w, c, 1, &o, &f->err));
	struct id old = o.blob;
	o.blob = store_write_blob(w, SLICE("newer"));
	done(store_write_object(w, c, &o, SLICE("new facet"), &f->err));
	done(store_write_commit(w, &f->err));
	AUTO(buf_free) struct buf bytes = BUF(100);
	drop_released(f->store);
	assert_int_equal(store_read_blob(f->store, old, 0, 10, &bytes, &f->err), STORE_ABSENT);
	done(store_get_facet(f->store, f->account, f->inbox, 1, &bytes, &f->err));
	assert_slice(buf_slice(&bytes), "new facet");
	assert_int_equal(object_at(f, 1).blob_len, 5);
}

static void an_object_with_an_unknown_blob_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store_write *w;
	struct store_collection *c;
	struct store_object o = {.blob = id_new()};
	begin(f, &w, &c);
	assert_true(store_write_object_new(w, c, &o, SLICE_NONE, &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_ABSENT);
	store_write_abort(w);
}

static void one_write_changes_two_accounts_each_with_its_own_number(void **state)
{
	struct fixture *f = *state;
	struct id accounts[2] = {f->account, id_new()};
	struct id other_box = make_collection(f->store, accounts[1], "INBOX");
	deliver(f->store, f->account, f->inbox, "x");
	uint64_t before = account_change(f);
	struct store_write *w;
	struct store_collection *a, *b;
	struct store_object x = {.data = SLICE("x")}, y = {.data = SLICE("y")};
	done(store_write_begin(f->store, accounts, 2, &w, &f->err));
	done(store_write_collection(w, accounts[0], f->inbox, &a, &f->err));
	done(store_write_collection(w, accounts[1], other_box, &b, &f->err));
	done(store_write_object_new(w, a, &x, SLICE_NONE, &f->err));
	done(store_write_object_new(w, b, &y, SLICE_NONE, &f->err));
	done(store_write_commit(w, &f->err));
	assert_int_equal(x.change, before + 1);
	assert_int_equal(y.change, 2);
	struct store_object got;
	done(store_get_object(f->store, accounts[1], other_box, 1, &f->arena, &got, &f->err));
	assert_slice(got.data, "y");
}

static void an_account_that_was_not_locked_can_not_be_changed(void **state)
{
	struct fixture *f = *state;
	struct store_write *w;
	struct store_collection *c;
	const struct store_account *a;
	begin(f, &w, &c);
	assert_true(store_write_account(w, id_new(), &a, &f->err) < 0);
	assert_int_equal(f->err.class, ERR_BUG);
	store_write_abort(w);
}

static bool add_facet(void *context, uint32_t number, struct slice facet)
{
	buf_printf(context, "%u=%.*s ", number, SLICE_ARG(facet));
	return number < 4;
}

static void facets_are_scanned_in_order_from_first_to_last_until_told_to_stop(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf text = BUF(1000);
	for (int i = 0; i < 6; i++)
		deliver(f->store, f->account, f->inbox, "x");
	done(store_scan_facets(f->store, f->account, f->inbox, 2, 3, add_facet, &text, &f->err));
	assert_slice(buf_slice(&text), "2=facet 3=facet ");
	buf_clear(&text);
	done(store_scan_facets(
		f->store, f->account, f->inbox, 4, UINT32_MAX, add_facet, &text, &f->err));
	assert_slice(buf_slice(&text), "4=facet ");
}

static bool count_collection(void *context, const struct store_collection *c, bool gone)
{
	buf_printf(context, "%.*s%s ", SLICE_ARG(c->name), gone ? "gone" : "");
	return true;
}

static void an_account_tells_which_collections_changed_or_went(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf text = BUF(1000);
	(void)make_collection(f->store, f->account, "quiet");
	struct id trash = make_collection(f->store, f->account, "Trash");
	uint64_t since = account_change(f);
	deliver(f->store, f->account, f->inbox, "x");
	struct store_write *w;
	struct store_collection *c;
	begin(f, &w, &c);
	done(store_write_collection(w, f->account, trash, &c, &f->err));
	done(store_write_collection_gone(w, c, &f->err));
	done(store_write_commit(w, &f->err));
	done(store_scan_account_changes(
		f->store, f->account, since, count_collection, &text, &f->err));
	assert_slice(buf_slice(&text), "gone INBOX ");
	buf_clear(&text);
	done(store_scan_account_changes(
		f->store, f->account, account_change(f), count_collection, &text, &f->err));
	assert_int_equal(text.len, 0);
}

static void a_delivery_does_not_count_as_a_change_of_the_collection_itself(void **state)
{
	struct fixture *f = *state;
	struct store_collection before, after;
	done(store_get_collection(f->store, f->account, f->inbox, &f->arena, &before, &f->err));
	deliver(f->store, f->account, f->inbox, "x");
	done(store_get_collection(f->store, f->account, f->inbox, &f->arena, &after, &f->err));
	assert_int_equal(after.own_change, before.own_change);
	assert_int_equal(after.change, before.change + 1);
	assert_int_equal(after.created, before.created);
}

static bool count_account(void *context, const struct store_account *account)
{
	*(unsigned *)context += !account->gone;
	return true;
}

static void every_account_is_listed_once(void **state)
{
	struct fixture *f = *state;
	unsigned count = 0;
	for (int i = 0; i < 5; i++)
		(void)make_collection(f->store, id_new(), "INBOX");
	done(store_list_accounts(f->store, count_account, &count, &f->err));
	assert_int_equal(count, 6);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_system_account_is_always_there_and_no_other),
		TEST(everything_in_one_write_has_the_same_change_number),
		TEST(a_change_moves_an_object_to_the_end_of_the_changes),
		TEST(a_deleted_object_leaves_a_tombstone_with_its_id_and_change),
		TEST(a_number_is_never_given_out_twice),
		TEST(counters_follow_deliveries_changes_and_deletions),
		TEST(reads_inside_a_write_see_its_own_changes),
		TEST(an_aborted_write_leaves_nothing),
		TEST(a_write_that_changes_nothing_gives_out_no_change_number),
		TEST(a_blob_is_stored_once_for_many_accounts_and_goes_with_the_last),
		TEST(an_object_moves_between_collections_without_its_blob_dying),
		TEST(a_changed_blob_replaces_the_old_one),
		TEST(an_object_with_an_unknown_blob_is_refused),
		TEST(one_write_changes_two_accounts_each_with_its_own_number),
		TEST(an_account_that_was_not_locked_can_not_be_changed),
		TEST(facets_are_scanned_in_order_from_first_to_last_until_told_to_stop),
		TEST(an_account_tells_which_collections_changed_or_went),
		TEST(a_delivery_does_not_count_as_a_change_of_the_collection_itself),
		TEST(every_account_is_listed_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
