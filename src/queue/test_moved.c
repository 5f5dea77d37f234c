/* Users who live at several places, and move while their mail waits. */
#include "queue/destination.h"
#include "queue/test_support.h"

/* Where everybody lives now, and which place does not answer; "" is none of these. */
static struct {
	pthread_mutex_t lock;
	char lives[64], away[64];
	size_t delivered, moved, asked;
} world = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void set(const char *lives, const char *away)
{
	(void)pthread_mutex_lock(&world.lock);
	(void)snprintf(world.lives, sizeof(world.lives), "%s", lives);
	(void)snprintf(world.away, sizeof(world.away), "%s", away);
	(void)pthread_mutex_unlock(&world.lock);
}

static int open_place(void *context, struct slice destination, void **ret_peer, struct err *err)
{
	int r = 0;
	struct slice place;
	assert_true(queue_destination_is_local(destination, &place));
	(void)pthread_mutex_lock(&world.lock);
	if (slice_eq(place, slice_str(world.away)))
		r = err_temporary(err, ERR_UNAVAILABLE, "nobody answers");
	else
		*ret_peer = slice_dup(place);
	(void)pthread_mutex_unlock(&world.lock);
	return r;
}

static int send_there(void *peer, struct queue_delivery *d, struct err *err)
{
	(void)pthread_mutex_lock(&world.lock);
	for (size_t i = 0; i < d->count; i++) {
		struct queue_outcome *o = &d->outcomes[i];
		o->moved = strcmp(peer, world.lives) != 0;
		(void)snprintf(o->place, sizeof(o->place), "%s", world.lives);
		world.moved += o->moved;
		world.delivered += !o->moved;
	}
	(void)pthread_mutex_unlock(&world.lock);
	return 0;
}

static void close_place(void *peer)
{
	free(peer);
}

static int find_place(void *context, const struct queue_entry *entry,
	char ret_place[QUEUE_PLACE_MAX + 1], struct err *err)
{
	(void)pthread_mutex_lock(&world.lock);
	world.asked++;
	(void)snprintf(ret_place, QUEUE_PLACE_MAX + 1, "%s", world.lives);
	(void)pthread_mutex_unlock(&world.lock);
	return 0;
}

static const struct queue_transport PLACES = {.open = open_place,
	.send = send_there,
	.close = close_place,
	.place = find_place,
	.report = report};

static int set_up_places(void **state)
{
	int r = set_up(state);
	struct fixture *f = *state;
	stop(f);
	f->options.transport = &PLACES;
	world.delivered = world.moved = world.asked = 0;
	start(f);
	return r;
}

static void add_at(struct fixture *f, const char *place)
{
	add(f,
		&(struct queue_recipient){.address = SLICE("ann@ours.test"),
			.notify = ENVELOPE_NOTIFY_SUCCESS,
			.local = true,
			.place = slice_str(place)},
		1);
}

static void it_goes_where_it_is_said_to(void **state)
{
	struct fixture *f = *state;
	set("s1.test:24", "nowhere");
	add_at(f, "s1.test:24");
	await_empty(f);
	assert_int_equal(world.delivered, 1);
	assert_int_equal(world.moved + world.asked, 0);
	assert_int_equal(f->reports[QUEUE_REPORT_DELIVERED], 1);
}

static void who_has_moved_gets_it_at_the_new_place_without_an_attempt_more(void **state)
{
	struct fixture *f = *state;
	set("s2.test", "nowhere");
	add_at(f, "s1.test");
	await_empty(f);
	assert_int_equal(world.delivered, 1);
	assert_int_equal(world.moved, 1);
	assert_int_equal(f->reports[QUEUE_REPORT_DELIVERED], 1);
	assert_int_equal(queue_figures(f->queue).delivered, 1);
	assert_int_equal(queue_figures(f->queue).delayed, 0);
}

static void who_moves_from_a_place_that_is_away_need_not_wait_for_it(void **state)
{
	struct fixture *f = *state;
	set("", "s1.test");
	add_at(f, "s1.test");
	await_empty(f);
	assert_int_equal(world.delivered, 1);
	assert_int_equal(world.asked, 1);
}

static bool see_place(void *context, struct queue_place place, const struct queue_entry *entry,
	uint64_t bytes, bool here)
{
	(void)snprintf(context, 64, "%.*s", SLICE_ARG(entry->place));
	assert_int_equal(entry->attempts, 0);
	return true;
}

static void where_it_moved_to_is_known_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct err err;
	char place[64] = "";
	set("s2.test", "s2.test"); /* it gets there, and there it waits */
	add_at(f, "s1.test");
	for (int i = 0; i < 2000 && strcmp(place, "s2.test") != 0; i++) {
		(void)usleep(10000);
		done(queue_scan(f->queue, see_place, place, &err));
	}
	assert_string_equal(place, "s2.test");
	stop(f);
	set("s2.test", "nowhere");
	world.moved = 0;
	start(f);
	await_empty(f);
	assert_int_equal(world.delivered, 1);
	assert_int_equal(world.moved, 0);
}

static void a_place_that_is_away_holds_up_no_other(void **state)
{
	struct fixture *f = *state;
	set("s1.test", "s1.test");
	add_at(f, "s1.test");
	set("s2.test", "s1.test"); /* whoever is asked about from now on */
	for (int i = 0; i < 20; i++)
		add_at(f, "s2.test");
	await_empty(f);
	assert_int_equal(world.delivered, 21);
}

int main(void)
{
#define PLACE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_places, tear_down)
	const struct CMUnitTest tests[] = {
		PLACE_TEST(it_goes_where_it_is_said_to),
		PLACE_TEST(who_has_moved_gets_it_at_the_new_place_without_an_attempt_more),
		PLACE_TEST(who_moves_from_a_place_that_is_away_need_not_wait_for_it),
		PLACE_TEST(where_it_moved_to_is_known_after_a_restart),
		PLACE_TEST(a_place_that_is_away_holds_up_no_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
