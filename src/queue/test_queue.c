/* The queue on a store in memory, with a transport that the test tells what to say. */
#include "queue/queue.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define done(call) assert_int_equal((call), 0)

enum { DELIVERIES = 2000, HOUR = 3600 * 1000 };

/* What the far side says. */
enum answer { TAKES, REFUSES, LATER, BREAKS, GOES_AWAY, IS_AWAY, IS_NOWHERE };

struct fixture {
	struct store *store;
	struct net_loop *loop;
	pthread_t thread;
	struct queue *queue;
	struct queue_options options;
	pthread_mutex_t lock;
	enum answer answer;
	size_t delivered, transactions, reports[QUEUE_REPORT_DELIVERED + 1];
	char recipients[DELIVERIES][64], reported[256];
	size_t lengths[DELIVERIES]; /* of what each recipient got */
	char message[64], destination[64];
	atomic_bool alone, ready; /* beside another node that has the same entries */
};

static void set_answer(struct fixture *f, enum answer answer)
{
	(void)pthread_mutex_lock(&f->lock);
	f->answer = answer;
	(void)pthread_mutex_unlock(&f->lock);
}

static enum answer get_answer(struct fixture *f)
{
	(void)pthread_mutex_lock(&f->lock);
	enum answer answer = f->answer;
	(void)pthread_mutex_unlock(&f->lock);
	return answer;
}

static int open_peer(void *context, struct slice destination, void **ret_peer, struct err *err)
{
	struct fixture *f = context;
	enum answer answer = get_answer(f);
	*ret_peer = context;
	(void)pthread_mutex_lock(&f->lock);
	(void)snprintf(f->destination, sizeof(f->destination), "%.*s", SLICE_ARG(destination));
	(void)pthread_mutex_unlock(&f->lock);
	if (answer == IS_AWAY)
		return err_temporary(err, ERR_UNAVAILABLE, "nobody answers");
	if (answer == IS_NOWHERE)
		return err_permanent(err, ERR_ABSENT, "no such domain");
	return 0;
}

static int send_to_peer(void *peer, struct queue_delivery *d, struct err *err)
{
	struct fixture *f = peer;
	(void)pthread_mutex_lock(&f->lock);
	enum answer answer = f->answer;
	f->transactions++;
	if (answer == GOES_AWAY)
		f->answer = TAKES; /* next time */
	(void)snprintf(f->message, sizeof(f->message), "%.*s", SLICE_ARG(d->message));
	for (size_t i = 0; i < d->count; i++) {
		struct queue_outcome *o = &d->outcomes[i];
		if ((answer == TAKES || answer == BREAKS) && f->delivered < DELIVERIES) {
			f->lengths[f->delivered] = d->message.len;
			(void)snprintf(f->recipients[f->delivered++], sizeof(*f->recipients),
				"%.*s", SLICE_ARG(d->entries[i].recipient));
		} else if (answer == REFUSES)
			o->result = err_permanent(&o->err, ERR_OTHER, "no such user");
		else if (answer == LATER)
			o->result = err_temporary(&o->err, ERR_OTHER, "not now");
	}
	(void)pthread_mutex_unlock(&f->lock);
	if (answer == GOES_AWAY)
		return err_temporary(err, ERR_UNAVAILABLE, "gone");
	return answer == BREAKS ? QUEUE_PEER_GONE : 0;
}

static void close_peer(void *peer)
{
}

static int report(void *context, enum queue_report_action action, const struct queue_delivery *d,
	struct err *err)
{
	struct fixture *f = context;
	(void)pthread_mutex_lock(&f->lock);
	f->reports[action] += d->count;
	(void)snprintf(f->reported, sizeof(f->reported), "%s", d->outcomes[0].err.text);
	(void)pthread_mutex_unlock(&f->lock);
	return 0;
}

static const struct queue_transport TRANSPORT = {
	.open = open_peer, .send = send_to_peer, .close = close_peer, .report = report};

static void *run_loop(void *context)
{
	struct err err;
	done(net_loop_run(context, &err));
	return NULL;
}

static void start(struct fixture *f)
{
	struct err err;
	struct net_loop_options loop = {.workers_min = 2};
	done(net_loop_new(&loop, &f->loop, &err));
	f->options.loop = f->loop;
	done(queue_open(&f->options, &f->queue, &err));
	done(pthread_create(&f->thread, NULL, run_loop, f->loop));
	queue_start(f->queue);
}

static void stop(struct fixture *f)
{
	queue_stop(f->queue);
	net_loop_stop(f->loop, 1000);
	(void)pthread_join(f->thread, NULL);
	net_loop_free(f->loop);
	queue_close(f->queue);
	f->queue = NULL;
}

static int set_up(void **state)
{
	struct fixture *f = ALLOC(struct fixture);
	struct store_options store = {.driver = &store_driver_memory};
	struct err err;
	done(store_open(&store, &f->store, &err));
	done(pthread_mutex_init(&f->lock, NULL));
	f->options = (struct queue_options){.store = f->store,
		.node = id_new(),
		.transport = &TRANSPORT,
		.context = f,
		.schedule = {.backoff_first_ms = 1000},
		.retry_ms = {1000},
		.retry_count = 1};
	start(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	if (f->queue)
		stop(f);
	store_close(f->store);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
	return 0;
}

static void add(struct fixture *f, const struct queue_recipient *recipients, size_t count)
{
	struct err err;
	struct queue_message message = {.sender = SLICE("alice@example.org"),
		.recipients = recipients,
		.count = count,
		.head = SLICE("Received: here\r\n"),
		.text = SLICE("Subject: x\r\n\r\nHello\r\n")};
	done(queue_add(f->queue, &message, &err));
}

static void add_one(struct fixture *f, const char *address, bool local)
{
	add(f, &(struct queue_recipient){.address = slice_str(address), .local = local}, 1);
}

/* Waits until nothing is left, or as long as a slow machine may take. */
static void await_empty(struct fixture *f)
{
	for (int i = 0; i < 2000; i++) {
		struct queue_figures figures = queue_figures(f->queue);
		if (figures.entries == 0 && figures.connections == 0)
			return;
		(void)usleep(10000);
	}
	fail_msg("the queue does not get empty");
}

static void await_transactions(struct fixture *f, size_t least)
{
	size_t count = 0;
	for (int i = 0; i < 2000 && count < least; i++) {
		(void)usleep(10000);
		(void)pthread_mutex_lock(&f->lock);
		count = f->transactions;
		(void)pthread_mutex_unlock(&f->lock);
	}
	assert_true(count >= least);
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

static bool count_entry(void *context, struct queue_place place, const struct queue_entry *entry,
	uint64_t bytes, bool here)
{
	(*(size_t *)context)++;
	return true;
}

static size_t entries_in_store(struct fixture *f)
{
	size_t count = 0;
	struct err err;
	done(queue_scan(f->queue, count_entry, &count, &err));
	return count;
}

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

static void mail_that_goes_by_any_tls_has_a_destination_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct err err;
	const struct queue_recipient to = {.address = SLICE("a@ONE.example")};
	struct queue_message message = {
		.recipients = &to, .count = 1, .text = SLICE("x\r\n"), .any_tls = true};
	set_answer(f, TAKES);
	done(queue_add(f->queue, &message, &err));
	await_empty(f);
	assert_string_equal(f->destination, "one.example" QUEUE_ANY_TLS_MARK);
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
	set_answer(f, TAKES);
	start(f);
	await_empty(f);
	assert_int_equal(f->delivered, 200);
	assert_int_equal(entries_in_store(f), 0);
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

static bool works_on(void *context, struct id account)
{
	struct fixture *f = context;
	return atomic_load(&f->alone) || queue_is_shard_of(account, f->options.node);
}

static bool is_ready(void *context)
{
	return atomic_load(&((struct fixture *)context)->ready);
}

/* From now on it is another node's queue, in the same store. */
static void become_other(struct fixture *f)
{
	stop(f);
	f->options.node = id_new();
	f->options.works_on = works_on;
	f->options.is_ready = is_ready;
	atomic_store(&f->ready, true);
	start(f);
}

static void await_delivered(struct fixture *f, size_t count)
{
	size_t delivered = 0;
	for (int i = 0; i < 500 && delivered < count; i++) {
		(void)usleep(10 * 1000);
		(void)pthread_mutex_lock(&f->lock);
		delivered = f->delivered;
		(void)pthread_mutex_unlock(&f->lock);
	}
	assert_int_equal(delivered, count);
}

static bool sees_other(void *context, struct queue_place place, const struct queue_entry *entry,
	uint64_t bytes, bool here)
{
	*(struct queue_place *)context = place;
	return here;
}

static void what_another_node_took_waits_until_it_is_taken_over(void **state)
{
	struct fixture *f = *state;
	struct queue_place other;
	struct err err;
	set_answer(f, IS_AWAY);
	add_one(f, "a@one.example", false);
	become_other(f);
	set_answer(f, TAKES);
	assert_int_equal(queue_figures(f->queue).entries, 0);
	add_one(f, "b@one.example", false);
	await_delivered(f, 1);
	assert_string_equal(f->recipients[0], "b@one.example");
	done(queue_scan(f->queue, sees_other, &other, &err));
	assert_false(queue_is_here(f->queue, other));
	assert_int_equal(queue_change(f->queue, other, QUEUE_RETRY, &err), -1);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	atomic_store(&f->alone, true);
	await_delivered(f, 2);
	assert_string_equal(f->recipients[1], "a@one.example");
	assert_int_equal(entries_in_store(f), 0);
}

static void what_is_put_down_again_is_not_tried(void **state)
{
	struct fixture *f = *state;
	set_answer(f, IS_AWAY);
	add_one(f, "a@one.example", false);
	atomic_store(&f->alone, true);
	become_other(f);
	assert_int_equal(queue_figures(f->queue).entries, 1);
	atomic_store(&f->alone, false);
	for (int i = 0; i < 500 && queue_figures(f->queue).entries > 0; i++)
		(void)usleep(10 * 1000);
	assert_int_equal(queue_figures(f->queue).entries, 0);
	set_answer(f, TAKES);
	(void)queue_flush(f->queue, SLICE_NONE);
	(void)usleep(300 * 1000);
	assert_int_equal(f->delivered, 0);
	assert_int_equal(entries_in_store(f), 1);
}

static void nothing_is_tried_before_it_is_ready(void **state)
{
	struct fixture *f = *state;
	become_other(f);
	atomic_store(&f->ready, false);
	(void)usleep(400 * 1000);
	add_one(f, "a@one.example", false);
	(void)usleep(300 * 1000);
	assert_int_equal(f->delivered, 0);
	atomic_store(&f->ready, true);
	await_delivered(f, 1);
}

int main(void)
{
#define QUEUE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		QUEUE_TEST(a_message_is_sent_to_all_recipients_of_a_domain_at_once),
		QUEUE_TEST(what_goes_with_a_message_is_there_with_it_or_not_at_all),
		QUEUE_TEST(mail_that_goes_by_any_tls_has_a_destination_of_its_own),
		QUEUE_TEST(each_message_of_a_batch_is_whole),
		QUEUE_TEST(what_is_refused_is_reported_and_gone),
		QUEUE_TEST(mail_to_a_domain_that_is_not_there_is_reported),
		QUEUE_TEST(what_is_put_off_is_tried_again),
		QUEUE_TEST(a_connection_that_ends_after_each_message_is_made_anew),
		QUEUE_TEST(what_a_destination_said_nothing_about_waits_without_an_attempt),
		QUEUE_TEST(what_waits_for_too_long_is_reported),
		QUEUE_TEST(what_waits_is_there_after_a_restart),
		QUEUE_TEST(a_destination_that_comes_back_gets_all),
		QUEUE_TEST(one_that_is_held_waits_until_it_is_released),
		QUEUE_TEST(what_comes_to_be_held_says_why_and_waits),
		QUEUE_TEST(one_that_is_removed_goes_nowhere),
		QUEUE_TEST(what_another_node_took_waits_until_it_is_taken_over),
		QUEUE_TEST(what_is_put_down_again_is_not_tried),
		QUEUE_TEST(nothing_is_tried_before_it_is_ready),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
