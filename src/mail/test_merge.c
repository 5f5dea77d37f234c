/* What becomes of a message and a mailbox that two nodes changed while they were apart. */
#include "mail/merge.h"

#include "base/bytes.h"
#include "base/test.h"
#include "mail/keywords_internal.h"
#include "mail/record_internal.h"

enum { SIDES = 2 };

static const struct store_merge_rule *rule_of(enum store_kind kind)
{
	const struct store_merge_rule *rule = mail_merge_rules;
	while (rule->kind && rule->kind != kind)
		rule++;
	assert_int_equal(rule->kind, kind);
	return rule;
}

/* A message with these flags, and keywords with spaces between. */
static struct store_object message(struct arena *arena, uint8_t flags, const char *keywords)
{
	struct slice names[MAIL_KEYWORDS_MAX], rest = slice_str(keywords);
	struct mail_record record = {.flags = flags, .saved = 7, .header_len = 9};
	struct buf data = BUF(MAIL_RECORD_MAX);
	size_t count = 0;
	while (rest.len > 0)
		names[count++] = slice_cut(&rest, ' ');
	assert_int_equal(mail_keywords_make(names, count, arena, &record.keywords, NULL), 0);
	mail_record_write(&record, &data);
	struct store_object object = {.data = arena_copy(arena, buf_slice(&data))};
	buf_free(&data);
	return object;
}

/* `later` is first or second. What comes out when the two change places is the same. */
static struct store_object merge(const struct store_object *was, const struct store_object *first,
	const struct store_object *second, const struct store_object *later, struct arena *arena)
{
	struct store_object merged = *later, other = *later;
	rule_of(STORE_MAILBOX)->merge(was, first, second, arena, &merged);
	rule_of(STORE_MAILBOX)->merge(was, second, first, arena, &other);
	assert_true(slice_eq(merged.data, other.data));
	return merged;
}

static void assert_message(const struct store_object *object, uint8_t flags, const char *keywords)
{
	struct mail_record record;
	struct buf text = BUF(MAIL_RECORD_MAX);
	assert_true(mail_record_read(object->data, &record));
	assert_int_equal(record.flags, flags);
	for (uint32_t i = 0; i < record.keywords.count; i++) {
		buf_add_str(&text, i > 0 ? " " : "");
		buf_add_slice(&text, record.keywords.names[i]);
	}
	assert_slice(buf_slice(&text), keywords);
	buf_free(&text);
}

static void a_flag_that_a_side_changed_holds(void **state)
{
	static const struct {
		bool was, first, second, merged;
	} cases[] = {
		{false, false, false, false},
		{false, false, true, true},
		{false, true, false, true},
		{false, true, true, true},
		{true, false, false, false},
		{true, false, true, false},
		{true, true, false, false},
		{true, true, true, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (uint8_t flag = 1; flag <= MAIL_DRAFT; flag *= 2) {
			struct arena arena = ARENA_EMPTY;
			struct store_object was = message(&arena, cases[i].was * flag,
						    cases[i].was ? "k" : ""),
					    first = message(&arena, cases[i].first * flag,
						    cases[i].first ? "k" : ""),
					    second = message(&arena, cases[i].second * flag,
						    cases[i].second ? "k" : "");
			struct store_object merged = merge(&was, &first, &second, &first, &arena);
			assert_message(&merged, cases[i].merged * flag, cases[i].merged ? "k" : "");
			arena_free(&arena);
		}
}

static void flags_and_keywords_are_merged_each_by_itself(void **state)
{
	struct arena arena = ARENA_EMPTY;
	struct store_object was = message(&arena, MAIL_SEEN | MAIL_FLAGGED, "$Junk work"),
			    first = message(&arena, MAIL_FLAGGED | MAIL_DRAFT, "work later"),
			    second = message(&arena, MAIL_SEEN | MAIL_DELETED, "$Junk family");
	struct store_object merged = merge(&was, &first, &second, &first, &arena);
	assert_message(&merged, MAIL_DRAFT | MAIL_DELETED, "family later");
	arena_free(&arena);
}

static void without_what_was_all_that_either_side_has_is_set(void **state)
{
	struct arena arena = ARENA_EMPTY;
	struct store_object first = message(&arena, MAIL_SEEN, "one two"),
			    second = message(&arena, MAIL_DRAFT, "two three");
	struct store_object merged = merge(NULL, &first, &second, &second, &arena);
	assert_message(&merged, MAIL_SEEN | MAIL_DRAFT, "one three two");
	arena_free(&arena);
}

/* Each is the first keyword of its side: were they numbers, it would be one number. */
static void keywords_that_are_new_on_both_sides_keep_their_names(void **state)
{
	struct arena arena = ARENA_EMPTY;
	struct store_object was = message(&arena, 0, ""), first = message(&arena, 0, "urgent"),
			    second = message(&arena, 0, "holiday");
	struct store_object merged = merge(&was, &first, &second, &first, &arena);
	assert_message(&merged, 0, "holiday urgent");
	arena_free(&arena);
}

static void a_keyword_that_both_spell_is_spelled_as_the_later_does(void **state)
{
	struct arena arena = ARENA_EMPTY;
	struct store_object was = message(&arena, 0, ""), first = message(&arena, 0, "Urgent a"),
			    second = message(&arena, 0, "URGENT b");
	struct store_object merged = merge(&was, &first, &second, &first, &arena);
	assert_message(&merged, 0, "a b Urgent");
	merged = merge(&was, &first, &second, &second, &arena);
	assert_message(&merged, 0, "a b URGENT");
	arena_free(&arena);
}

/* "a00 a01 …" */
static const char *many(struct arena *arena, char letter, size_t from, size_t count)
{
	const char *names = "";
	for (size_t i = 0; i < count; i++)
		names = arena_printf(
			arena, "%s%s%c%02zu", names, i > 0 ? " " : "", letter, from + i);
	return names;
}

static void of_too_many_keywords_those_of_the_later_stay(void **state)
{
	struct arena arena = ARENA_EMPTY;
	struct store_object was = message(&arena, 0, many(&arena, 'k', 0, 60)),
			    first = message(&arena, MAIL_SEEN, many(&arena, 'a', 0, 64)),
			    second = message(&arena, MAIL_DRAFT, many(&arena, 'b', 0, 64));
	struct store_object merged = merge(NULL, &first, &second, &second, &arena);
	assert_message(&merged, MAIL_SEEN | MAIL_DRAFT, many(&arena, 'b', 0, 64));
	merged = merge(&was, &first, &second, &first, &arena);
	assert_message(&merged, MAIL_SEEN | MAIL_DRAFT, many(&arena, 'a', 0, 64));
	/* Two of the later side's are taken away by the other: so many more fit. */
	was = message(&arena, 0, "k00 k01");
	first = message(&arena, 0, many(&arena, 'b', 0, 9));
	second = message(&arena, 0, arena_printf(&arena, "k00 k01 %s", many(&arena, 'c', 0, 62)));
	merged = merge(&was, &first, &second, &second, &arena);
	assert_message(&merged, 0, arena_printf(&arena, "b00 b01 %s", many(&arena, 'c', 0, 62)));
	arena_free(&arena);
}

static void all_else_is_as_the_later_has_it(void **state)
{
	struct arena arena = ARENA_EMPTY;
	struct buf data = BUF(MAIL_RECORD_MAX);
	struct store_object was = message(&arena, 0, ""), first = message(&arena, MAIL_SEEN, "a"),
			    second = message(&arena, MAIL_DRAFT, "b");
	struct mail_record record;
	assert_true(mail_record_read(second.data, &record));
	record.saved = 12345;
	record.internal_date = (struct message_date){.seconds = -5, .zone_minutes = -90};
	mail_record_write(&record, &data);
	second.data = buf_slice(&data);
	struct store_object merged = merge(&was, &first, &second, &second, &arena);
	assert_message(&merged, MAIL_SEEN | MAIL_DRAFT, "a b");
	assert_true(mail_record_read(merged.data, &record));
	assert_int_equal(record.saved, 12345);
	assert_int_equal(record.internal_date.seconds, -5);
	assert_int_equal(record.internal_date.zone_minutes, -90);
	merged = merge(&was, &first, &second, &first, &arena);
	assert_true(mail_record_read(merged.data, &record));
	assert_int_equal(record.saved, 7);
	buf_free(&data);
	arena_free(&arena);
}

static void damaged_messages_stay_as_the_later_is(void **state)
{
	struct arena arena = ARENA_EMPTY;
	struct store_object good = message(&arena, MAIL_SEEN, "a"),
			    other = message(&arena, MAIL_DRAFT, "b"),
			    bad = {.data = SLICE("\1\377")}, empty = {.data = SLICE_NONE};
	struct store_object merged = merge(&good, &other, &bad, &other, &arena);
	assert_true(slice_eq(merged.data, other.data));
	merged = merge(&good, &other, &empty, &empty, &arena);
	assert_int_equal(merged.data.len, 0);
	merged = merge(&bad, &good, &other, &good, &arena);
	assert_true(slice_eq(merged.data, good.data));
	arena_free(&arena);
}

static struct store_collection mailbox(
	struct arena *arena, uint32_t uid_validity, unsigned uses, uint64_t unseen)
{
	struct mail_box_record record = {uid_validity, uses, unseen, 0};
	struct buf data = BUF(MAIL_BOX_RECORD_MAX);
	mail_box_record_write(&record, &data);
	struct store_collection row = {
		.kind = STORE_MAILBOX, .data = arena_copy(arena, buf_slice(&data))};
	buf_free(&data);
	return row;
}

static struct mail_box_record read_mailbox(const struct store_collection *row)
{
	struct mail_box_record record;
	assert_true(mail_box_record_read(row->data, &record));
	return record;
}

static void a_mailbox_counts_its_messages_anew(void **state)
{
	struct arena arena = ARENA_EMPTY;
	struct store_object seen = message(&arena, MAIL_SEEN, ""), fresh = message(&arena, 0, ""),
			    deleted = message(&arena, MAIL_DELETED | MAIL_SEEN, ""),
			    bad = {.data = SLICE("?")};
	const struct store_object *objects[] = {&seen, &fresh, &deleted, &bad, &fresh};
	struct store_collection box = mailbox(&arena, 5, 4, 99);
	rule_of(STORE_MAILBOX)->count(objects, ARRAY_LEN(objects), &arena, &box);
	assert_int_equal(read_mailbox(&box).unseen, 2);
	assert_int_equal(read_mailbox(&box).deleted, 1);
	assert_int_equal(read_mailbox(&box).uid_validity, 5);
	assert_int_equal(read_mailbox(&box).uses, 4);
	rule_of(STORE_MAILBOX)->count(objects, 0, &arena, &box);
	assert_int_equal(read_mailbox(&box).unseen, 0);
	box.data = SLICE("damaged");
	rule_of(STORE_MAILBOX)->count(objects, ARRAY_LEN(objects), &arena, &box);
	assert_slice(box.data, "damaged");
	arena_free(&arena);
}

static void a_mailbox_that_both_changed_has_the_uses_of_both(void **state)
{
	struct arena arena = ARENA_EMPTY;
	struct store_collection was = mailbox(&arena, 5, 1 | 2, 0),
				sides[SIDES] = {mailbox(&arena, 5, 2 | 4, 8),
					mailbox(&arena, 6, 1 | 2 | 8, 9)};
	for (size_t i = 0; i < SIDES; i++) {
		struct store_collection merged = sides[0];
		rule_of(STORE_MAILBOX)
			->merge_collection(&was, &sides[i], &sides[1 - i], &arena, &merged);
		assert_int_equal(read_mailbox(&merged).uses, 2 | 4 | 8);
		assert_int_equal(read_mailbox(&merged).uid_validity, 6);
	}
	struct store_collection damaged = sides[0];
	was.data = SLICE("?");
	rule_of(STORE_MAILBOX)->merge_collection(&was, &sides[0], &sides[1], &arena, &damaged);
	assert_true(slice_eq(damaged.data, sides[0].data));
	arena_free(&arena);
}

static struct store_collection settings(const char *name, uint32_t next_number)
{
	return (struct store_collection){
		.kind = STORE_SETTINGS, .name = slice_str(name), .next_number = next_number};
}

static void two_mailboxes_that_become_one_get_a_larger_uid_validity(void **state)
{
	static const struct {
		uint32_t stays, other, next, joined;
	} cases[] = {{7, 6, 20, 7}, {7, 7, 20, 21}, {7, 9, 20, 21}, {7, 9, 21, 21},
		{7, UINT32_MAX, 20, 21}};
	struct arena arena = ARENA_EMPTY;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct store_collection stays = mailbox(&arena, cases[i].stays, 1, 0),
					other = mailbox(&arena, cases[i].other, 2, 0);
		struct store_collection highest = settings("mail", cases[i].next),
					*all[] = {&stays, &highest};
		rule_of(STORE_MAILBOX)->join(&other, &arena, &stays);
		rule_of(STORE_MAILBOX)->complete(all, ARRAY_LEN(all), &arena);
		assert_int_equal(read_mailbox(&stays).uid_validity, cases[i].joined);
		assert_int_equal(read_mailbox(&stays).uses, 3);
	}
	arena_free(&arena);
}

static void each_mailbox_that_wants_one_gets_a_uid_validity_of_its_own(void **state)
{
	struct arena arena = ARENA_EMPTY;
	struct store_collection one = mailbox(&arena, 3, 0, 0), two = mailbox(&arena, 4, 0, 0),
				same = mailbox(&arena, 9, 0, 0), bad = {.kind = STORE_MAILBOX},
				other = settings("other", 500), highest = settings("mail", 10),
				*all[] = {&one, &other, &highest, &bad, &same, &two};
	rule_of(STORE_MAILBOX)->revive(&arena, &one);
	rule_of(STORE_MAILBOX)->revive(&arena, &two);
	rule_of(STORE_MAILBOX)->complete(all, ARRAY_LEN(all), &arena);
	assert_int_equal(read_mailbox(&one).uid_validity, 11);
	assert_int_equal(read_mailbox(&two).uid_validity, 13);
	assert_int_equal(read_mailbox(&same).uid_validity, 9);
	assert_int_equal(highest.next_number, 14);
	assert_int_equal(other.next_number, 500);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flag_that_a_side_changed_holds),
		cmocka_unit_test(flags_and_keywords_are_merged_each_by_itself),
		cmocka_unit_test(without_what_was_all_that_either_side_has_is_set),
		cmocka_unit_test(keywords_that_are_new_on_both_sides_keep_their_names),
		cmocka_unit_test(a_keyword_that_both_spell_is_spelled_as_the_later_does),
		cmocka_unit_test(of_too_many_keywords_those_of_the_later_stay),
		cmocka_unit_test(all_else_is_as_the_later_has_it),
		cmocka_unit_test(damaged_messages_stay_as_the_later_is),
		cmocka_unit_test(a_mailbox_counts_its_messages_anew),
		cmocka_unit_test(a_mailbox_that_both_changed_has_the_uses_of_both),
		cmocka_unit_test(two_mailboxes_that_become_one_get_a_larger_uid_validity),
		cmocka_unit_test(each_mailbox_that_wants_one_gets_a_uid_validity_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
