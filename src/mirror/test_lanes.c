/* Steps that are under way at once. */
#include "mirror/lanes.h"

#include "mirror/node_internal.h"

#include "base/test.h"

#include <pthread.h>

enum { LANES = 4, STEPS = 100 };

struct task {
	void (*run)(void *context);
	void *context;
};

struct fixture {
	struct mirror_node node;
	struct mirror_connection connection;
	pthread_t threads[LANES];
	struct task tasks[LANES];
	size_t count;
};

static void *run_task(void *context)
{
	struct task *task = context;
	task->run(task->context);
	return NULL;
}

static void run_on_thread(void *host, void (*run)(void *context), void *context)
{
	struct fixture *f = host;
	struct task *task = &f->tasks[f->count];
	*task = (struct task){run, context};
	assert_int_equal(pthread_create(&f->threads[f->count++], NULL, run_task, task), 0);
}

static const struct mirror_host HOST = {.run = run_on_thread};

/* More than there are to come of this step, and what failed of them. */
struct steps {
	pthread_barrier_t together;
	atomic_int left, done, inside;
	int fails_at; /* 0: none does */
};

static int step(void *context, struct err *err)
{
	struct steps *s = context;
	int left = atomic_fetch_sub(&s->left, 1);
	if (left <= 0)
		return 0;
	(void)atomic_fetch_add(&s->inside, 1);
	if (left > STEPS - LANES) /* the first ones wait for each other */
		(void)pthread_barrier_wait(&s->together);
	(void)atomic_fetch_sub(&s->inside, 1);
	if (left <= s->fails_at)
		return err_temporary(err, ERR_OTHER, "step %d", left);
	(void)atomic_fetch_add(&s->done, 1);
	return 1;
}

static int run(struct steps *s, struct err *err)
{
	struct fixture f = {.node = {.host = &HOST, .host_context = &f},
		.connection = {.refs = 1, .node = &f.node}};
	s->left = STEPS;
	assert_int_equal(pthread_barrier_init(&s->together, NULL, LANES), 0);
	int r = mirror_lanes_run(&f.connection, LANES, step, s, err);
	assert_int_equal(atomic_load(&s->inside), 0);
	assert_int_equal(f.count, LANES - 1);
	for (size_t i = 0; i < f.count; i++)
		(void)pthread_join(f.threads[i], NULL);
	assert_int_equal(atomic_load(&f.connection.refs), 1);
	(void)pthread_barrier_destroy(&s->together);
	return r;
}

static void steps_are_under_way_at_once_and_all_are_done(void **state)
{
	struct steps steps = {0};
	struct err err;
	assert_int_equal(run(&steps, &err), 0);
	assert_int_equal(atomic_load(&steps.done), STEPS);
}

static void after_one_that_failed_few_begin_and_it_is_told(void **state)
{
	struct steps steps = {.fails_at = STEPS / 2};
	struct err err = {0};
	assert_int_equal(run(&steps, &err), -1);
	assert_memory_equal(err.text, "step ", 5);
	assert_true(atomic_load(&steps.done) >= STEPS / 2 - LANES);
	assert_true(atomic_load(&steps.left) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_are_under_way_at_once_and_all_are_done),
		cmocka_unit_test(after_one_that_failed_few_begin_and_it_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
