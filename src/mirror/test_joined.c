/* A side that never heard of a merge has a collection that the merge made part of another. */
#include "mirror/merge.h"

#include "base/test.h"
#include "store/key.h"
#include "store/row.h"

#define done(call) assert_int_equal((call), 0)

static struct model_collection *add(
	struct model *model, struct id id, enum store_kind kind, const char *name)
{
	struct store_collection row = {.id = id,
		.kind = kind,
		.name = slice_str(name),
		.data = slice_str(name),
		.next_number = 9,
		.change = 5,
		.own_change = 5,
		.created = 1};
	return model_add_collection(model, &row);
}

static void put(struct model_collection *c, struct id id, uint32_t number)
{
	struct model_object object = {.row = {.id = id, .number = number, .change = 4}};
	model_add_object(c, &object);
}

static void note(struct mirror_rows *notes, struct id account, struct id collection)
{
	struct key key;
	key_of_object(&key, KEY_BASE, account, collection, 1);
	mirror_rows_add(notes, key_slice(&key), SLICE("was"));
	mirror_rows_sort(notes);
}

static bool is_noted(const struct mirror_rows *notes, struct id account, struct id collection)
{
	struct key key;
	key_of_object(&key, KEY_BASE, account, collection, 1);
	return mirror_rows_find(notes, key_slice(&key)) != NULL;
}

struct sides {
	struct model here, there;
	struct mirror_rows notes;
	struct id account, went, stayed, object;
};

static void begin(struct sides *s)
{
	*s = (struct sides){.here = {.arena = ARENA_EMPTY},
		.there = {.arena = ARENA_EMPTY},
		.notes = MIRROR_ROWS_NONE,
		.account = id_new(),
		.stayed = id_new(),
		.went = id_new(),
		.object = id_new()};
}

static void end(struct sides *s)
{
	model_free(&s->here);
	model_free(&s->there);
	mirror_rows_free(&s->notes);
}

static void it_is_taken_for_the_one_that_stayed(void **state)
{
	struct sides s;
	begin(&s);
	put(add(&s.here, s.went, STORE_MAILBOX, "here"), s.object, 1);
	put(add(&s.there, s.stayed, STORE_MAILBOX, "there"), s.object, 7);
	note(&s.notes, s.account, s.went);
	mirror_follow_joins(&s.there, &s.here, &s.notes);
	const struct model_collection *c = model_find_collection(&s.here, s.stayed);
	assert_non_null(c);
	assert_null(model_find_collection(&s.here, s.went));
	assert_true(slice_eq(c->row.name, SLICE("there")));
	assert_true(slice_eq(c->row.data, SLICE("there")));
	assert_int_equal(c->objects[0].row.number, 1);
	assert_true(is_noted(&s.notes, s.account, s.stayed));
	assert_false(is_noted(&s.notes, s.account, s.went));
	end(&s);
}

static void a_tombstone_tells_it_too(void **state)
{
	struct sides s;
	begin(&s);
	put(add(&s.there, s.stayed, STORE_MAILBOX, "there"), s.object, 7);
	model_add_gone(add(&s.here, s.went, STORE_MAILBOX, "here"),
		&(struct model_gone){.id = s.object, .number = 1, .change = 5});
	mirror_follow_joins(&s.there, &s.here, &s.notes);
	assert_non_null(model_find_collection(&s.here, s.stayed));
	end(&s);
}

static void others_stay_what_they_are(void **state)
{
	struct sides s;
	begin(&s);
	struct id both = id_new(), other = id_new();
	put(add(&s.here, s.went, STORE_MAILBOX, "new here"), id_new(), 1);
	put(add(&s.here, both, STORE_MAILBOX, "both"), s.object, 1);
	put(add(&s.here, other, STORE_SETTINGS, "another kind"), s.object, 1);
	put(add(&s.there, s.stayed, STORE_MAILBOX, "new there"), id_new(), 2);
	put(add(&s.there, both, STORE_MAILBOX, "both"), s.object, 2);
	note(&s.notes, s.account, s.went);
	mirror_follow_joins(&s.there, &s.here, &s.notes);
	assert_null(model_find_collection(&s.here, s.stayed));
	assert_true(is_noted(&s.notes, s.account, s.went));
	end(&s);
}

/* Of an account that both have; what each noted is nothing. */
static void merge(const struct model *here, const struct model *there, uint64_t taken,
	struct model *ret_merged)
{
	static const struct store_merge_rule NO_RULES[] = {{0}};
	struct mirror_rows none = MIRROR_ROWS_NONE;
	struct merge_side first = {here, &none, taken}, second = {there, &none, 0};
	struct err err;
	done(mirror_merge(&first, &second, NO_RULES, ret_merged, &err));
}

static void what_the_merge_revived_is_not_deleted_by_what_was_before_it(void **state)
{
	struct sides s;
	struct model merged;
	begin(&s);
	s.here.account = s.there.account = (struct store_account){.id = s.account, .change = 9};
	put(add(&s.there, s.stayed, STORE_MAILBOX, "revived"), s.object, 1);
	model_add_gone_collection(
		&s.here, &(struct model_gone){.id = s.stayed, .change = 6, .kind = STORE_MAILBOX});
	merge(&s.here, &s.there, 6, &merged);
	assert_non_null(model_find_collection(&merged, s.stayed));
	model_free(&merged);
	merge(&s.here, &s.there, 5, &merged);
	assert_null(model_find_collection(&merged, s.stayed));
	model_free(&merged);
	end(&s);
}

/* As the row of an object in a collection that is gone by now. */
static void note_object(struct mirror_rows *notes, struct id account, struct id collection,
	const struct store_object *object)
{
	struct buf row = BUF(ROW_MAX), was = BUF(ROW_MAX + 64);
	struct key key;
	row_add_object(&row, object);
	mirror_was_add(&(struct mirror_was){7, buf_slice(&row)}, &was);
	key_of_object(&key, KEY_BASE, account, collection, object->number);
	mirror_rows_add(notes, key_slice(&key), buf_slice(&was));
	mirror_rows_sort(notes);
	buf_free(&row);
	buf_free(&was);
}

static void what_it_deleted_with_a_collection_that_the_merge_joined_stays_deleted(void **state)
{
	struct sides s;
	struct model merged;
	struct mirror_rows none = MIRROR_ROWS_NONE;
	struct err err;
	struct id unheard_of = id_new();
	begin(&s);
	s.here.account = s.there.account = (struct store_account){.id = s.account, .change = 9};
	struct model_collection *stayed = add(&s.there, s.stayed, STORE_MAILBOX, "stayed");
	put(stayed, s.object, 5);
	put(stayed, unheard_of, 7);
	model_add_gone_collection(
		&s.here, &(struct model_gone){.id = s.stayed, .change = 6, .kind = STORE_MAILBOX});
	model_add_gone_collection(
		&s.here, &(struct model_gone){.id = s.went, .change = 9, .kind = STORE_MAILBOX});
	note_object(&s.notes, s.account, s.went,
		&(struct store_object){.id = s.object, .number = 1, .change = 3});
	struct merge_side first = {&s.here, &s.notes, 6}, second = {&s.there, &none, 0};
	static const struct store_merge_rule NO_RULES[] = {{0}};
	done(mirror_merge(&first, &second, NO_RULES, &merged, &err));
	const struct model_collection *c = model_find_collection(&merged, s.stayed);
	assert_non_null(c);
	assert_int_equal(c->object_count, 1);
	assert_true(id_eq(c->objects[0].row.id, unheard_of));
	assert_int_equal(c->gone_count, 1);
	assert_true(id_eq(c->gone[0].id, s.object));
	assert_int_equal(c->gone[0].number, 5);
	model_free(&merged);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_taken_for_the_one_that_stayed),
		cmocka_unit_test(a_tombstone_tells_it_too),
		cmocka_unit_test(others_stay_what_they_are),
		cmocka_unit_test(what_the_merge_revived_is_not_deleted_by_what_was_before_it),
		cmocka_unit_test(
			what_it_deleted_with_a_collection_that_the_merge_joined_stays_deleted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
