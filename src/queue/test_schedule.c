/* When what is tried, and how many at once; on a clock of the test's own. */
#include "queue/schedule.h"

#include "base/test.h"

enum { FAR = 100, MINUTE = 60 * 1000 };

struct fixture {
	struct queue_schedule *s;
	struct queue_destination *d;
	struct queue_place places[FAR];
	int64_t next;
};

static int set_up(void **state)
{
	static struct fixture f;
	struct queue_schedule_options options = {
		.connections_max = 5, .per_destination_max = 3, .local_max = 2};
	f = (struct fixture){.s = queue_schedule_new(&options)};
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	queue_schedule_free(((struct fixture *)*state)->s);
	return 0;
}

static void add(
	struct fixture *f, const char *destination, uint32_t shard, uint32_t number, int64_t due)
{
	queue_schedule_add(f->s, slice_str(destination), (struct queue_place){shard, number}, due);
}

static size_t enter(struct fixture *f, int64_t now)
{
	return queue_schedule_enter(f->s, now, &f->d, f->places, FAR, &f->next);
}

static size_t take(struct fixture *f, int64_t now)
{
	return queue_schedule_take(f->s, f->d, now, f->places, FAR);
}

static void leave(struct fixture *f, bool unreachable, int64_t now)
{
	queue_schedule_leave(f->s, f->d, unreachable, "no answer", now);
}

static void nothing_is_due_before_its_time(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(enter(f, 0), 0);
	assert_true(f->next == INT64_MAX);
	add(f, "a.example", 1, 1, 5000);
	assert_int_equal(enter(f, 4999), 0);
	assert_int_equal(f->next, 5000);
	assert_int_equal(enter(f, 5000), 1);
	assert_slice(queue_destination_name(f->d), "a.example");
	assert_int_equal(f->places[0].number, 1);
	queue_schedule_drop(f->s, f->places[0]);
	leave(f, false, 5000);
	assert_int_equal(queue_schedule_figures(f->s).destinations, 0);
}

static void the_oldest_goes_first_wherever_it_goes(void **state)
{
	struct fixture *f = *state;
	add(f, "late.example", 1, 1, 9000);
	add(f, "early.example", 2, 2, 3000);
	add(f, "late.example", 3, 3, 4000);
	assert_int_equal(enter(f, 9000), 1);
	assert_int_equal(f->places[0].number, 2);
	assert_int_equal(enter(f, 9000), 1);
	assert_int_equal(f->places[0].number, 3);
	assert_int_equal(take(f, 9000), 1);
	assert_int_equal(f->places[0].number, 1);
	assert_int_equal(take(f, 9000), 0);
}

static void recipients_of_one_message_are_taken_together(void **state)
{
	struct fixture *f = *state;
	add(f, "a.example", 7, 10, 0);
	add(f, "b.example", 7, 11, 0);
	add(f, "a.example", 7, 12, 0);
	add(f, "a.example", 7, 13, 0);
	add(f, "a.example", 8, 14, 0);
	assert_int_equal(enter(f, 0), 1);
	assert_int_equal(take(f, 0), 2);
	assert_true(f->places[0].number == 12 && f->places[1].number == 13);
	assert_int_equal(take(f, 0), 1);
}

static void a_destination_gets_more_connections_once_it_answers(void **state)
{
	struct fixture *f = *state;
	for (uint32_t i = 0; i < 10; i++)
		add(f, "a.example", i, 1, 0);
	assert_int_equal(enter(f, 0), 1);
	assert_int_equal(enter(f, 0), 0);
	queue_schedule_met(f->s, f->d);
	assert_int_equal(enter(f, 0), 1);
	assert_int_equal(enter(f, 0), 1);
	assert_int_equal(enter(f, 0), 0);
	leave(f, false, 0);
	assert_int_equal(enter(f, 0), 1);
}

static void connections_are_bounded_in_all(void **state)
{
	struct fixture *f = *state;
	char name[] = "a.example";
	for (uint32_t i = 0; i < 9; i++, name[0]++)
		add(f, name, i, 1, 0);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(enter(f, 0), 1);
	assert_int_equal(enter(f, 0), 0);
	assert_true(f->next == INT64_MAX);
	leave(f, false, 0);
	assert_int_equal(enter(f, 0), 1);
}

static void who_can_not_be_reached_is_left_alone_for_longer_and_longer(void **state)
{
	struct fixture *f = *state;
	int64_t now = 0, pause = MINUTE;
	add(f, "a.example", 1, 1, 0);
	add(f, "a.example", 2, 2, 0);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(enter(f, now), 1);
		queue_schedule_add(f->s, queue_destination_name(f->d), f->places[0], now);
		leave(f, true, now);
		assert_int_equal(enter(f, now), 0);
		assert_true(f->next > now + pause * 7 / 8 && f->next <= now + pause);
		now = f->next;
		pause = MIN(pause * 2, 60 * MINUTE);
	}
	assert_int_equal(queue_schedule_figures(f->s).entries, 2);
	assert_int_equal(enter(f, now), 1);
	queue_schedule_met(f->s, f->d);
	assert_int_equal(take(f, now), 1);
}

/* Many destinations that fail at once are not all looked through then. */
static void few_destinations_are_looked_through_at_a_time(void **state)
{
	struct fixture *f = *state;
	enum { DESTINATIONS = 100, FEW = 10 };
	struct queue_destination *d[DESTINATIONS];
	char name[32];
	bool looks[DESTINATIONS];
	int count = 0, again = 0;
	for (uint32_t i = 0; i < DESTINATIONS; i++) {
		(void)snprintf(name, sizeof(name), "%u.example", i);
		add(f, name, i, 1, 0);
		add(f, name, i, 3, 0);
		assert_int_equal(enter(f, 0), 1);
		d[i] = f->d;
		assert_false(queue_schedule_looks(f->s, d[i], 0, 10 * MINUTE));
		leave(f, true, 0);
	}
	for (uint32_t i = 0; i < DESTINATIONS; i++)
		count += looks[i] = queue_schedule_looks(f->s, d[i], 10 * MINUTE, 10 * MINUTE);
	assert_true(count > 0 && count < FEW);
	for (uint32_t i = 0; i < DESTINATIONS; i++)
		if (looks[i])
			queue_schedule_looked(f->s, d[i]);
	for (uint32_t i = 0; i < DESTINATIONS; i++) {
		bool looks_now = queue_schedule_looks(f->s, d[i], 10 * MINUTE, 10 * MINUTE);
		assert_false(looks_now && looks[i]);
		again += looks_now;
	}
	assert_int_equal(again, count);
}

static void our_own_store_is_asked_again_soon(void **state)
{
	struct fixture *f = *state;
	int64_t now = 0;
	add(f, "", 1, 1, 0);
	for (int i = 0; i < 9; i++) {
		assert_int_equal(enter(f, now), 1);
		queue_schedule_add(f->s, SLICE(""), f->places[0], now);
		leave(f, true, now);
		assert_int_equal(enter(f, now), 0);
		assert_true(f->next > now && f->next <= now + 5000);
		now = f->next;
	}
}

static void others_do_not_wait_for_who_can_not_be_reached(void **state)
{
	struct fixture *f = *state;
	add(f, "dead.example", 1, 1, 0);
	assert_int_equal(enter(f, 0), 1);
	queue_schedule_add(f->s, SLICE("dead.example"), f->places[0], 0);
	leave(f, true, 0);
	add(f, "live.example", 2, 2, 0);
	assert_int_equal(enter(f, 0), 1);
	assert_slice(queue_destination_name(f->d), "live.example");
}

static void a_flush_makes_all_due(void **state)
{
	struct fixture *f = *state;
	for (uint32_t i = 0; i < 50; i++)
		add(f, i % 2 ? "a.example" : "b.example", i, 1, (int64_t)(50 - i) * MINUTE);
	assert_int_equal(queue_schedule_flush(f->s, SLICE("c.example"), 0), 0);
	assert_int_equal(queue_schedule_flush(f->s, SLICE("a.example"), 0), 25);
	assert_int_equal(enter(f, 0), 1);
	assert_slice(queue_destination_name(f->d), "a.example");
	assert_int_equal(queue_schedule_flush(f->s, SLICE_NONE, 0), 49);
	queue_schedule_met(f->s, f->d);
	for (int i = 0; i < 24; i++)
		assert_int_equal(take(f, 0), 1);
	assert_int_equal(take(f, 0), 0);
}

static void one_that_waits_can_be_hurried(void **state)
{
	struct fixture *f = *state;
	bool taken;
	add(f, "a.example", 1, 1, 2 * MINUTE);
	add(f, "a.example", 2, 2, MINUTE);
	struct queue_place place = {1, 1}, other = {3, 3};
	assert_false(queue_schedule_hurry(f->s, SLICE("a.example"), other, 0, &taken));
	assert_false(taken);
	assert_true(queue_schedule_hurry(f->s, SLICE("a.example"), place, 0, &taken));
	assert_int_equal(enter(f, 0), 1);
	assert_int_equal(f->places[0].number, 1);
	assert_false(queue_schedule_hurry(f->s, SLICE("a.example"), place, 0, &taken));
	assert_true(taken);
	queue_schedule_drop(f->s, place);
	assert_false(queue_schedule_hurry(f->s, SLICE("a.example"), place, 0, &taken));
	assert_false(taken);
}

static void thousands_come_out_in_order(void **state)
{
	struct fixture *f = *state;
	enum { MANY = 20000 };
	unsigned seed = 7;
	int64_t now = 0;
	char name[32];
	for (uint32_t i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "d%d.example", rand_r(&seed) % 500);
		add(f, name, i, 1, (int64_t)(rand_r(&seed) % 1000) * 1000);
	}
	assert_int_equal(queue_schedule_figures(f->s).destinations, 500);
	for (uint32_t i = 0; i < MANY; i++) {
		size_t count = queue_schedule_enter(f->s, now, &f->d, f->places, 1, &f->next);
		if (count == 0) {
			assert_true(f->next > now);
			now = f->next;
			count = queue_schedule_enter(f->s, now, &f->d, f->places, 1, &f->next);
		}
		assert_int_equal(count, 1);
		queue_schedule_drop(f->s, f->places[0]);
		leave(f, false, now);
	}
	assert_int_equal(queue_schedule_figures(f->s).entries, 0);
	assert_int_equal(queue_schedule_figures(f->s).destinations, 0);
}

static void a_shard_that_is_forgotten_is_not_tried(void **state)
{
	struct fixture *f = *state;
	for (uint32_t number = 1; number <= 20; number++) {
		add(f, "a.example", 1 + number % 2, number, 1000 + (int64_t)number * 1000);
		add(f, "b.example", 1, 100 + number, 1000);
	}
	assert_int_equal(enter(f, 1000), 20);
	assert_true(queue_schedule_tries(f->s, 1));
	assert_false(queue_schedule_tries(f->s, 2));
	queue_schedule_forget(f->s, 1);
	assert_int_equal(queue_schedule_figures(f->s).entries, 10);
	for (size_t i = 0; i < 20; i++)
		queue_schedule_drop(f->s, f->places[i]);
	leave(f, false, 1000);
	assert_false(queue_schedule_tries(f->s, 1));
	assert_int_equal(queue_schedule_figures(f->s).destinations, 1);
	int64_t last = 0;
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(
			queue_schedule_enter(f->s, FAR * 1000, &f->d, f->places, 1, &f->next), 1);
		assert_int_equal(f->places[0].shard, 2);
		assert_true(f->places[0].number > last);
		last = f->places[0].number;
		leave(f, false, FAR * 1000);
	}
	assert_int_equal(enter(f, FAR * 1000), 0);
}

int main(void)
{
#define SCHEDULE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		SCHEDULE_TEST(nothing_is_due_before_its_time),
		SCHEDULE_TEST(the_oldest_goes_first_wherever_it_goes),
		SCHEDULE_TEST(recipients_of_one_message_are_taken_together),
		SCHEDULE_TEST(a_destination_gets_more_connections_once_it_answers),
		SCHEDULE_TEST(connections_are_bounded_in_all),
		SCHEDULE_TEST(few_destinations_are_looked_through_at_a_time),
		SCHEDULE_TEST(who_can_not_be_reached_is_left_alone_for_longer_and_longer),
		SCHEDULE_TEST(our_own_store_is_asked_again_soon),
		SCHEDULE_TEST(others_do_not_wait_for_who_can_not_be_reached),
		SCHEDULE_TEST(a_flush_makes_all_due),
		SCHEDULE_TEST(one_that_waits_can_be_hurried),
		SCHEDULE_TEST(a_shard_that_is_forgotten_is_not_tried),
		SCHEDULE_TEST(thousands_come_out_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
