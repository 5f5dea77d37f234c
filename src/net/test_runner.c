/* Sessions that wait: they hold no thread, go on where they were, and end with the server. */
#include "net/test_server.h"

#include "base/clock.h"
#include "base/test.h"

#include <unistd.h>

enum { SESSIONS = 60 };

static struct test_peer *peers[SESSIONS];

static void connect_all(struct test_server *server)
{
	for (size_t i = 0; i < SESSIONS; i++) {
		peers[i] = test_connect(server->plain);
		assert_line(peers[i], "hello");
	}
}

static void close_all(void)
{
	for (size_t i = 0; i < SESSIONS; i++)
		test_close(peers[i]);
}

/* Each waits for its own, with the command behind it sent already. */
static void send_waits(void)
{
	char line[64];
	for (size_t i = 0; i < SESSIONS; i++) {
		(void)snprintf(line, sizeof(line), "WAIT %zu\r\nECHO after %zu\r\n", i, i);
		test_send(peers[i], line);
	}
}

static void until_waiting(struct test_server *server, unsigned count)
{
	while (net_loop_figures(server->loop).waiting != count)
		(void)usleep(1000);
}

/* Backwards, so that it is not the order in which they began. */
static void end_waits(struct test_server *server)
{
	char line[64];
	for (size_t i = SESSIONS; i-- > 0;)
		wait_done(&server->waits[i]);
	for (size_t i = 0; i < SESSIONS; i++) {
		(void)snprintf(line, sizeof(line), "after %zu", i);
		assert_line(peers[i], "waited");
		assert_line(peers[i], line);
	}
}

static void who_waits_holds_no_thread(void **state)
{
	struct test_server_options options = {.loop = {.workers_min = 1, .workers_max = 1}};
	struct test_server *server = test_server_start(&options);
	struct test_peer *other = test_connect(server->plain);
	assert_line(other, "hello");
	connect_all(server);
	send_waits();
	until_waiting(server, SESSIONS);
	test_send(other, "ECHO free\r\n");
	assert_line(other, "free");
	end_waits(server);
	assert_int_equal(net_loop_figures(server->loop).waiting, 0);
	assert_int_equal(net_loop_figures(server->loop).workers, 1);
	test_close(other);
	close_all();
	test_server_stop(server, 1000);
}

static void who_waits_goes_on_on_any_thread(void **state)
{
	struct test_server_options options = {.loop = {.workers_min = 4, .workers_max = 4}};
	struct test_server *server = test_server_start(&options);
	connect_all(server);
	for (int round = 0; round < 50; round++) {
		memset(server->waits, 0, sizeof(server->waits));
		send_waits();
		if (round % 2)
			until_waiting(server, SESSIONS);
		end_waits(server);
	}
	close_all();
	test_server_stop(server, 1000);
}

static void when_all_runners_wait_the_first_that_may_goes_on(void **state)
{
	struct test_server_options options = {
		.loop = {.workers_min = 2, .workers_max = 3, .runners_max = 5}};
	struct test_server *server = test_server_start(&options);
	connect_all(server);
	send_waits();
	until_waiting(server, 5);
	end_waits(server);
	close_all();
	test_server_stop(server, 1000);
}

static void a_wait_ends_at_its_deadline(void **state)
{
	struct test_server *server = test_server_start(NULL);
	connect_all(server);
	int64_t began = clock_mono_ms();
	for (size_t i = 0; i < SESSIONS; i++)
		test_send(peers[i], i % 2 ? "TRY 0\r\n" : "TRY 100\r\n");
	for (size_t i = 1; i < SESSIONS; i += 2)
		assert_line(peers[i], "in vain");
	for (size_t i = 0; i < SESSIONS; i += 2)
		assert_line(peers[i], "in vain");
	assert_true(clock_mono_ms() >= began + 100);
	close_all();
	test_server_stop(server, 1000);
}

/* One thread for all of them, and each would hold it for ever. */
static void who_computes_gives_way(void **state)
{
	struct test_server_options options = {.loop = {.workers_min = 1, .workers_max = 1}};
	struct test_server *server = test_server_start(&options);
	struct test_peer *other = test_connect(server->plain);
	char line[64];
	assert_line(other, "hello");
	connect_all(server);
	for (size_t i = 0; i < SESSIONS; i++) {
		(void)snprintf(line, sizeof(line), "COMPUTE %zu\r\n", i);
		test_send(peers[i], line);
	}
	until_waiting(server, SESSIONS - 1);
	test_send(other, "ECHO served\r\n");
	assert_line(other, "served");
	for (size_t i = 0; i < SESSIONS; i++) {
		wait_done(&server->waits[i]);
		assert_line(peers[i], "computed");
	}
	test_close(other);
	close_all();
	test_server_stop(server, 1000);
}

static void *end_them_later(void *context)
{
	struct test_server *server = context;
	(void)usleep(200 * 1000);
	for (size_t i = 0; i < SESSIONS; i++)
		wait_done(&server->waits[i]);
	return NULL;
}

/* What a session waits for was promised to its client: it is not cut off in the middle. */
static void stopping_waits_for_who_waits(void **state)
{
	struct test_server *server = test_server_start(NULL);
	pthread_t thread;
	connect_all(server);
	send_waits();
	until_waiting(server, SESSIONS);
	assert_int_equal(pthread_create(&thread, NULL, end_them_later, server), 0);
	int64_t began = clock_mono_ms();
	test_server_stop(server, 5000);
	assert_true(clock_mono_ms() >= began + 150);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (size_t i = 0; i < SESSIONS; i++)
		assert_line(peers[i], "waited");
	close_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_waits_holds_no_thread),
		cmocka_unit_test(who_waits_goes_on_on_any_thread),
		cmocka_unit_test(when_all_runners_wait_the_first_that_may_goes_on),
		cmocka_unit_test(a_wait_ends_at_its_deadline),
		cmocka_unit_test(who_computes_gives_way),
		cmocka_unit_test(stopping_waits_for_who_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
