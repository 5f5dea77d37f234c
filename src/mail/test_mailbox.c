#include "mail/test_support.h"

#include "base/clock.h"

static void expect_name(struct fixture *f, const char *name, const char *expected)
{
	struct slice checked;
	assert_ok(mail_name_check(slice_str(name), &f->arena, &checked, &err));
	assert_slice(checked, expected);
}

static void names_are_composed_and_inbox_is_capital(void **state)
{
	struct fixture *f = fixture_open(0);
	expect_name(f, "inBox", "INBOX");
	expect_name(f, "inbox/Sub", "INBOX/Sub");
	expect_name(f, "a/inbox", "a/inbox");
	expect_name(f, "inboxes", "inboxes");
	expect_name(f, "Entwu\xcc\x88rfe", "Entw\xc3\xbcrfe");
	fixture_close(f);
}

static void names_that_can_not_be_are_refused(void **state)
{
	static const char *const bad[] = {"", "/", "a/", "/a", "a//b", "a\tb", "\x7f", "\xff",
		"\xc2\x85", "a\xe2\x80\xa8", "\xed\xa0\x80"};
	struct fixture *f = fixture_open(0);
	struct slice checked;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_fails(mail_name_check(slice_str(bad[i]), &f->arena, &checked, &err),
			ERR_BAD_INPUT);
	char deep[MAIL_LEVELS_MAX * 2 + 2], long_name[MAIL_NAME_MAX + 2];
	for (size_t i = 0; i < sizeof(deep); i++)
		deep[i] = i % 2 ? '/' : 'a';
	memset(long_name, 'a', sizeof(long_name));
	assert_fails(
		mail_name_check(slice(deep, MAIL_LEVELS_MAX * 2 + 1), &f->arena, &checked, &err),
		ERR_BAD_INPUT);
	assert_ok(mail_name_check(slice(deep, MAIL_LEVELS_MAX * 2 - 1), &f->arena, &checked, &err));
	assert_fails(
		mail_name_check(slice(long_name, MAIL_NAME_MAX + 1), &f->arena, &checked, &err),
		ERR_BAD_INPUT);
	assert_ok(mail_name_check(slice(long_name, MAIL_NAME_MAX), &f->arena, &checked, &err));
	fixture_close(f);
}

static const char *listed(struct fixture *f)
{
	struct mail_mailbox *boxes;
	size_t count;
	const char *text = "";
	assert_ok(mail_mailbox_list(f->mail, f->account, &f->arena, &boxes, &count, &err));
	for (size_t i = 0; i < count; i++)
		text = arena_printf(&f->arena, "%s%s%.*s%s", text, i ? " " : "",
			SLICE_ARG(boxes[i].name), boxes[i].subscribed ? "+" : "");
	return text;
}

static void a_prepared_account_has_its_mailboxes_subscribed(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_mailbox box;
	assert_string_equal(listed(f), "INBOX+ Archive+ Drafts+ Junk+ Sent+ Trash+");
	assert_ok(mail_mailbox_find(f->mail, f->account, SLICE("Sent"), &f->arena, &box, &err));
	assert_int_equal(box.uses, MAIL_USE_SENT);
	assert_true(box.change >= 1);
	assert_ok(mail_mailbox_delete(f->mail, f->account, SLICE("Junk"), &err));
	assert_ok(mail_account_prepare(f->mail, f->account, &err));
	assert_string_equal(listed(f), "INBOX+ Archive+ Drafts+ Sent+ Trash+");
	fixture_close(f);
}

static void special_uses_have_names(void **state)
{
	for (unsigned bit = MAIL_USE_ALL; bit <= MAIL_USE_IMPORTANT; bit *= 2)
		assert_int_equal(mail_use_of(slice_str(mail_use_name(bit))), bit);
	assert_int_equal(mail_use_of(SLICE("\\sENT")), MAIL_USE_SENT);
	assert_int_equal(mail_use_of(SLICE("\\Seen")), 0);
}

static void a_special_use_belongs_to_one_mailbox(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_mailbox box;
	assert_fails(mail_mailbox_create(f->mail, f->account, SLICE("Sent Items"), MAIL_USE_SENT,
			     &f->arena, &box, &err),
		ERR_OTHER);
	assert_ok(mail_mailbox_create(
		f->mail, f->account, SLICE("Everything"), MAIL_USE_ALL, &f->arena, &box, &err));
	assert_int_equal(box.uses, MAIL_USE_ALL);
	fixture_close(f);
}

static void a_taken_name_is_refused(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_mailbox box;
	assert_fails(
		mail_mailbox_create(f->mail, f->account, SLICE("inbox"), 0, &f->arena, &box, &err),
		ERR_EXISTS);
	assert_fails(
		mail_mailbox_create(f->mail, f->account, SLICE("Sent"), 0, &f->arena, &box, &err),
		ERR_EXISTS);
	fixture_close(f);
}

static void uid_validity_grows_when_a_mailbox_is_made_again(void **state)
{
	struct fixture *f = fixture_open(0);
	clock_fake(1000, 1700000000000);
	struct id first = fixture_create(f, "Lists");
	uint32_t before = fixture_status(f, first).uid_validity;
	for (int i = 0; i < 5; i++) {
		assert_ok(mail_mailbox_delete(f->mail, f->account, SLICE("Lists"), &err));
		struct id again = fixture_create(f, "Lists");
		uint32_t now = fixture_status(f, again).uid_validity;
		assert_false(id_eq(first, again));
		assert_true(now > before);
		before = now;
		clock_fake(1000, 1600000000000); /* the clock goes back */
	}
	clock_fake(-1, -1);
	fixture_close(f);
}

static void inbox_can_not_be_deleted(void **state)
{
	struct fixture *f = fixture_open(0);
	assert_fails(mail_mailbox_delete(f->mail, f->account, SLICE("inbox"), &err), ERR_DENIED);
	assert_fails(mail_mailbox_delete(f->mail, f->account, SLICE("none"), &err), ERR_ABSENT);
	fixture_close(f);
}

static void deleting_a_mailbox_frees_what_it_held_and_spares_its_children(void **state)
{
	struct fixture *f = fixture_open(0);
	struct id parent = fixture_create(f, "a");
	struct id child = fixture_create(f, "a/b");
	struct mail_usage usage;
	struct mail_view *view;
	fixture_append(f, parent, "A: 1\r\n\r\nparent", 0, "");
	fixture_append(f, child, "A: 1\r\n\r\nchild", 0, "");
	mail_view_unref(fixture_view(f, parent));
	assert_ok(mail_mailbox_delete(f->mail, f->account, SLICE("a"), &err));
	assert_ok(mail_usage(f->mail, f->account, &usage, &err));
	assert_int_equal(usage.messages, 1);
	assert_int_equal(usage.bytes, strlen("A: 1\r\n\r\nchild"));
	assert_int_equal(mail_view_open(f->mail, f->account, parent, &view, NULL), MAIL_ABSENT);
	assert_int_equal(fixture_status(f, child).messages, 1);
	fixture_close(f);
}

static void rename_takes_the_children_along(void **state)
{
	struct fixture *f = fixture_open(0);
	struct id child = fixture_create(f, "a/b");
	struct id parent = fixture_create(f, "a");
	fixture_create(f, "a/b/c");
	fixture_create(f, "ab");
	uint32_t uid = fixture_append(f, child, "A: 1\r\n\r\nx", 0, "");
	uint32_t validity = fixture_status(f, child).uid_validity;
	assert_ok(mail_mailbox_rename(f->mail, f->account, SLICE("a"), SLICE("x/y"), &err));
	assert_string_equal(
		listed(f), "INBOX+ Archive+ Drafts+ Junk+ Sent+ Trash+ ab x/y x/y/b x/y/b/c");
	assert_true(id_eq(fixture_box(f, "x/y"), parent));
	assert_true(id_eq(fixture_box(f, "x/y/b"), child));
	assert_int_equal(fixture_status(f, child).uid_validity, validity);
	struct mail_message message;
	assert_ok(mail_message_get(f->mail, f->account, child, uid, &f->arena, &message, &err));
	fixture_close(f);
}

static void rename_may_move_a_tree_up_into_its_own_names(void **state)
{
	struct fixture *f = fixture_open(0);
	fixture_create(f, "a/a");
	fixture_create(f, "a/a/a");
	fixture_create(f, "a/a/a/a");
	assert_ok(mail_mailbox_rename(f->mail, f->account, SLICE("a/a"), SLICE("a"), &err));
	assert_string_equal(listed(f), "INBOX+ Archive+ Drafts+ Junk+ Sent+ Trash+ a a/a a/a/a");
	fixture_close(f);
}

static void rename_is_all_or_nothing(void **state)
{
	struct fixture *f = fixture_open(0);
	fixture_create(f, "a");
	fixture_create(f, "a/b");
	fixture_create(f, "c/b");
	const char *before = listed(f);
	assert_fails(
		mail_mailbox_rename(f->mail, f->account, SLICE("a"), SLICE("c"), &err), ERR_EXISTS);
	assert_fails(mail_mailbox_rename(f->mail, f->account, SLICE("a"), SLICE("a/x"), &err),
		ERR_BAD_INPUT);
	assert_fails(
		mail_mailbox_rename(f->mail, f->account, SLICE("a"), SLICE("a"), &err), ERR_EXISTS);
	assert_fails(mail_mailbox_rename(f->mail, f->account, SLICE("a"), SLICE("iNbOx"), &err),
		ERR_EXISTS);
	assert_fails(mail_mailbox_rename(f->mail, f->account, SLICE("nope"), SLICE("z"), &err),
		ERR_ABSENT);
	char longest[MAIL_NAME_MAX + 1];
	memset(longest, 'n', sizeof(longest));
	longest[MAIL_NAME_MAX] = '\0'; /* fits for "a", not for "a/b" */
	assert_fails(mail_mailbox_rename(f->mail, f->account, SLICE("a"), slice_str(longest), &err),
		ERR_BAD_INPUT);
	assert_string_equal(listed(f), before);
	fixture_close(f);
}

static void renaming_inbox_moves_its_messages(void **state)
{
	struct fixture *f = fixture_open(0);
	fixture_create(f, "INBOX/child");
	for (int i = 0; i < 600; i++)
		fixture_append(f, f->inbox, "Subject: x\r\n\r\nbody", i % 2 ? MAIL_SEEN : 0, "k");
	assert_ok(mail_mailbox_rename(f->mail, f->account, SLICE("inbox"), SLICE("old"), &err));
	struct mail_mailbox inbox = fixture_status(f, f->inbox);
	struct mail_mailbox old = fixture_status(f, fixture_box(f, "old"));
	assert_int_equal(inbox.messages, 0);
	assert_int_equal(inbox.unseen, 0);
	assert_int_equal(inbox.uid_next, 601);
	assert_int_equal(old.messages, 600);
	assert_int_equal(old.unseen, 300);
	fixture_box(f, "INBOX/child");
	fixture_close(f);
}

static uint64_t count_of(struct fixture *f, const char *name)
{
	struct mail_mailbox box;
	assert_ok(mail_mailbox_find(f->mail, f->account, slice_str(name), &f->arena, &box, &err));
	return box.messages;
}

static void deliver_junk(struct fixture *f)
{
	struct mail_delivery delivery = {.account = f->account, .use = MAIL_USE_JUNK};
	assert_ok(mail_deliver(f->mail, SLICE("A: b\r\n\r\nc\r\n"), &delivery, 1, &err));
	assert_int_equal(delivery.result, 0);
}

static void junk_goes_where_its_use_is_and_its_mailbox_is_made_when_it_is_gone(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_mailbox box;
	deliver_junk(f);
	assert_int_equal(count_of(f, "Junk"), 1);
	assert_ok(mail_mailbox_rename(f->mail, f->account, SLICE("Junk"), SLICE("Old"), &err));
	(void)fixture_create(f, "Junk"); /* the name is not the use */
	deliver_junk(f);
	assert_int_equal(count_of(f, "Old"), 2);
	assert_ok(mail_mailbox_delete(f->mail, f->account, SLICE("Old"), &err));
	deliver_junk(f);
	assert_int_equal(count_of(f, "Junk"), 1);
	assert_ok(mail_mailbox_delete(f->mail, f->account, SLICE("Junk"), &err));
	deliver_junk(f);
	assert_ok(mail_mailbox_find(f->mail, f->account, SLICE("Junk"), &f->arena, &box, &err));
	assert_int_equal(box.messages, 1);
	assert_int_equal(box.uses, MAIL_USE_JUNK);
	assert_int_equal(count_of(f, "INBOX"), 0);
	struct mail_delivery first = {.account = id_new(), .use = MAIL_USE_JUNK};
	assert_ok(mail_deliver(f->mail, SLICE("A: b\r\n\r\nc\r\n"), &first, 1, &err));
	assert_int_equal(first.result, 0); /* of an account that is new */
	fixture_close(f);
}

static void subscriptions_need_no_mailbox(void **state)
{
	struct fixture *f = fixture_open(0);
	struct slice *names;
	size_t count;
	for (int i = 0; i < 2; i++)
		assert_ok(mail_subscribe(f->mail, f->account, SLICE("no/where"), true, &err));
	for (int i = 0; i < 2; i++)
		assert_ok(mail_subscribe(f->mail, f->account, SLICE("Trash"), false, &err));
	assert_ok(mail_list_subscriptions(f->mail, f->account, &f->arena, &names, &count, &err));
	assert_int_equal(count, 6);
	assert_slice(names[0], "Archive");
	assert_slice(names[5], "no/where");
	assert_ok(mail_mailbox_delete(f->mail, f->account, SLICE("Archive"), &err));
	assert_ok(mail_list_subscriptions(f->mail, f->account, &f->arena, &names, &count, &err));
	assert_int_equal(count, 6);
	fixture_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_composed_and_inbox_is_capital),
		cmocka_unit_test(names_that_can_not_be_are_refused),
		cmocka_unit_test(a_prepared_account_has_its_mailboxes_subscribed),
		cmocka_unit_test(special_uses_have_names),
		cmocka_unit_test(a_special_use_belongs_to_one_mailbox),
		cmocka_unit_test(a_taken_name_is_refused),
		cmocka_unit_test(uid_validity_grows_when_a_mailbox_is_made_again),
		cmocka_unit_test(inbox_can_not_be_deleted),
		cmocka_unit_test(deleting_a_mailbox_frees_what_it_held_and_spares_its_children),
		cmocka_unit_test(rename_takes_the_children_along),
		cmocka_unit_test(rename_may_move_a_tree_up_into_its_own_names),
		cmocka_unit_test(rename_is_all_or_nothing),
		cmocka_unit_test(renaming_inbox_moves_its_messages),
		cmocka_unit_test(
			junk_goes_where_its_use_is_and_its_mailbox_is_made_when_it_is_gone),
		cmocka_unit_test(subscriptions_need_no_mailbox),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
