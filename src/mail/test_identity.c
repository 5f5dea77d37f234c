/* What a message is known by, whatever UID it has. */
#include "mail/test_support.h"

static const char MESSAGE[] = "Subject: one\r\n\r\nbody\r\n";

static struct store_object object_at(struct fixture *f, struct id box, uint32_t uid)
{
	struct store_object object;
	assert_ok(store_get_object(f->store, f->account, box, uid, &f->arena, &object, &err));
	return object;
}

static void transfer(struct fixture *f, struct id from, struct id to, bool move)
{
	struct mail_added added;
	uint32_t *uids;
	size_t count;
	assert_ok(mail_copy(f->mail, f->account, from, NULL, to, move, &no_limits, &uids, &count,
		&added, &err));
	assert_int_equal(count, 1);
	free(uids);
}

static void a_message_that_was_moved_knows_what_it_was_at_first(void **state)
{
	struct fixture *f = fixture_open(0);
	struct id trash = fixture_box(f, "Trash"), sent = fixture_box(f, "Sent");
	fixture_append(f, f->inbox, MESSAGE, 0, "");
	struct store_object first = object_at(f, f->inbox, 1);
	assert_true(id_is_none(first.origin));
	transfer(f, f->inbox, trash, true);
	struct store_object moved = object_at(f, trash, 1);
	assert_false(id_eq(moved.id, first.id));
	assert_true(id_eq(moved.origin, first.id));
	transfer(f, trash, sent, true);
	struct store_object again = object_at(f, sent, 1);
	assert_true(id_eq(again.origin, first.id));
	transfer(f, sent, f->inbox, false);
	assert_true(id_is_none(object_at(f, f->inbox, 2).origin)); /* a copy is another message */
	fixture_close(f);
}

static void flags_do_not_change_what_a_message_was(void **state)
{
	struct fixture *f = fixture_open(0);
	struct id trash = fixture_box(f, "Trash");
	struct mail_store_request seen = {.uids = fixture_set("1"), .flags = MAIL_SEEN};
	uint64_t change;
	fixture_append(f, f->inbox, MESSAGE, 0, "");
	struct id first = object_at(f, f->inbox, 1).id;
	transfer(f, f->inbox, trash, true);
	assert_ok(mail_store_flags(f->mail, f->account, trash, &seen, NULL, NULL, &change, &err));
	assert_true(id_eq(object_at(f, trash, 1).origin, first));
	mail_set_free(&seen.uids);
	fixture_close(f);
}

static void what_was_seen_is_expunged_under_any_uid(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_seen seen[4];
	struct mail_mailbox inbox;
	size_t expunged;
	for (uint32_t uid = 1; uid <= 5; uid++)
		fixture_append(f, f->inbox, MESSAGE, uid % 2 ? MAIL_SEEN : 0, "");
	for (uint32_t i = 0; i < ARRAY_LEN(seen); i++)
		seen[i] = (struct mail_seen){object_at(f, f->inbox, i + 1).id, i + 1};
	seen[1].uid = 5;    /* another one has that */
	seen[2].uid = 1000; /* nobody has */
	fixture_expunge(f, f->inbox, "4");
	assert_ok(mail_expunge_seen(
		f->mail, f->account, f->inbox, seen, ARRAY_LEN(seen), &expunged, &err));
	assert_int_equal(expunged, 3);
	assert_ok(mail_mailbox_get(f->mail, f->account, f->inbox, &f->arena, &inbox, &err));
	assert_int_equal(inbox.messages, 1);
	assert_int_equal(inbox.unseen, 0);
	(void)object_at(f, f->inbox, 5);
	/* Once more: nothing is there, and nothing changes. */
	uint64_t before = inbox.change;
	assert_ok(mail_expunge_seen(
		f->mail, f->account, f->inbox, seen, ARRAY_LEN(seen), &expunged, &err));
	assert_int_equal(expunged, 0);
	assert_ok(mail_mailbox_get(f->mail, f->account, f->inbox, &f->arena, &inbox, &err));
	assert_int_equal(inbox.change, before);
	fixture_close(f);
}

static void what_was_moved_away_is_not_expunged(void **state)
{
	struct fixture *f = fixture_open(0);
	struct id trash = fixture_box(f, "Trash");
	size_t expunged;
	fixture_append(f, f->inbox, MESSAGE, 0, "");
	struct mail_seen seen = {object_at(f, f->inbox, 1).id, 1};
	transfer(f, f->inbox, trash, true);
	assert_ok(mail_expunge_seen(f->mail, f->account, f->inbox, &seen, 1, &expunged, &err));
	assert_int_equal(expunged, 0);
	(void)object_at(f, trash, 1);
	assert_fails(mail_expunge_seen(f->mail, f->account, id_new(), &seen, 1, &expunged, &err),
		ERR_ABSENT);
	fixture_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_that_was_moved_knows_what_it_was_at_first),
		cmocka_unit_test(flags_do_not_change_what_a_message_was),
		cmocka_unit_test(what_was_seen_is_expunged_under_any_uid),
		cmocka_unit_test(what_was_moved_away_is_not_expunged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
