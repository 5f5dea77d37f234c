/* Waiting: said before, said later, not said in time; on threads that sleep. */
#include "base/wait.h"

#include "base/clock.h"
#include "base/test.h"

#include <pthread.h>
#include <unistd.h>

static void what_was_said_before_is_not_waited_for(void **state)
{
	struct wait wait = {0};
	wait_done(&wait);
	assert_true(wait_is_done(&wait));
	wait_for(&wait);
}

static void a_wait_ends_at_its_deadline(void **state)
{
	struct wait wait = {0};
	int64_t began = clock_mono_ms();
	assert_false(wait_until(&wait, began + 30));
	assert_true(clock_mono_ms() >= began + 30);
	assert_false(wait_is_done(&wait));
	wait_done(&wait); /* too late, and harmless */
	assert_true(wait_until(&wait, began));
}

enum { ROUNDS = 2000 };

static void *say_all(void *context)
{
	struct wait *waits = context;
	for (size_t i = 0; i < ROUNDS; i++)
		wait_done(&waits[i]);
	return NULL;
}

static void nothing_said_is_lost(void **state)
{
	static struct wait waits[ROUNDS];
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, say_all, waits), 0);
	for (size_t i = 0; i < ROUNDS; i++)
		if (i % 2)
			wait_for(&waits[i]);
		else
			while (!wait_until(&waits[i], clock_mono_ms() + 1))
				;
	assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_said_before_is_not_waited_for),
		cmocka_unit_test(a_wait_ends_at_its_deadline),
		cmocka_unit_test(nothing_said_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
