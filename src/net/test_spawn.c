/* What is spawned: it may wait, and the loop ends after it. */
#include "net/test_server.h"

#include "base/test.h"

#include <unistd.h>

enum { THREADS = 4, EACH = 50, ALL = THREADS * EACH };

struct work {
	struct net_loop *loop;
	struct wait gates[ALL];
	atomic_uint given, begun, ended;
};

/* Takes the next gate and waits for it. */
static void pass_gate(void *context)
{
	struct work *work = context;
	unsigned own = atomic_fetch_add(&work->begun, 1);
	assert_true(own < ALL);
	wait_for(&work->gates[own]);
	(void)atomic_fetch_add(&work->ended, 1);
}

static void count(void *context)
{
	(void)atomic_fetch_add((atomic_uint *)context, 1);
}

static void *spawn_many(void *context)
{
	struct work *work = context;
	for (unsigned i = 0; i < EACH; i++)
		net_loop_spawn(work->loop, pass_gate, work);
	return NULL;
}

static void await(atomic_uint *counter, unsigned least)
{
	for (int i = 0; i < 10000 && atomic_load(counter) < least; i++)
		(void)usleep(1000);
	assert_true(atomic_load(counter) >= least);
}

static void many_wait_at_once_and_hold_no_worker(void **state)
{
	struct test_server_options options = {.loop = {.workers_min = 2, .workers_max = 2}};
	struct test_server *server = test_server_start(&options);
	struct work work = {.loop = server->loop};
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, spawn_many, &work), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	await(&work.begun, ALL);
	struct test_peer *peer = test_connect(server->plain);
	assert_line(peer, "hello");
	assert_int_equal(atomic_load(&work.ended), 0);
	for (unsigned i = 0; i < ALL; i++)
		wait_done(&work.gates[i]);
	await(&work.ended, ALL);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void *open_gate_late(void *context)
{
	(void)usleep(200 * 1000);
	wait_done(context);
	return NULL;
}

static void the_loop_ends_after_what_was_spawned(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct work work = {.loop = server->loop};
	pthread_t thread;
	net_loop_spawn(server->loop, pass_gate, &work);
	assert_int_equal(pthread_create(&thread, NULL, open_gate_late, &work.gates[0]), 0);
	net_loop_stop(server->loop, 0);
	assert_int_equal(pthread_join(thread, NULL), 0); /* it touches the loop */
	test_server_stop(server, 0);
	assert_int_equal(atomic_load(&work.ended), 1);
}

static enum net_next open_and_wait(struct net_session *session)
{
	net_write_str(session, "hello\r\n");
	return NET_WAIT_INPUT;
}

/* The last thing that it does. */
static enum net_next spawn_at_shutdown(struct net_session *session, unsigned events)
{
	if (events & NET_SHUTDOWN)
		net_loop_spawn(((struct work *)net_service(session))->loop, pass_gate,
			net_service(session));
	return NET_CLOSE;
}

static void ignore_close(struct net_session *session)
{
}

static void sessions_spawn_while_the_loop_stops(void **state)
{
	static const struct net_protocol PROTOCOL = {.name = "late",
		.open = open_and_wait,
		.run = spawn_at_shutdown,
		.close = ignore_close,
		.input_max = 10};
	struct test_server *server = test_server_start(NULL);
	struct work work = {.loop = server->loop};
	pthread_t thread;
	struct net_address at = test_server_listen(server, "127.0.0.1:0",
		(struct net_listener_options){.protocol = &PROTOCOL, .service = &work});
	struct test_peer *peer = test_connect(net_address_port(&at));
	assert_line(peer, "hello");
	assert_int_equal(pthread_create(&thread, NULL, open_gate_late, &work.gates[0]), 0);
	net_loop_stop(server->loop, 1000);
	assert_int_equal(pthread_join(thread, NULL), 0);
	test_server_stop(server, 1000);
	assert_int_equal(atomic_load(&work.ended), 1);
	test_close(peer);
}

static void spawn_next(void *context)
{
	struct work *work = context;
	(void)atomic_fetch_add(&work->given, 1);
	net_loop_spawn(work->loop, count, &work->ended);
}

/* Jobs go on while the loop stops, up to the last moment. */
static void what_a_job_spawns_is_run_always(void **state)
{
	for (int round = 0; round < 20; round++) {
		struct test_server *server = test_server_start(NULL);
		struct work work = {.loop = server->loop};
		for (int i = 0; i < 8; i++)
			net_loop_every(server->loop, 1, spawn_next, &work);
		(void)usleep(3000);
		test_server_stop(server, 1000);
		assert_int_equal(atomic_load(&work.given), atomic_load(&work.ended));
	}
}

static void a_loop_that_does_not_run_yet_keeps_it(void **state)
{
	struct net_loop *loop;
	atomic_uint ran = 0;
	assert_int_equal(net_loop_new(NULL, &loop, NULL), 0);
	net_loop_spawn(loop, count, &ran);
	assert_int_equal(atomic_load(&ran), 0);
	net_loop_stop(loop, 0);
	assert_int_equal(net_loop_run(loop, NULL), 0);
	assert_int_equal(atomic_load(&ran), 1);
	net_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_wait_at_once_and_hold_no_worker),
		cmocka_unit_test(the_loop_ends_after_what_was_spawned),
		cmocka_unit_test(sessions_spawn_while_the_loop_stops),
		cmocka_unit_test(what_a_job_spawns_is_run_always),
		cmocka_unit_test(a_loop_that_does_not_run_yet_keeps_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
