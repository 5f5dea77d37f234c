/* Beside another node, and after another process: whose entries these are, and what may have been
 * sent already. */
#include "queue/test_support.h"
#include "queue/underway.h"

static bool sees_message(void *context, struct queue_place place, const struct queue_entry *entry,
	uint64_t bytes, bool here)
{
	*(struct id *)context = entry->message;
	return false;
}

static void what_was_under_way_at_a_kill_is_in_doubt(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/underway-XXXXXX";
	struct queue_underway *underway;
	struct err err;
	struct id message;
	int fd = mkstemp(path);
	assert_true(fd >= 0 && close(fd) == 0);
	stop(f);
	f->options.underway = path;
	f->options.boot = "boot";
	set_answer(f, IS_AWAY);
	start(f);
	for (int i = 0; i < 20; i++)
		add_one(f, "a@here", true);
	done(queue_scan(f->queue, sees_message, &message, &err));
	stop(f);
	done(queue_underway_open(path, "boot", &underway, &err));
	queue_underway_begin(underway, message);
	queue_underway_close(underway);
	set_answer(f, TAKES);
	start(f);
	await_empty(f);
	assert_int_equal(f->delivered, 20);
	assert_int_equal(f->again, 1);
	(void)unlink(path);
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

static int64_t met_just_now(void *context)
{
	return 1;
}

static bool is_there(void *context, struct id node)
{
	return atomic_load(&((struct fixture *)context)->other_there);
}

/* From now on it is another node's queue, in the same store. */
static void become(struct fixture *f, struct id node)
{
	stop(f);
	f->options.node = node;
	f->options.works_on = works_on;
	f->options.is_ready = is_ready;
	f->options.shared_until_ms = met_just_now;
	f->options.is_other = is_there;
	atomic_store(&f->ready, true);
	start(f);
}

static void become_other(struct fixture *f)
{
	become(f, id_new());
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

static void what_the_other_one_sends_yet_is_its_own_until_it_lets_go(void **state)
{
	struct fixture *f = *state;
	struct id one = f->options.node, other = id_new();
	set_answer(f, IS_AWAY);
	add_one(f, "a@one.example", false);
	atomic_store(&f->alone, true);
	become(f, other); /* takes over, and dies */
	atomic_store(&f->alone, false);
	atomic_store(&f->other_there, true);
	set_answer(f, TAKES);
	become(f, one);
	(void)usleep(600 * 1000);
	assert_int_equal(f->delivered, 0);
	assert_int_equal(queue_figures(f->queue).entries, 0);
	atomic_store(&f->other_there, false); /* it does not come back */
	await_delivered(f, 1);
	assert_int_equal(entries_in_store(f), 0);
}

static void one_that_was_taken_over_is_given_back(void **state)
{
	struct fixture *f = *state;
	struct id one = f->options.node, other = id_new();
	set_answer(f, IS_AWAY);
	add_one(f, "a@one.example", false);
	atomic_store(&f->alone, true);
	become(f, other);
	atomic_store(&f->alone, false);
	for (int i = 0; i < 500 && queue_figures(f->queue).entries > 0; i++)
		(void)usleep(10 * 1000);
	atomic_store(&f->other_there, true);
	set_answer(f, TAKES);
	become(f, one);
	await_delivered(f, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUEUE_TEST(what_was_under_way_at_a_kill_is_in_doubt),
		QUEUE_TEST(what_another_node_took_waits_until_it_is_taken_over),
		QUEUE_TEST(what_is_put_down_again_is_not_tried),
		QUEUE_TEST(nothing_is_tried_before_it_is_ready),
		QUEUE_TEST(what_the_other_one_sends_yet_is_its_own_until_it_lets_go),
		QUEUE_TEST(one_that_was_taken_over_is_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
