/* Things that are done at once all end, and those that wait for each other do wait. */
#include "net/together.h"

#include "base/test.h"
#include "base/wait.h"

#include <pthread.h>

enum { ITEMS = 5, MANY = 300 };

struct fixture {
	struct net_loop *loop;
	struct net_together together;
	struct wait all[ITEMS];
	atomic_size_t here;
	size_t count;
	int done[MANY];
};

/* Each ends only when all have begun. */
static void meet(void *context, void *item)
{
	struct fixture *f = context;
	int *done = item;
	size_t at = (size_t)(done - f->done);
	if (atomic_fetch_add(&f->here, 1) + 1 == f->count)
		for (size_t i = 0; i < f->count; i++)
			wait_done(&f->all[i]);
	wait_for(&f->all[at]);
	(*done)++;
}

static void count_one(void *context, void *item)
{
	(*(int *)item)++;
}

static void run_all(void *context)
{
	struct fixture *f = context;
	net_together_run(&f->together, f->loop, f->count == ITEMS ? meet : count_one, f, f->done,
		sizeof(*f->done), f->count);
	net_loop_stop(f->loop, 1000);
}

static void run(size_t count)
{
	static struct fixture f;
	struct net_loop_options options = {.workers_min = 1};
	struct err err;
	f = (struct fixture){.count = count};
	assert_int_equal(net_loop_new(&options, &f.loop, &err), 0);
	net_loop_spawn(f.loop, run_all, &f);
	assert_int_equal(net_loop_run(f.loop, &err), 0);
	net_loop_free(f.loop);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(f.done[i], 1);
	assert_int_equal(atomic_load(&f.together.jobs), 0);
}

static void what_waits_for_each_other_is_done_at_once(void **state)
{
	run(ITEMS);
}

static void each_is_done_once_however_many_there_are(void **state)
{
	run(1);
	run(0);
	run(MANY);
}

static void without_a_loop_they_are_done_one_after_the_other(void **state)
{
	struct net_together together = {0};
	int done[3] = {0};
	net_together_run(&together, NULL, count_one, NULL, done, sizeof(*done), 3);
	assert_int_equal(done[0] + 10 * done[1] + 100 * done[2], 111);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_waits_for_each_other_is_done_at_once),
		cmocka_unit_test(each_is_done_once_however_many_there_are),
		cmocka_unit_test(without_a_loop_they_are_done_one_after_the_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
