/* Names of collections and objects: unique, found, changed, given up. */
#include "store/test_support.h"

static void begin(
	struct fixture *f, struct store_write **ret_write, struct store_collection **ret_c)
{
	done(store_write_begin(f->store, &f->account, 1, ret_write, &f->err));
	done(store_write_collection(*ret_write, f->account, f->inbox, ret_c, &f->err));
}

static void a_collection_name_is_unique_among_the_living_of_its_kind(void **state)
{
	struct fixture *f = *state;
	struct store_write *w;
	struct store_collection *c, *other;
	begin(f, &w, &c);
	assert_true(store_write_collection_new(w, f->account, STORE_MAILBOX, SLICE("INBOX"),
			    SLICE_NONE, &other, &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_EXISTS);
	done(store_write_collection_new(
		w, f->account, STORE_SETTINGS, SLICE("INBOX"), SLICE_NONE, &other, &f->err));
	done(store_write_collection_new(
		w, f->account, STORE_MAILBOX, SLICE("A"), SLICE_NONE, &other, &f->err));
	assert_true(store_write_collection_new(w, f->account, STORE_MAILBOX, SLICE("A"), SLICE_NONE,
			    &other, &f->err) < 0);
	done(store_write_collection_gone(w, c, &f->err));
	done(store_write_collection_new(
		w, f->account, STORE_MAILBOX, SLICE("INBOX"), SLICE_NONE, &other, &f->err));
	done(store_write_commit(w, &f->err));
	struct store_collection *list;
	size_t count;
	done(store_list_collections(
		f->store, f->account, STORE_MAILBOX, &f->arena, &list, &count, &f->err));
	assert_int_equal(count, 2);
	assert_slice(list[0].name, "A");
	assert_slice(list[1].name, "INBOX");
	assert_false(id_eq(list[1].id, f->inbox));
}

static void a_rename_keeps_id_and_content_and_frees_the_old_name(void **state)
{
	struct fixture *f = *state;
	struct store_write *w;
	struct store_collection *c, got;
	deliver(f->store, f->account, f->inbox, "body");
	begin(f, &w, &c);
	c->name = SLICE("Archive");
	c->data = SLICE("data");
	store_write_collection_changed(w, c);
	done(store_write_commit(w, &f->err));
	done(store_find_collection(
		f->store, f->account, STORE_MAILBOX, SLICE("Archive"), &f->arena, &got, &f->err));
	assert_true(id_eq(got.id, f->inbox));
	assert_slice(got.data, "data");
	assert_int_equal(got.count, 1);
	assert_int_equal(store_find_collection(f->store, f->account, STORE_MAILBOX, SLICE("INBOX"),
				 &f->arena, &got, &f->err),
		STORE_ABSENT);
	(void)make_collection(f->store, f->account, "INBOX");
}

static void two_collections_may_swap_names_in_one_write_but_not_share_one(void **state)
{
	struct fixture *f = *state;
	struct id sent = make_collection(f->store, f->account, "Sent");
	struct store_write *w;
	struct store_collection *a, *b, got;
	begin(f, &w, &a);
	done(store_write_collection(w, f->account, sent, &b, &f->err));
	struct slice name = a->name;
	a->name = b->name;
	store_write_collection_changed(w, a);
	b->name = name;
	store_write_collection_changed(w, b);
	done(store_write_commit(w, &f->err));
	done(store_find_collection(
		f->store, f->account, STORE_MAILBOX, SLICE("Sent"), &f->arena, &got, &f->err));
	assert_true(id_eq(got.id, f->inbox));
	begin(f, &w, &a);
	a->name = SLICE("INBOX");
	store_write_collection_changed(w, a);
	assert_true(store_write_commit(w, &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_EXISTS);
	done(store_find_collection(
		f->store, f->account, STORE_MAILBOX, SLICE("INBOX"), &f->arena, &got, &f->err));
	assert_true(id_eq(got.id, sent));
}

static void names_of_any_bytes_and_length_up_to_the_limit_are_told_apart(void **state)
{
	struct fixture *f = *state;
	static char long_name[STORE_NAME_MAX + 2];
	struct store_collection got;
	memset(long_name, 'x', STORE_NAME_MAX);
	struct id first = make_collection(f->store, f->account, long_name);
	long_name[STORE_NAME_MAX - 1] = 'y';
	struct id second = make_collection(f->store, f->account, long_name);
	done(store_find_collection(f->store, f->account, STORE_MAILBOX, slice_str(long_name),
		&f->arena, &got, &f->err));
	assert_true(id_eq(got.id, second));
	assert_false(id_eq(first, second));
	long_name[STORE_NAME_MAX] = 'z';
	struct store_write *w;
	struct store_collection *c;
	begin(f, &w, &c);
	assert_true(store_write_collection_new(w, f->account, STORE_MAILBOX, slice_str(long_name),
			    SLICE_NONE, &c, &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_LIMIT);
	store_write_abort(w);
}

static void an_object_name_is_unique_and_may_be_taken_over_when_free(void **state)
{
	struct fixture *f = *state;
	struct store_write *w;
	struct store_collection *c;
	struct store_object a = {.name = SLICE("alice")}, b = {.name = SLICE("bob")}, got;
	begin(f, &w, &c);
	done(store_write_object_new(w, c, &a, SLICE_NONE, &f->err));
	done(store_write_object_new(w, c, &b, SLICE_NONE, &f->err));
	struct store_object twin = {.name = SLICE("alice")};
	assert_true(store_write_object_new(w, c, &twin, SLICE_NONE, &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_EXISTS);
	done(store_write_commit(w, &f->err));
	begin(f, &w, &c);
	b.name = SLICE("alice");
	assert_true(store_write_object(w, c, &b, SLICE_NONE, &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_EXISTS);
	a.name = SLICE("alice cooper");
	done(store_write_object(w, c, &a, SLICE_NONE, &f->err));
	done(store_write_object(w, c, &b, SLICE_NONE, &f->err));
	done(store_write_commit(w, &f->err));
	done(store_find_object(
		f->store, f->account, f->inbox, SLICE("alice"), &f->arena, &got, &f->err));
	assert_int_equal(got.number, 2);
	done(store_find_object(
		f->store, f->account, f->inbox, SLICE("alice cooper"), &f->arena, &got, &f->err));
	assert_int_equal(got.number, 1);
	assert_int_equal(store_find_object(f->store, f->account, f->inbox, SLICE("bob"), &f->arena,
				 &got, &f->err),
		STORE_ABSENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_collection_name_is_unique_among_the_living_of_its_kind),
		TEST(a_rename_keeps_id_and_content_and_frees_the_old_name),
		TEST(two_collections_may_swap_names_in_one_write_but_not_share_one),
		TEST(names_of_any_bytes_and_length_up_to_the_limit_are_told_apart),
		TEST(an_object_name_is_unique_and_may_be_taken_over_when_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
