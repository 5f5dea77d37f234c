#include "mail/test_support.h"

#include "mail/changes.h"

static const char message_a[] = "From: a@example.test\r\nSubject: one\r\n\r\nbody\r\n";

/* Counters of the row against the messages. */
static void expect_counters_right(struct fixture *f, struct id box)
{
	struct mail_mailbox status = fixture_status(f, box);
	struct mail_view *view = fixture_view(f, box);
	uint64_t unseen = 0, deleted = 0, bytes = 0;
	for (uint32_t seq = 1; seq <= mail_view_count(view); seq++) {
		const struct mail_row *row = mail_view_row(view, seq);
		unseen += !(row->flags & MAIL_SEEN);
		deleted += (row->flags & MAIL_DELETED) != 0;
		bytes += row->size;
	}
	assert_int_equal(status.messages, mail_view_count(view));
	assert_int_equal(status.unseen, unseen);
	assert_int_equal(status.deleted, deleted);
	assert_int_equal(status.bytes, bytes);
	assert_int_equal(status.uid_next, mail_view_uid_next(view));
	assert_int_equal(status.change, mail_view_change(view));
	mail_view_unref(view);
}

static void an_appended_message_comes_back_as_it_was(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_message message;
	struct buf bytes = BUF(1 << 20), facet_bytes = BUF(1 << 20);
	struct mail_facet facet;
	uint32_t uid = fixture_append(f, f->inbox, message_a, MAIL_FLAGGED, "zeta $Junk ZETA");
	assert_int_equal(uid, 1);
	assert_ok(mail_message_get(f->mail, f->account, f->inbox, uid, &f->arena, &message, &err));
	assert_int_equal(message.size, strlen(message_a));
	assert_int_equal(message.header_len, strlen(message_a) - strlen("body\r\n"));
	assert_int_equal(message.flags, MAIL_FLAGGED);
	assert_int_equal(message.internal_date.seconds, 1000000000);
	assert_int_equal(message.internal_date.zone_minutes, 90);
	assert_int_equal(message.keywords.count, 2);
	assert_slice(message.keywords.names[0], "$Junk");
	assert_slice(message.keywords.names[1], "zeta");
	assert_ok(mail_message_read(f->mail, message.blob, 0, UINT64_MAX, &bytes, &err));
	assert_slice(buf_slice(&bytes), message_a);
	assert_ok(mail_facet_get(f->mail, f->account, f->inbox, uid, &facet_bytes, &facet, &err));
	assert_true(slice_search(facet.envelope, SLICE("\"one\"")) > 0);
	assert_true(slice_search(facet.structure, SLICE("\"text\" \"plain\"")) >= 0 ||
		    slice_search(facet.structure, SLICE("\"TEXT\" \"PLAIN\"")) >= 0);
	assert_int_equal(
		mail_message_get(f->mail, f->account, f->inbox, 2, &f->arena, &message, NULL),
		MAIL_ABSENT);
	buf_free(&bytes);
	buf_free(&facet_bytes);
	fixture_close(f);
}

static void keywords_that_are_no_atoms_or_too_many_are_refused(void **state)
{
	struct fixture *f = fixture_open(0);
	static const char *const bad[] = {"", "a b", "\\Seen", "a]", "{", "\x80", "a\"", "*"};
	struct slice many[MAIL_KEYWORDS_MAX + 1];
	struct mail_keywords keywords;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct slice name = slice_str(bad[i]);
		assert_fails(
			mail_keywords_make(&name, 1, &f->arena, &keywords, &err), ERR_BAD_INPUT);
	}
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = slice_str(arena_printf(&f->arena, "k%zu", i));
	assert_fails(
		mail_keywords_make(many, ARRAY_LEN(many), &f->arena, &keywords, &err), ERR_LIMIT);
	assert_ok(mail_keywords_make(many, MAIL_KEYWORDS_MAX, &f->arena, &keywords, &err));
	assert_true(mail_keywords_has(&keywords, SLICE("K7")));
	assert_false(mail_keywords_has(&keywords, SLICE("k64")));
	fixture_close(f);
}

static void several_messages_get_ascending_uids_at_once(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_new messages[3];
	struct mail_added added;
	for (size_t i = 0; i < 3; i++)
		messages[i] = (struct mail_new){.bytes = slice_str(message_a)};
	fixture_append(f, f->inbox, message_a, 0, "");
	assert_ok(
		mail_append(f->mail, f->account, f->inbox, &no_limits, messages, 3, &added, &err));
	assert_int_equal(added.first_uid, 2);
	assert_int_equal(added.uid_validity, fixture_status(f, f->inbox).uid_validity);
	assert_int_equal(added.change, fixture_status(f, f->inbox).change);
	assert_int_equal(fixture_status(f, f->inbox).uid_next, 5);
	expect_counters_right(f, f->inbox);
	fixture_close(f);
}

static void a_uid_is_never_used_again(void **state)
{
	struct fixture *f = fixture_open(0);
	assert_int_equal(fixture_append(f, f->inbox, message_a, 0, ""), 1);
	assert_int_equal(fixture_append(f, f->inbox, message_a, 0, ""), 2);
	fixture_expunge(f, f->inbox, "2");
	assert_int_equal(fixture_status(f, f->inbox).uid_next, 3);
	assert_int_equal(fixture_append(f, f->inbox, message_a, 0, ""), 3);
	fixture_expunge(f, f->inbox, "1:*");
	assert_int_equal(fixture_append(f, f->inbox, message_a, 0, ""), 4);
	fixture_close(f);
}

static void a_message_that_is_too_large_or_goes_nowhere_is_refused(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_added added;
	struct buf large = BUF(70u << 20);
	char *bytes = buf_reserve(&large, (64u << 20) + 1);
	memset(bytes, 'a', (64u << 20) + 1);
	struct mail_new message = {.bytes = slice(bytes, (64u << 20) + 1)};
	assert_fails(
		mail_append(f->mail, f->account, f->inbox, &no_limits, &message, 1, &added, &err),
		ERR_LIMIT);
	message.bytes = slice_str(message_a);
	assert_fails(
		mail_append(f->mail, f->account, id_new(), &no_limits, &message, 1, &added, &err),
		ERR_ABSENT);
	buf_free(&large);
	fixture_close(f);
}

static void one_delivery_to_many_accounts_stores_the_bytes_once(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_delivery deliveries[4] = {{.account = f->account, .mailbox = SLICE("Junk")},
		{.account = id_new()}, {.account = f->account},
		{.account = f->account, .mailbox = SLICE("no such")}};
	struct mail_message junk, other;
	struct mail_mailbox box;
	assert_ok(mail_account_prepare(f->mail, deliveries[1].account, &err));
	assert_ok(mail_deliver(f->mail, slice_str(message_a), deliveries, 4, &err));
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(deliveries[i].result, 0);
		assert_int_equal(deliveries[i].uid, 1);
	}
	/* The same account again gets no second copy. */
	assert_int_equal(fixture_status(f, f->inbox).messages, 0);
	assert_ok(mail_message_get(
		f->mail, f->account, fixture_box(f, "Junk"), 1, &f->arena, &junk, &err));
	assert_ok(mail_mailbox_find(
		f->mail, deliveries[1].account, SLICE("INBOX"), &f->arena, &box, &err));
	assert_ok(mail_message_get(
		f->mail, deliveries[1].account, box.id, 1, &f->arena, &other, &err));
	assert_true(id_eq(junk.blob, other.blob));
	assert_false(id_eq(junk.id, other.id));
	assert_int_equal(box.unseen, 1);
	fixture_close(f);
}

static void delivery_to_an_unknown_mailbox_or_a_new_account_reaches_inbox(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_delivery deliveries[2] = {
		{.account = f->account, .mailbox = SLICE("no such")}, {.account = id_new()}};
	struct mail_mailbox box;
	assert_ok(mail_deliver(f->mail, slice_str(message_a), deliveries, 2, &err));
	assert_int_equal(fixture_status(f, f->inbox).messages, 1);
	assert_ok(mail_mailbox_find(
		f->mail, deliveries[1].account, SLICE("INBOX"), &f->arena, &box, &err));
	assert_int_equal(box.messages, 1);
	/* It can still be prepared: the mailboxes that are missing are not forced on it. */
	assert_ok(mail_account_prepare(f->mail, deliveries[1].account, &err));
	fixture_close(f);
}

static void quota_is_exact_at_its_edge(void **state)
{
	struct fixture *f = fixture_open(0);
	uint64_t size = strlen(message_a);
	struct mail_limits limits = {.bytes = size * 3, .messages = 10};
	struct mail_new message = {.bytes = slice_str(message_a)};
	struct mail_added added;
	uint32_t *from;
	size_t count;
	for (int i = 0; i < 2; i++)
		assert_ok(mail_append(
			f->mail, f->account, f->inbox, &limits, &message, 1, &added, &err));
	assert_ok(mail_room_check(f->mail, f->account, &limits, size, &err));
	assert_fails(mail_room_check(f->mail, f->account, &limits, size + 1, &err), ERR_OVER_QUOTA);
	struct mail_set all = fixture_set("1:*");
	assert_fails(mail_copy(f->mail, f->account, f->inbox, &all, fixture_box(f, "Sent"), false,
			     &limits, &from, &count, &added, &err),
		ERR_OVER_QUOTA);
	assert_int_equal(fixture_status(f, fixture_box(f, "Sent")).messages, 0);
	struct mail_delivery delivery = {.account = f->account, .limits = limits};
	assert_ok(mail_deliver(f->mail, slice_str(message_a), &delivery, 1, &err));
	assert_int_equal(delivery.result, 0);
	struct mail_delivery two[2] = {delivery, {.account = id_new()}};
	assert_ok(mail_deliver(f->mail, slice_str(message_a), two, 2, &err));
	assert_true(two[0].result < 0);
	assert_int_equal(two[0].err.kind, ERR_OVER_QUOTA);
	assert_int_equal(two[1].result, 0);
	assert_fails(mail_append(f->mail, f->account, f->inbox, &limits, &message, 1, &added, &err),
		ERR_OVER_QUOTA);
	/* Moving needs no room. */
	assert_ok(mail_copy(f->mail, f->account, f->inbox, &all, fixture_box(f, "Sent"), true,
		&limits, &from, &count, &added, &err));
	assert_int_equal(count, 3);
	free(from);
	limits.messages = 3;
	limits.bytes = 0;
	assert_fails(mail_append(f->mail, f->account, f->inbox, &limits, &message, 1, &added, &err),
		ERR_OVER_QUOTA);
	mail_set_free(&all);
	fixture_close(f);
}

static void a_domain_counts_its_accounts(void **state)
{
	struct fixture *f = fixture_open(0);
	uint64_t size = strlen(message_a);
	struct id domain = id_new(), other = id_new();
	struct mail_limits limits = {.domain = domain, .domain_bytes = size * 3};
	struct mail_new message = {.bytes = slice_str(message_a)};
	struct mail_added added;
	fixture_append(f, f->inbox, message_a, 0, "");
	for (int i = 0; i < 2; i++)
		assert_ok(mail_domain_join(f->mail, f->account, domain, &err));
	assert_ok(mail_domain_join(f->mail, other, domain, &err));
	assert_int_equal(mail_domain_usage(f->mail, domain).bytes, size);
	struct mail_delivery both[2] = {
		{.account = f->account, .limits = limits}, {.account = other, .limits = limits}};
	assert_ok(mail_deliver(f->mail, slice_str(message_a), both, 2, &err));
	assert_int_equal(mail_domain_usage(f->mail, domain).bytes, size * 3);
	assert_int_equal(mail_domain_usage(f->mail, domain).messages, 3);
	assert_fails(mail_append(f->mail, f->account, f->inbox, &limits, &message, 1, &added, &err),
		ERR_OVER_QUOTA);
	fixture_expunge(f, f->inbox, "1");
	assert_int_equal(mail_domain_usage(f->mail, domain).bytes, size * 2);
	assert_ok(mail_append(f->mail, f->account, f->inbox, &limits, &message, 1, &added, &err));
	mail_domain_leave(f->mail, other);
	assert_int_equal(mail_domain_usage(f->mail, domain).messages, 2);
	mail_domain_leave(f->mail, f->account);
	mail_domain_leave(f->mail, f->account);
	assert_int_equal(mail_domain_usage(f->mail, domain).messages, 0);
	fixture_close(f);
}

/* A full domain: of two recipients one gets the last place. */
static void a_domain_limit_holds_within_one_delivery(void **state)
{
	struct fixture *f = fixture_open(0);
	struct id domain = id_new();
	struct mail_limits limits = {.domain = domain, .domain_messages = 1};
	struct mail_delivery both[2] = {
		{.account = id_new(), .limits = limits}, {.account = id_new(), .limits = limits}};
	for (int i = 0; i < 2; i++)
		assert_ok(mail_domain_join(f->mail, both[i].account, domain, &err));
	assert_ok(mail_deliver(f->mail, slice_str(message_a), both, 2, &err));
	assert_int_equal((both[0].result == 0) + (both[1].result == 0), 1);
	assert_int_equal(mail_domain_usage(f->mail, domain).messages, 1);
	fixture_close(f);
}

static uint8_t flags_of(struct fixture *f, uint32_t uid, const char **ret_keywords)
{
	struct mail_view *view = fixture_view(f, f->inbox);
	uint32_t seq = mail_view_seq(view, uid);
	assert_true(seq > 0);
	const struct mail_row *row = mail_view_row(view, seq);
	const struct mail_keywords *keywords = mail_view_keywords(view, row->keywords);
	*ret_keywords = "";
	for (uint32_t i = 0; i < keywords->count; i++)
		*ret_keywords = arena_printf(&f->arena, "%s%s%.*s", *ret_keywords, i ? " " : "",
			SLICE_ARG(keywords->names[i]));
	uint8_t flags = row->flags;
	mail_view_unref(view);
	return flags;
}

static void flags_are_set_added_and_removed(void **state)
{
	struct fixture *f = fixture_open(0);
	const char *keywords;
	fixture_append(f, f->inbox, message_a, MAIL_DRAFT, "Old");
	fixture_flags(f, f->inbox, "1", MAIL_STORE_ADD, MAIL_SEEN | MAIL_DELETED, "new OLD $a");
	assert_int_equal(flags_of(f, 1, &keywords), MAIL_DRAFT | MAIL_SEEN | MAIL_DELETED);
	assert_string_equal(keywords, "$a new Old");
	expect_counters_right(f, f->inbox);
	fixture_flags(f, f->inbox, "1", MAIL_STORE_REMOVE, MAIL_SEEN, "NEW absent");
	assert_int_equal(flags_of(f, 1, &keywords), MAIL_DRAFT | MAIL_DELETED);
	assert_string_equal(keywords, "$a Old");
	fixture_flags(f, f->inbox, "1:*", MAIL_STORE_SET, MAIL_ANSWERED, "x");
	assert_int_equal(flags_of(f, 1, &keywords), MAIL_ANSWERED);
	assert_string_equal(keywords, "x");
	expect_counters_right(f, f->inbox);
	fixture_close(f);
}

static void flags_that_are_so_already_keep_their_modseq(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_set changed = {0};
	uint64_t change;
	for (int i = 0; i < 4; i++)
		fixture_append(f, f->inbox, message_a, i % 2 ? MAIL_SEEN : 0, "kw");
	uint64_t before = fixture_status(f, f->inbox).change;
	struct mail_store_request request = {.uids = fixture_set("1:9"),
		.mode = MAIL_STORE_ADD,
		.flags = MAIL_SEEN,
		.keywords = fixture_keywords(f, "KW")};
	assert_ok(mail_store_flags(
		f->mail, f->account, f->inbox, &request, &changed, NULL, &change, &err));
	assert_string_equal(fixture_text(f, &changed), "1,3");
	assert_true(change > before);
	mail_set_free(&changed);
	assert_ok(mail_store_flags(
		f->mail, f->account, f->inbox, &request, &changed, NULL, &change, &err));
	assert_string_equal(fixture_text(f, &changed), "");
	assert_int_equal(change, fixture_status(f, f->inbox).change);
	mail_set_free(&request.uids);
	fixture_close(f);
}

static void a_conditional_store_leaves_what_others_changed(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_set changed = {0}, failed = {0};
	uint64_t change;
	for (int i = 0; i < 5; i++)
		fixture_append(f, f->inbox, message_a, 0, "");
	uint64_t since = fixture_status(f, f->inbox).change;
	fixture_flags(f, f->inbox, "2,5", MAIL_STORE_ADD, MAIL_FLAGGED, "");
	struct mail_store_request request = {.uids = fixture_set("1:3,5,77"),
		.mode = MAIL_STORE_ADD,
		.flags = MAIL_DELETED,
		.conditional = true,
		.unchanged_since = since};
	assert_ok(mail_store_flags(
		f->mail, f->account, f->inbox, &request, &changed, &failed, &change, &err));
	assert_string_equal(fixture_text(f, &changed), "1,3");
	assert_string_equal(fixture_text(f, &failed), "2,5");
	expect_counters_right(f, f->inbox);
	mail_set_free(&changed);
	mail_set_free(&failed);
	mail_set_free(&request.uids);
	fixture_close(f);
}

static void too_many_keywords_on_a_message_change_nothing(void **state)
{
	struct fixture *f = fixture_open(0);
	const char *names = "a0", *more = "b0";
	uint64_t change;
	for (int i = 1; i < MAIL_KEYWORDS_MAX; i++)
		names = arena_printf(&f->arena, "%s a%d", names, i);
	fixture_append(f, f->inbox, message_a, 0, names);
	fixture_append(f, f->inbox, message_a, 0, "");
	struct mail_store_request request = {.uids = fixture_set("2,1"),
		.mode = MAIL_STORE_ADD,
		.keywords = fixture_keywords(f, more)};
	assert_fails(mail_store_flags(
			     f->mail, f->account, f->inbox, &request, NULL, NULL, &change, &err),
		ERR_LIMIT);
	assert_int_equal(flags_of(f, 2, &more), 0);
	assert_string_equal(more, "");
	mail_set_free(&request.uids);
	fixture_close(f);
}

static void expunge_takes_deleted_ones_in_the_set(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_set gone = {0}, set = fixture_set("1:3");
	uint64_t change;
	for (int i = 0; i < 6; i++)
		fixture_append(f, f->inbox, message_a, i % 2 ? MAIL_DELETED : 0, "");
	assert_ok(mail_expunge(f->mail, f->account, f->inbox, &set, false, &gone, &change, &err));
	assert_string_equal(fixture_text(f, &gone), "2");
	mail_set_free(&gone);
	assert_ok(mail_expunge(f->mail, f->account, f->inbox, NULL, false, &gone, &change, &err));
	assert_string_equal(fixture_text(f, &gone), "4,6");
	assert_int_equal(change, fixture_status(f, f->inbox).change);
	mail_set_free(&gone);
	uint64_t before = change;
	assert_ok(mail_expunge(f->mail, f->account, f->inbox, NULL, false, &gone, &change, &err));
	assert_int_equal(change, before);
	expect_counters_right(f, f->inbox);
	mail_set_free(&set);
	fixture_close(f);
}

static void copies_keep_flags_dates_and_bytes(void **state)
{
	struct fixture *f = fixture_open(0);
	struct id sent = fixture_box(f, "Sent");
	struct mail_set set = fixture_set("1,3:9");
	struct mail_message original, copy;
	struct mail_facet facet;
	struct buf bytes = BUF(1 << 20);
	struct mail_added added;
	uint32_t *from;
	size_t count;
	fixture_append(f, sent, message_a, 0, "");
	for (int i = 0; i < 4; i++)
		fixture_append(f, f->inbox, message_a, i ? MAIL_SEEN : MAIL_DELETED, "kw");
	assert_ok(mail_copy(f->mail, f->account, f->inbox, &set, sent, false, &no_limits, &from,
		&count, &added, &err));
	assert_int_equal(count, 3);
	assert_int_equal(from[0], 1);
	assert_int_equal(from[1], 3);
	assert_int_equal(from[2], 4);
	assert_int_equal(added.first_uid, 2);
	assert_ok(mail_message_get(f->mail, f->account, f->inbox, 3, &f->arena, &original, &err));
	assert_ok(mail_message_get(f->mail, f->account, sent, 3, &f->arena, &copy, &err));
	assert_true(id_eq(original.blob, copy.blob));
	assert_false(id_eq(original.id, copy.id));
	assert_int_equal(copy.flags, MAIL_SEEN);
	assert_int_equal(copy.keywords.count, 1);
	assert_int_equal(copy.internal_date.seconds, original.internal_date.seconds);
	assert_int_equal(copy.header_len, original.header_len);
	assert_ok(store_get_facet(f->store, f->account, sent, 4, &bytes, &err));
	buf_clear(&bytes);
	assert_ok(mail_facet_get(f->mail, f->account, sent, 4, &bytes, &facet, &err));
	assert_true(slice_search(facet.envelope, SLICE("one")) > 0);
	expect_counters_right(f, f->inbox);
	expect_counters_right(f, sent);
	free(from);
	mail_set_free(&set);
	buf_free(&bytes);
	fixture_close(f);
}

static void moving_many_is_one_change(void **state)
{
	enum { MANY = 2000 };
	struct fixture *f = fixture_open(0);
	struct id trash = fixture_box(f, "Trash");
	struct mail_new messages[50];
	struct mail_added added;
	struct mail_set gone = {0}, set = fixture_set("1:*");
	uint32_t *from;
	size_t count;
	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		messages[i] = (struct mail_new){
			.bytes = slice_str(message_a), .flags = i % 3 ? MAIL_SEEN : MAIL_DELETED};
	for (size_t i = 0; i < MANY / ARRAY_LEN(messages); i++)
		assert_ok(mail_append(f->mail, f->account, f->inbox, &no_limits, messages,
			ARRAY_LEN(messages), &added, &err));
	uint64_t before = fixture_status(f, f->inbox).change;
	assert_ok(mail_copy(f->mail, f->account, f->inbox, &set, trash, true, &no_limits, &from,
		&count, &added, &err));
	assert_int_equal(count, MANY);
	assert_int_equal(fixture_status(f, f->inbox).change, before + 1);
	assert_int_equal(fixture_status(f, trash).change, before + 1);
	assert_int_equal(fixture_status(f, f->inbox).messages, 0);
	expect_counters_right(f, trash);
	expect_counters_right(f, f->inbox);
	assert_ok(mail_vanished(f->mail, f->account, f->inbox, before, &gone, &err));
	assert_string_equal(fixture_text(f, &gone), "1:2000");
	free(from);
	mail_set_free(&gone);
	mail_set_free(&set);
	fixture_close(f);
}

static void copying_within_a_mailbox_makes_new_messages(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_set set = fixture_set("1:*");
	struct mail_added added;
	uint32_t *from;
	size_t count;
	for (int i = 0; i < 3; i++)
		fixture_append(f, f->inbox, message_a, MAIL_DELETED, "");
	assert_ok(mail_copy(f->mail, f->account, f->inbox, &set, f->inbox, false, &no_limits, &from,
		&count, &added, &err));
	free(from);
	assert_int_equal(fixture_status(f, f->inbox).messages, 6);
	expect_counters_right(f, f->inbox);
	assert_ok(mail_copy(f->mail, f->account, f->inbox, &set, f->inbox, true, &no_limits, &from,
		&count, &added, &err));
	free(from);
	assert_int_equal(added.first_uid, 7);
	assert_int_equal(fixture_status(f, f->inbox).messages, 6);
	expect_counters_right(f, f->inbox);
	mail_set_free(&set);
	fixture_close(f);
}

static void vanished_tells_what_left_since(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_set gone = {0};
	for (int i = 0; i < 9; i++)
		fixture_append(f, f->inbox, message_a, 0, "");
	fixture_expunge(f, f->inbox, "9");
	uint64_t since = fixture_status(f, f->inbox).change;
	fixture_expunge(f, f->inbox, "7");
	fixture_expunge(f, f->inbox, "2:4");
	fixture_append(f, f->inbox, message_a, 0, "");
	fixture_expunge(f, f->inbox, "10");
	fixture_flags(f, f->inbox, "1", MAIL_STORE_ADD, MAIL_SEEN, "");
	assert_ok(mail_vanished(f->mail, f->account, f->inbox, since, &gone, &err));
	assert_string_equal(fixture_text(f, &gone), "2:4,7,10");
	mail_set_free(&gone);
	assert_ok(mail_vanished(f->mail, f->account, f->inbox, 0, &gone, &err));
	assert_string_equal(fixture_text(f, &gone), "2:4,7,9:10");
	mail_set_free(&gone);
	fixture_close(f);
}

static bool count_facet(void *context, uint32_t uid, const struct mail_facet *facet)
{
	struct mail_set *seen = context;
	assert_true(slice_search(facet->envelope, SLICE("one")) > 0);
	assert_true(facet->structure.len > 0);
	mail_set_add(seen, uid, uid);
	return true;
}

/* Takes a message's facet away, as if it had been too large. */
static void spoil_facet(struct fixture *f, uint32_t uid, struct slice facet)
{
	struct store_write *write;
	struct store_collection *collection;
	struct store_object object;
	assert_ok(store_write_begin(f->store, &f->account, 1, &write, &err));
	assert_ok(store_write_collection(write, f->account, f->inbox, &collection, &err));
	assert_ok(store_write_get_object(write, collection, uid, &object, &err));
	assert_ok(store_write_object(write, collection, &object, facet, &err));
	assert_ok(store_write_commit(write, &err));
}

static void a_facet_that_is_missing_is_made_again(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_set seen = {0};
	for (int i = 0; i < 6; i++)
		fixture_append(f, f->inbox, message_a, 0, "");
	spoil_facet(f, 1, SLICE("\x63"));
	spoil_facet(f, 4, SLICE("\x01\x05"));
	spoil_facet(f, 6, SLICE(""));
	fixture_expunge(f, f->inbox, "3");
	assert_ok(mail_facet_scan(
		f->mail, f->account, f->inbox, 1, UINT32_MAX, count_facet, &seen, &err));
	assert_string_equal(fixture_text(f, &seen), "1:2,4:6");
	mail_set_free(&seen);
	assert_ok(mail_facet_scan(f->mail, f->account, f->inbox, 2, 5, count_facet, &seen, &err));
	assert_string_equal(fixture_text(f, &seen), "2,4:5");
	mail_set_free(&seen);
	fixture_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_appended_message_comes_back_as_it_was),
		cmocka_unit_test(keywords_that_are_no_atoms_or_too_many_are_refused),
		cmocka_unit_test(several_messages_get_ascending_uids_at_once),
		cmocka_unit_test(a_uid_is_never_used_again),
		cmocka_unit_test(a_message_that_is_too_large_or_goes_nowhere_is_refused),
		cmocka_unit_test(one_delivery_to_many_accounts_stores_the_bytes_once),
		cmocka_unit_test(delivery_to_an_unknown_mailbox_or_a_new_account_reaches_inbox),
		cmocka_unit_test(quota_is_exact_at_its_edge),
		cmocka_unit_test(a_domain_counts_its_accounts),
		cmocka_unit_test(a_domain_limit_holds_within_one_delivery),
		cmocka_unit_test(flags_are_set_added_and_removed),
		cmocka_unit_test(flags_that_are_so_already_keep_their_modseq),
		cmocka_unit_test(a_conditional_store_leaves_what_others_changed),
		cmocka_unit_test(too_many_keywords_on_a_message_change_nothing),
		cmocka_unit_test(expunge_takes_deleted_ones_in_the_set),
		cmocka_unit_test(copies_keep_flags_dates_and_bytes),
		cmocka_unit_test(moving_many_is_one_change),
		cmocka_unit_test(copying_within_a_mailbox_makes_new_messages),
		cmocka_unit_test(vanished_tells_what_left_since),
		cmocka_unit_test(a_facet_that_is_missing_is_made_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
