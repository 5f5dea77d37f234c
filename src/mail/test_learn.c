/* What is noted for a spam filter by which change, and how it is claimed and settled. */
#include "mail/learn.h"
#include "mail/test_support.h"

#include "base/clock.h"

static const char letter[] = "Subject: one\r\n\r\nbody\r\n";

static struct fixture *open_learning(bool learn)
{
	struct fixture *f = fixture_open(0);
	mail_close(f->mail);
	struct mail_options options = {.store = f->store, .learn = learn};
	assert_ok(mail_open(&options, &f->mail, &err));
	return f;
}

static void copy(struct fixture *f, struct id from, const char *uids, struct id to, bool move)
{
	struct mail_set set = fixture_set(uids);
	struct mail_added added;
	uint32_t *uid;
	size_t count;
	assert_ok(mail_copy(
		f->mail, f->account, from, &set, to, move, &no_limits, &uid, &count, &added, &err));
	assert_true(count > 0);
	free(uid);
	mail_set_free(&set);
}

static struct id add(struct fixture *f, struct id box, const char *bytes)
{
	struct mail_message message;
	uint32_t uid = fixture_append(f, box, bytes, 0, "kw");
	assert_ok(mail_message_get(f->mail, f->account, box, uid, &f->arena, &message, &err));
	return message.blob;
}

static bool claim_at(struct fixture *f, int64_t now, struct mail_lesson *ret_lesson)
{
	struct err err = {0};
	int r = mail_learn_claim(f->mail, f->account, now, ret_lesson, &err);
	assert_true(r == 0 || r == MAIL_ABSENT);
	return r == 0;
}

static bool claim(struct fixture *f, struct mail_lesson *ret_lesson)
{
	return claim_at(f, clock_wall_ms(), ret_lesson);
}

static void expect_lesson(struct fixture *f, enum mail_learn_as as, struct id blob)
{
	struct mail_lesson lesson;
	assert_true(claim(f, &lesson));
	assert_int_equal(lesson.as, as);
	assert_true(id_eq(lesson.blob, blob));
	assert_int_equal(lesson.tries, 0);
	assert_ok(mail_learn_done(f->mail, &lesson, &err));
}

static void expect_nothing(struct fixture *f)
{
	struct mail_lesson lesson;
	assert_false(claim(f, &lesson));
}

static void what_goes_into_junk_is_spam(void **state)
{
	for (int move = 0; move < 2; move++) {
		struct fixture *f = open_learning(true);
		struct id junk = fixture_box(f, "Junk"), listed;
		struct id blob = add(f, f->inbox, letter);
		assert_false(mail_learn_take(f->mail, clock_wall_ms(), &listed));
		copy(f, f->inbox, "1", junk, move);
		assert_true(mail_learn_take(f->mail, clock_wall_ms(), &listed));
		assert_true(id_eq(listed, f->account));
		assert_false(mail_learn_take(f->mail, clock_wall_ms(), &listed));
		expect_lesson(f, MAIL_LEARN_SPAM, blob);
		expect_nothing(f);
		fixture_close(f);
	}
}

static void what_goes_out_of_junk_is_ham(void **state)
{
	static const char *const to[] = {"INBOX", "Archive", "Sent"};
	for (size_t i = 0; i < ARRAY_LEN(to); i++) {
		struct fixture *f = open_learning(true);
		struct id junk = fixture_box(f, "Junk");
		struct id blob = add(f, junk, letter);
		copy(f, junk, "1", fixture_box(f, to[i]), i % 2);
		expect_lesson(f, MAIL_LEARN_HAM, blob);
		expect_nothing(f);
		fixture_close(f);
	}
}

static void junk_is_known_by_its_use_and_not_by_its_name(void **state)
{
	struct fixture *f = open_learning(true);
	struct id junk = fixture_box(f, "Junk");
	assert_ok(mail_mailbox_rename(f->mail, f->account, SLICE("Junk"), SLICE("Rubbish"), &err));
	struct id other = fixture_create(f, "Junk");
	struct id blob = add(f, f->inbox, letter);
	copy(f, f->inbox, "1", other, false);
	expect_nothing(f);
	copy(f, f->inbox, "1", junk, false);
	expect_lesson(f, MAIL_LEARN_SPAM, blob);
	fixture_close(f);
}

static void everything_else_says_nothing(void **state)
{
	struct fixture *f = open_learning(true);
	struct id junk = fixture_box(f, "Junk"), trash = fixture_box(f, "Trash"), listed;
	(void)add(f, f->inbox, letter);
	(void)add(f, junk, letter);
	copy(f, f->inbox, "1", trash, false);
	copy(f, f->inbox, "1", fixture_box(f, "Archive"), false);
	copy(f, junk, "1", junk, false);
	copy(f, junk, "2", junk, true);
	copy(f, junk, "1", trash, false);
	copy(f, junk, "1", trash, true);
	fixture_flags(f, junk, "3", MAIL_STORE_ADD, MAIL_SEEN, "kw");
	fixture_expunge(f, junk, "3");
	struct mail_delivery delivery = {.account = f->account, .use = MAIL_USE_JUNK};
	assert_ok(mail_deliver(f->mail, slice_str(letter), &delivery, 1, &err));
	assert_false(mail_learn_take(f->mail, INT64_MAX, &listed));
	expect_nothing(f);
	fixture_close(f);
}

static void nothing_is_noted_when_nobody_learns(void **state)
{
	struct fixture *f = open_learning(false);
	struct store_collection lessons;
	struct id listed;
	(void)add(f, f->inbox, letter);
	copy(f, f->inbox, "1", fixture_box(f, "Junk"), true);
	assert_false(mail_learn_take(f->mail, INT64_MAX, &listed));
	assert_int_equal(store_find_collection(f->store, f->account, STORE_LEARN, SLICE("learn"),
				 &f->arena, &lessons, NULL),
		STORE_ABSENT);
	fixture_close(f);
}

static void the_last_judgement_holds(void **state)
{
	struct fixture *f = open_learning(true);
	struct id junk = fixture_box(f, "Junk");
	struct id blob = add(f, f->inbox, letter);
	copy(f, f->inbox, "1", junk, true);
	copy(f, junk, "1", f->inbox, true);
	expect_lesson(f, MAIL_LEARN_HAM, blob);
	expect_nothing(f);
	fixture_close(f);
}

static void a_judgement_during_a_claim_is_learnt_too(void **state)
{
	struct fixture *f = open_learning(true);
	struct id junk = fixture_box(f, "Junk");
	struct mail_lesson lesson;
	struct id blob = add(f, f->inbox, letter);
	copy(f, f->inbox, "1", junk, true);
	assert_true(claim(f, &lesson));
	copy(f, junk, "1", f->inbox, true);
	assert_ok(mail_learn_done(f->mail, &lesson, &err));
	expect_lesson(f, MAIL_LEARN_HAM, blob);
	expect_nothing(f);
	fixture_close(f);
}

static void a_message_that_is_gone_is_learnt_still(void **state)
{
	struct fixture *f = open_learning(true);
	struct id junk = fixture_box(f, "Junk");
	struct buf bytes = BUF(1000);
	struct mail_lesson lesson;
	(void)add(f, f->inbox, letter);
	copy(f, f->inbox, "1", junk, true);
	fixture_expunge(f, junk, "1");
	assert_true(claim(f, &lesson));
	assert_int_equal(lesson.size, strlen(letter));
	assert_ok(store_read_blob(f->store, lesson.blob, 0, lesson.size, &bytes, &err));
	assert_true(slice_eq(buf_slice(&bytes), slice_str(letter)));
	assert_ok(mail_learn_done(f->mail, &lesson, &err));
	buf_free(&bytes);
	fixture_close(f);
}

static void a_claim_keeps_others_away_until_it_runs_out(void **state)
{
	struct fixture *f = open_learning(true);
	struct mail_lesson lesson;
	struct id listed;
	int64_t now = clock_wall_ms();
	(void)add(f, f->inbox, letter);
	copy(f, f->inbox, "1", fixture_box(f, "Junk"), true);
	assert_true(mail_learn_take(f->mail, now, &listed));
	assert_true(claim_at(f, now, &lesson));
	assert_false(claim_at(f, now + MAIL_LEARN_CLAIM_MS - 1, &lesson));
	/* It is listed for then. */
	assert_false(mail_learn_take(f->mail, now + MAIL_LEARN_CLAIM_MS - 1, &listed));
	assert_true(mail_learn_take(f->mail, now + MAIL_LEARN_CLAIM_MS, &listed));
	assert_true(claim_at(f, now + MAIL_LEARN_CLAIM_MS, &lesson));
	fixture_close(f);
}

static void what_is_put_off_comes_again_and_holds_up_no_other(void **state)
{
	struct fixture *f = open_learning(true);
	struct id junk = fixture_box(f, "Junk");
	struct mail_lesson first, second;
	int64_t now = clock_wall_ms();
	(void)add(f, f->inbox, letter);
	(void)add(f, f->inbox, "Subject: two\r\n\r\n");
	copy(f, f->inbox, "1:2", junk, true);
	assert_true(claim_at(f, now, &first));
	assert_ok(mail_learn_put_off(f->mail, &first, now + 5000, &err));
	assert_true(claim_at(f, now, &second));
	assert_false(id_eq(first.blob, second.blob));
	assert_ok(mail_learn_done(f->mail, &second, &err));
	assert_false(claim_at(f, now + 4999, &second));
	assert_true(claim_at(f, now + 5000, &second));
	assert_true(id_eq(first.blob, second.blob));
	assert_int_equal(second.tries, 1);
	assert_int_equal(second.noted, first.noted);
	fixture_close(f);
}

static void lessons_count_for_no_quota(void **state)
{
	struct fixture *f = open_learning(true);
	struct store_account before, after;
	(void)add(f, f->inbox, letter);
	assert_ok(store_get_account(f->store, f->account, &before, &err));
	copy(f, f->inbox, "1", fixture_box(f, "Junk"), true);
	assert_ok(store_get_account(f->store, f->account, &after, &err));
	assert_int_equal(after.bytes, before.bytes);
	assert_int_equal(after.count, before.count);
	fixture_close(f);
}

static void a_large_message_is_not_noted(void **state)
{
	struct fixture *f = open_learning(true);
	char *large = calloc(1, MAIL_LEARN_MESSAGE_MAX + 2);
	assert_non_null(large);
	memset(large, 'x', MAIL_LEARN_MESSAGE_MAX + 1);
	memcpy(large, "A: b\r\n\r\n", 8);
	(void)add(f, f->inbox, large);
	copy(f, f->inbox, "1", fixture_box(f, "Junk"), true);
	expect_nothing(f);
	free(large);
	fixture_close(f);
}

static void no_more_wait_than_may(void **state)
{
	enum { MORE = MAIL_LEARN_WAITING_MAX + 20 };
	struct fixture *f = open_learning(true);
	struct store_collection lessons;
	char text[64];
	for (int i = 0; i < MORE; i++) {
		(void)snprintf(text, sizeof(text), "Subject: %d\r\n\r\n", i);
		(void)fixture_append(f, f->inbox, text, 0, "kw");
	}
	copy(f, f->inbox, "1:*", fixture_box(f, "Junk"), true);
	assert_int_equal(fixture_status(f, fixture_box(f, "Junk")).messages, MORE);
	assert_ok(store_find_collection(
		f->store, f->account, STORE_LEARN, SLICE("learn"), &f->arena, &lessons, &err));
	assert_int_equal(lessons.count, MAIL_LEARN_WAITING_MAX);
	fixture_close(f);
}

static void a_scan_finds_what_was_noted_before(void **state)
{
	struct fixture *f = open_learning(true);
	atomic_bool stop = false;
	struct id listed;
	(void)add(f, f->inbox, letter);
	copy(f, f->inbox, "1", fixture_box(f, "Junk"), true);
	struct id other = id_new();
	assert_ok(mail_account_prepare(f->mail, other, &err));
	mail_close(f->mail);
	struct mail_options options = {.store = f->store, .learn = true};
	assert_ok(mail_open(&options, &f->mail, &err));
	assert_false(mail_learn_take(f->mail, INT64_MAX, &listed));
	assert_ok(mail_learn_scan(f->mail, &stop, &err));
	assert_true(mail_learn_take(f->mail, clock_wall_ms(), &listed));
	assert_true(id_eq(listed, f->account));
	assert_false(mail_learn_take(f->mail, INT64_MAX, &listed));
	fixture_close(f);
}

static void a_full_list_asks_for_a_scan(void **state)
{
	struct fixture *f = open_learning(true);
	struct id listed;
	size_t count = 0;
	for (int i = 0; i < 5000; i++)
		mail_learn_expect(f->mail, id_new(), 0);
	assert_true(mail_learn_missed(f->mail));
	assert_false(mail_learn_missed(f->mail));
	while (mail_learn_take(f->mail, 0, &listed))
		count++;
	assert_in_range(count, 100, 4999);
	fixture_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_into_junk_is_spam),
		cmocka_unit_test(what_goes_out_of_junk_is_ham),
		cmocka_unit_test(junk_is_known_by_its_use_and_not_by_its_name),
		cmocka_unit_test(everything_else_says_nothing),
		cmocka_unit_test(nothing_is_noted_when_nobody_learns),
		cmocka_unit_test(the_last_judgement_holds),
		cmocka_unit_test(a_judgement_during_a_claim_is_learnt_too),
		cmocka_unit_test(a_message_that_is_gone_is_learnt_still),
		cmocka_unit_test(a_claim_keeps_others_away_until_it_runs_out),
		cmocka_unit_test(what_is_put_off_comes_again_and_holds_up_no_other),
		cmocka_unit_test(lessons_count_for_no_quota),
		cmocka_unit_test(a_large_message_is_not_noted),
		cmocka_unit_test(no_more_wait_than_may),
		cmocka_unit_test(a_scan_finds_what_was_noted_before),
		cmocka_unit_test(a_full_list_asks_for_a_scan),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
