/* What is under way, as the process that comes after a SIGKILL finds it. */
#include "queue/underway.h"

#include "base/alloc.h"
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
	char path[64];
	struct queue_underway *underway;
};

static void open_it(struct fixture *f, const char *boot)
{
	struct err err;
	assert_int_equal(queue_underway_open(f->path, boot, &f->underway, &err), 0);
}

/* The process is killed: nothing is ended, and the mapping goes. */
static void kill_it(struct fixture *f)
{
	queue_underway_close(f->underway);
}

static int set_up(void **state)
{
	struct fixture *f = ALLOC(struct fixture);
	(void)snprintf(f->path, sizeof(f->path), "/tmp/underway-XXXXXX");
	int fd = mkstemp(f->path);
	if (fd < 0 || close(fd) < 0)
		return -1;
	open_it(f, "boot 1");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	queue_underway_close(f->underway);
	(void)unlink(f->path);
	free(f);
	return 0;
}

static void what_was_under_way_is_known_after_a_kill(void **state)
{
	struct fixture *f = *state;
	struct id sent = id_new(), settled = id_new(), twice = id_new();
	queue_underway_begin(f->underway, sent);
	queue_underway_begin(f->underway, settled);
	queue_underway_begin(f->underway, twice);
	queue_underway_begin(f->underway, twice);
	queue_underway_end(f->underway, settled);
	queue_underway_end(f->underway, twice);
	assert_false(queue_underway_was(f->underway, sent)); /* this process knows better */
	kill_it(f);
	open_it(f, "boot 1");
	assert_false(queue_underway_is_blank(f->underway));
	queue_underway_keep(f->underway, sent);
	queue_underway_keep(f->underway, settled);
	queue_underway_keep(f->underway, twice);
	assert_true(queue_underway_was(f->underway, sent));
	assert_true(queue_underway_was(f->underway, twice));
	assert_false(queue_underway_was(f->underway, settled));
}

static void it_stays_in_doubt_until_it_is_not_in_the_queue(void **state)
{
	struct fixture *f = *state;
	struct id sent = id_new(), gone = id_new();
	queue_underway_begin(f->underway, sent);
	queue_underway_begin(f->underway, gone);
	for (int i = 0; i < 3; i++) {
		kill_it(f);
		open_it(f, "boot 1");
		queue_underway_keep(f->underway, sent);
		queue_underway_forget_others(f->underway);
		assert_true(queue_underway_was(f->underway, sent));
		assert_false(queue_underway_was(f->underway, gone));
		/* To some of its recipients. */
		queue_underway_begin(f->underway, sent);
		queue_underway_end(f->underway, sent);
		assert_true(queue_underway_was(f->underway, sent));
	}
}

static void a_machine_that_was_started_anew_knows_nothing(void **state)
{
	struct fixture *f = *state;
	assert_true(queue_underway_is_blank(f->underway)); /* the file was empty */
	kill_it(f);
	open_it(f, "boot 2");
	assert_true(queue_underway_is_blank(f->underway));
	kill_it(f);
	open_it(f, NULL);
	assert_true(queue_underway_is_blank(f->underway));
	kill_it(f);
	open_it(f, NULL);
	assert_true(queue_underway_is_blank(f->underway));
}

static void more_than_fit_are_not_noted(void **state)
{
	struct fixture *f = *state;
	struct id first = id_new(), beyond = id_new();
	queue_underway_begin(f->underway, first);
	for (unsigned i = 1; i < QUEUE_UNDERWAY_MAX; i++)
		queue_underway_begin(f->underway, id_new());
	queue_underway_begin(f->underway, beyond);
	queue_underway_end(f->underway, beyond);
	kill_it(f);
	open_it(f, "boot 1");
	queue_underway_keep(f->underway, first);
	queue_underway_keep(f->underway, beyond);
	assert_true(queue_underway_was(f->underway, first));
	assert_false(queue_underway_was(f->underway, beyond));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_was_under_way_is_known_after_a_kill, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			it_stays_in_doubt_until_it_is_not_in_the_queue, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_machine_that_was_started_anew_knows_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(more_than_fit_are_not_noted, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
