/* A message that is delivered once more is there once. */
#include "mail/delivered_internal.h"
#include "mail/test_support.h"

static const char MESSAGE[] = "Subject: one\r\n\r\nbody\r\n";

static struct mail_delivery try_it(struct fixture *f, struct id message, bool again)
{
	struct mail_delivery d = {.account = f->account,
		.id = mail_delivery_id(message, SLICE("ann@example.org"), f->account),
		.again = again};
	assert_ok(mail_deliver(f->mail, slice_str(MESSAGE), &d, 1, &err));
	assert_int_equal(d.result, 0);
	return d;
}

static void assert_count(struct fixture *f, struct id box, uint64_t count)
{
	assert_int_equal(fixture_status(f, box).messages, count);
}

static void move(struct fixture *f, struct id from, struct id to)
{
	struct mail_added added;
	uint32_t *uids;
	size_t count;
	assert_ok(mail_copy(f->mail, f->account, from, NULL, to, true, &no_limits, &uids, &count,
		&added, &err));
	free(uids);
}

static void one_that_is_there_is_not_added(void **state)
{
	struct fixture *f = fixture_open(0);
	struct id message = id_new();
	assert_int_equal(try_it(f, message, false).uid, 1);
	assert_true(try_it(f, message, true).was_there);
	assert_count(f, f->inbox, 1);
	fixture_close(f);
}

static void one_that_never_came_is_added(void **state)
{
	struct fixture *f = fixture_open(0);
	struct id message = id_new();
	assert_false(try_it(f, id_new(), false).was_there);
	assert_false(try_it(f, message, true).was_there);
	assert_true(try_it(f, message, true).was_there);
	assert_count(f, f->inbox, 2);
	fixture_close(f);
}

static void one_that_was_expunged_or_moved_does_not_come_back(void **state)
{
	struct fixture *f = fixture_open(0);
	struct id expunged = id_new(), moved = id_new(), back = id_new();
	struct id trash = fixture_box(f, "Trash");
	(void)try_it(f, expunged, false);
	fixture_expunge(f, f->inbox, "1");
	(void)try_it(f, moved, false);
	move(f, f->inbox, trash);
	(void)try_it(f, back, false);
	move(f, f->inbox, fixture_box(f, "Sent"));
	move(f, fixture_box(f, "Sent"), f->inbox);
	assert_true(try_it(f, expunged, true).was_there);
	assert_true(try_it(f, moved, true).was_there);
	assert_true(try_it(f, back, true).was_there);
	assert_count(f, f->inbox, 1);
	assert_count(f, trash, 1);
	fixture_close(f);
}

static void one_that_was_filed_as_junk_is_looked_for_there(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_delivery d = {.account = f->account, .use = MAIL_USE_JUNK, .id = id_new()};
	d.again = true; /* before there is such a mailbox */
	assert_ok(mail_deliver(f->mail, slice_str(MESSAGE), &d, 1, &err));
	assert_false(d.was_there);
	assert_ok(mail_deliver(f->mail, slice_str(MESSAGE), &d, 1, &err));
	assert_true(d.was_there);
	assert_count(f, fixture_box(f, "Junk"), 1);
	fixture_close(f);
}

static void who_has_it_keeps_it_and_who_has_not_gets_it(void **state)
{
	struct fixture *f = fixture_open(0);
	struct id other = id_new(), message = id_new();
	struct mail_limits full = {.messages = 1};
	assert_ok(mail_account_prepare(f->mail, other, &err));
	(void)try_it(f, message, false);
	struct mail_delivery both[] = {
		{.account = f->account,
			.limits = full, /* he has it, so there need be no room for it */
			.id = mail_delivery_id(message, SLICE("ann@example.org"), f->account),
			.again = true},
		{.account = other,
			.id = mail_delivery_id(message, SLICE("team@example.org"), other),
			.again = true}};
	assert_ok(mail_deliver(f->mail, slice_str(MESSAGE), both, 2, &err));
	assert_int_equal(both[0].result, 0);
	assert_true(both[0].was_there);
	assert_int_equal(both[1].result, 0);
	assert_false(both[1].was_there);
	assert_count(f, f->inbox, 1);
	fixture_close(f);
}

static void ids_follow_from_message_recipient_and_account(void **state)
{
	struct id message = id_new(), account = id_new();
	struct slice ann = SLICE("ann@example.org"), bob = SLICE("bob@example.org");
	struct id id = mail_delivery_id(message, ann, account);
	assert_true(id_eq(id, mail_delivery_id(message, ann, account)));
	assert_false(id_eq(id, mail_delivery_id(id_new(), ann, account)));
	assert_false(id_eq(id, mail_delivery_id(message, bob, account)));
	assert_false(id_eq(id, mail_delivery_id(message, ann, id_new())));
	assert_memory_equal(id.bytes, message.bytes, 6); /* its time */
}

static void one_of_long_ago_is_beyond_what_is_looked_through(void **state)
{
	enum { MORE = 20001 };
	struct fixture *f = fixture_open(0);
	struct id message = id_new();
	struct mail_new *filler = calloc(MORE, sizeof(*filler));
	struct mail_added added;
	(void)try_it(f, message, false);
	for (size_t i = 0; i < MORE; i++)
		filler[i].bytes = slice_str(MESSAGE);
	assert_ok(
		mail_append(f->mail, f->account, f->inbox, &no_limits, filler, MORE, &added, &err));
	assert_false(try_it(f, message, true).was_there);
	free(filler);
	fixture_close(f);
}

/* What came since the mailbox was looked through is seen, and what was seen is not forgotten. */
static void a_backlog_in_doubt_sees_what_comes_meanwhile(void **state)
{
	enum { MESSAGES = 300 };
	struct fixture *f = fixture_open(0);
	struct id messages[MESSAGES];
	for (size_t i = 0; i < MESSAGES; i++) {
		messages[i] = id_new();
		assert_int_equal(try_it(f, messages[i], i % 3 == 0).was_there, false);
		if (i % 7 == 0)
			fixture_expunge(f, f->inbox, "1:*");
	}
	for (size_t i = 0; i < MESSAGES; i++)
		assert_true(try_it(f, messages[i], true).was_there);
	assert_false(try_it(f, id_new(), true).was_there);
	fixture_close(f);
}

/* More mailboxes than the table keeps. */
static void many_mailboxes_take_turns(void **state)
{
	enum { ACCOUNTS = 40 };
	struct fixture *f = fixture_open(0);
	struct id first = f->account, accounts[ACCOUNTS], message = id_new();
	for (size_t i = 0; i < ACCOUNTS; i++) {
		accounts[i] = f->account = id_new();
		assert_ok(mail_account_prepare(f->mail, f->account, &err));
		assert_false(try_it(f, message, true).was_there);
	}
	for (size_t i = 0; i < ACCOUNTS; i++) {
		f->account = accounts[i];
		assert_true(try_it(f, message, true).was_there);
	}
	f->account = first;
	fixture_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_is_there_is_not_added),
		cmocka_unit_test(one_that_never_came_is_added),
		cmocka_unit_test(one_that_was_expunged_or_moved_does_not_come_back),
		cmocka_unit_test(one_that_was_filed_as_junk_is_looked_for_there),
		cmocka_unit_test(who_has_it_keeps_it_and_who_has_not_gets_it),
		cmocka_unit_test(ids_follow_from_message_recipient_and_account),
		cmocka_unit_test(a_backlog_in_doubt_sees_what_comes_meanwhile),
		cmocka_unit_test(many_mailboxes_take_turns),
		cmocka_unit_test(one_of_long_ago_is_beyond_what_is_looked_through),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
