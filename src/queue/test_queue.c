/* What becomes of messages in the queue. */
#include "queue/test_support.h"

static void a_message_is_sent_to_all_recipients_of_a_domain_at_once(void **state)
{
	struct fixture *f = *state;
	const struct queue_recipient recipients[] = {{.address = SLICE("a@one.example")},
		{.address = SLICE("b@ONE.example")}, {.address = SLICE("c@two.example")}};
	set_answer(f, TAKES);
	add(f, recipients, ARRAY_LEN(recipients));
	await_empty(f);
	assert_int_equal(f->delivered, 3);
	assert_int_equal(f->transactions, 2);
	assert_string_equal(f->message, "Received: here\r\nSubject: x\r\n\r\nHello\r\n");
	assert_int_equal(entries_in_store(f), 0);
	assert_int_equal(f->reports[QUEUE_REPORT_FAILED] + f->reports[QUEUE_REPORT_DELIVERED], 0);
}

static int write_also(void *context, struct store_write *write, struct err *err)
{
	const bool *works = context;
	struct store_collection *c;
	if (!*works)
		return err_temporary(err, ERR_OTHER, "not now");
	return store_write_collection_new(
		write, STORE_SYSTEM_ACCOUNT, STORE_SETTINGS, SLICE("also"), SLICE(""), &c, err);
}

static void what_goes_with_a_message_is_there_with_it_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection c;
	struct err err;
	bool works = false;
	const struct queue_recipient to = {.address = SLICE("a@one.example")};
	const struct queue_also also = {STORE_SYSTEM_ACCOUNT, write_also, &works};
	struct queue_message message = {
		.recipients = &to, .count = 1, .text = SLICE("x\r\n"), .also = &also};
	set_answer(f, IS_AWAY);
	assert_true(queue_add(f->queue, &message, &err) < 0);
	assert_int_equal(entries_in_store(f), 0);
	works = true;
	done(queue_add(f->queue, &message, &err));
	assert_int_equal(entries_in_store(f), 1);
	done(store_find_collection(
		f->store, STORE_SYSTEM_ACCOUNT, STORE_SETTINGS, SLICE("also"), &arena, &c, &err));
}

/* After a start a connection takes all that waits in a shard, one message behind the other. */
static void each_message_of_a_batch_is_whole(void **state)
{
	struct fixture *f = *state;
	enum { MESSAGES = 4 * QUEUE_SHARDS };
	char text[MESSAGES], address[64];
	set_answer(f, IS_AWAY);
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < MESSAGES; i++) {
		struct err err;
		(void)snprintf(address, sizeof(address), "%zu@one.example", i);
		struct queue_recipient to = {.address = slice_str(address)};
		struct queue_message message = {.sender = SLICE("alice@example.org"),
			.recipients = &to,
			.count = 1,
			.text = slice(text, (i * 37) % MESSAGES + 1)};
		done(queue_add(f->queue, &message, &err));
	}
	stop(f);
	set_answer(f, TAKES);
	start(f);
	await_empty(f);
	assert_int_equal(f->delivered, MESSAGES);
	for (size_t i = 0; i < MESSAGES; i++)
		assert_int_equal(
			f->lengths[i], (strtoul(f->recipients[i], NULL, 10) * 37) % MESSAGES + 1);
}

static void what_is_refused_is_reported_and_gone(void **state)
{
	struct fixture *f = *state;
	set_answer(f, REFUSES);
	add_one(f, "a@one.example", false);
	await_empty(f);
	assert_int_equal(f->reports[QUEUE_REPORT_FAILED], 1);
	assert_string_equal(f->reported, "no such user");
	assert_int_equal(entries_in_store(f), 0);
}

static void mail_to_a_domain_that_is_not_there_is_reported(void **state)
{
	struct fixture *f = *state;
	set_answer(f, IS_NOWHERE);
	add_one(f, "a@one.example", false);
	await_empty(f);
	assert_int_equal(f->reports[QUEUE_REPORT_FAILED], 1);
	assert_string_equal(f->reported, "no such domain");
}

static void what_is_put_off_is_tried_again(void **state)
{
	struct fixture *f = *state;
	set_answer(f, LATER);
	add_one(f, "a@one.example", false);
	await_transactions(f, 1);
	set_answer(f, TAKES);
	await_empty(f);
	assert_int_equal(f->delivered, 1);
	assert_int_equal(queue_figures(f->queue).delayed, f->transactions - 1);
	assert_int_equal(f->again, f->transactions - 1); /* some of it may have arrived */
}

static void a_connection_that_ends_after_each_message_is_made_anew(void **state)
{
	struct fixture *f = *state;
	set_answer(f, BREAKS);
	for (int i = 0; i < 50; i++)
		add_one(f, "a@one.example", false);
	await_empty(f);
	assert_int_equal(f->delivered, 50);
}

static void what_a_destination_said_nothing_about_waits_without_an_attempt(void **state)
{
	struct fixture *f = *state;
	set_answer(f, GOES_AWAY);
	add_one(f, "a@one.example", false);
	await_empty(f);
	assert_int_equal(f->delivered, 1);
	assert_int_equal(f->transactions, 2);
	assert_int_equal(queue_figures(f->queue).delayed, 0);
	assert_int_equal(f->again, 0);
}

static void what_waits_for_too_long_is_reported(void **state)
{
	struct fixture *f = *state;
	stop(f);
	f->options.lifetime_ms = 1500;
	f->options.delay_ms = 1;
	start(f);
	set_answer(f, LATER);
	add_one(f, "a@one.example", false);
	await_empty(f);
	assert_int_equal(f->reports[QUEUE_REPORT_DELAYED], 1);
	assert_int_equal(f->reports[QUEUE_REPORT_FAILED], 1);
	assert_int_equal(entries_in_store(f), 0);
}

static void what_waits_is_there_after_a_restart(void **state)
{
	struct fixture *f = *state;
	const struct queue_recipient recipients[] = {
		{.address = SLICE("a@one.example")}, {.address = SLICE("b@here"), .local = true}};
	set_answer(f, IS_AWAY);
	for (int i = 0; i < 100; i++)
		add(f, recipients, 2);
	stop(f);
	(void)usleep(2000); /* what arrives later is new */
	set_answer(f, TAKES);
	start(f);
	await_empty(f);
	assert_int_equal(f->delivered, 200);
	assert_int_equal(f->again, f->transactions); /* nobody knows what was tried before */
	assert_int_equal(entries_in_store(f), 0);
}

static void an_address_that_is_named_twice_is_kept_once(void **state)
{
	struct fixture *f = *state;
	const struct queue_recipient recipients[] = {{.address = SLICE("b@one.example")},
		{.address = SLICE("a@one.example")}, {.address = SLICE("b@one.example")},
		{.address = SLICE("B@one.example")}};
	add(f, recipients, 4);
	await_empty(f);
	assert_int_equal(f->delivered, 3);
}

static void a_destination_that_comes_back_gets_all(void **state)
{
	struct fixture *f = *state;
	set_answer(f, IS_AWAY);
	for (int i = 0; i < 200; i++)
		add_one(f, "b@here", true);
	struct queue_figures figures = queue_figures(f->queue);
	assert_int_equal(figures.entries + figures.connections > 0, true);
	set_answer(f, TAKES);
	await_empty(f);
	assert_int_equal(f->delivered, 200);
}

static void one_that_is_held_waits_until_it_is_released(void **state)
{
	struct fixture *f = *state;
	struct queue_place place = {0};
	struct err err;
	set_answer(f, IS_AWAY);
	add_one(f, "a@one.example", false);
	for (uint32_t shard = 0; shard < QUEUE_SHARDS; shard++) {
		place = (struct queue_place){shard, 1};
		if (queue_change(f->queue, place, QUEUE_HOLD, &err) == 0)
			break;
	}
	assert_int_equal(queue_figures(f->queue).held, 1);
	set_answer(f, TAKES);
	(void)queue_flush(f->queue, SLICE_NONE);
	await_empty(f);
	assert_int_equal(f->delivered, 0);
	assert_int_equal(entries_in_store(f), 1);
	done(queue_change(f->queue, place, QUEUE_RELEASE, &err));
	await_empty(f);
	assert_int_equal(f->delivered, 1);
	assert_int_equal(queue_change(f->queue, place, QUEUE_HOLD, &err), STORE_ABSENT);
}

static void what_comes_to_be_held_says_why_and_waits(void **state)
{
	struct fixture *f = *state;
	const struct queue_recipient recipients[] = {
		{.address = SLICE("a@one.example")}, {.address = SLICE("b@here"), .local = true}};
	struct queue_message message = {.sender = SLICE("s@here"),
		.recipients = recipients,
		.count = 2,
		.held = SLICE("it smells"),
		.text = SLICE("A: b\r\n\r\n")};
	struct queue_place place = {0};
	struct queue_entry entry;
	struct err err;
	done(queue_add(f->queue, &message, &err));
	assert_int_equal(queue_figures(f->queue).held, 2);
	(void)queue_flush(f->queue, SLICE_NONE);
	await_empty(f);
	assert_int_equal(f->delivered, 0);
	stop(f);
	start(f);
	assert_int_equal(queue_figures(f->queue).held, 2);
	while (queue_change(f->queue, place, QUEUE_HOLD, &err) != 0 || place.number == 0)
		place = (struct queue_place){place.shard + (place.number > 0), 1};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	done(queue_get(f->queue, place, &arena, &entry, NULL, &err));
	assert_slice(entry.reason, "it smells");
	done(queue_change(f->queue, place, QUEUE_RELEASE, &err));
	place.number = 2;
	done(queue_change(f->queue, place, QUEUE_RELEASE, &err));
	await_empty(f);
	assert_int_equal(f->delivered, 2);
	assert_int_equal(queue_figures(f->queue).held, 0);
}

static void one_that_is_removed_goes_nowhere(void **state)
{
	struct fixture *f = *state;
	struct err err;
	set_answer(f, IS_AWAY);
	add_one(f, "a@one.example", false);
	for (uint32_t shard = 0; shard < QUEUE_SHARDS; shard++)
		assert_true(queue_change(f->queue, (struct queue_place){shard, 1}, QUEUE_REMOVE,
				    &err) >= 0);
	assert_int_equal(entries_in_store(f), 0);
	set_answer(f, TAKES);
	(void)queue_flush(f->queue, SLICE_NONE);
	await_empty(f);
	assert_int_equal(f->delivered, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUEUE_TEST(a_message_is_sent_to_all_recipients_of_a_domain_at_once),
		QUEUE_TEST(what_goes_with_a_message_is_there_with_it_or_not_at_all),
		QUEUE_TEST(each_message_of_a_batch_is_whole),
		QUEUE_TEST(what_is_refused_is_reported_and_gone),
		QUEUE_TEST(mail_to_a_domain_that_is_not_there_is_reported),
		QUEUE_TEST(what_is_put_off_is_tried_again),
		QUEUE_TEST(a_connection_that_ends_after_each_message_is_made_anew),
		QUEUE_TEST(what_a_destination_said_nothing_about_waits_without_an_attempt),
		QUEUE_TEST(what_waits_for_too_long_is_reported),
		QUEUE_TEST(what_waits_is_there_after_a_restart),
		QUEUE_TEST(an_address_that_is_named_twice_is_kept_once),
		QUEUE_TEST(a_destination_that_comes_back_gets_all),
		QUEUE_TEST(one_that_is_held_waits_until_it_is_released),
		QUEUE_TEST(what_comes_to_be_held_says_why_and_waits),
		QUEUE_TEST(one_that_is_removed_goes_nowhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
