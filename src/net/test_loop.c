/* The parking lot: who runs when, limits, PROXY, waking, stopping. */
#include "net/test_server.h"

#include "base/clock.h"
#include "base/test.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void blocked_workers_do_not_hold_others_up(void **state)
{
	struct test_server_options options = {.loop = {.workers_min = 2, .workers_max = 16}};
	struct test_server *server = test_server_start(&options);
	struct test_peer *peers[10];
	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		peers[i] = test_connect(server->plain);
		assert_line(peers[i], "hello");
	}
	int64_t began = clock_mono_ms();
	for (size_t i = 0; i + 1 < ARRAY_LEN(peers); i++)
		test_send(peers[i], "BLOCK 1000\r\n");
	test_send(peers[9], "ECHO free\r\n");
	assert_line(peers[9], "free");
	assert_true(clock_mono_ms() - began < 900);
	for (size_t i = 0; i + 1 < ARRAY_LEN(peers); i++)
		assert_line(peers[i], "unblocked");
	assert_true(clock_mono_ms() - began < 1900);
	assert_true(net_loop_figures(server->loop).workers > 9);
	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		test_close(peers[i]);
	test_server_stop(server, 1000);
}

static void workers_stay_within_their_maximum(void **state)
{
	struct test_server_options options = {.loop = {.workers_min = 1, .workers_max = 3}};
	struct test_server *server = test_server_start(&options);
	struct test_peer *peers[6];
	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		peers[i] = test_connect(server->plain);
		assert_line(peers[i], "hello");
		test_send(peers[i], "BLOCK 50\r\n");
	}
	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		assert_line(peers[i], "unblocked");
	assert_true(net_loop_figures(server->loop).workers <= 3);
	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		test_close(peers[i]);
	test_server_stop(server, 1000);
}

static void nothing_happens_at_no_cost(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peers[50];
	struct rusage before, after;
	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		peers[i] = test_connect(server->plain);
		assert_line(peers[i], "hello");
	}
	(void)usleep(300 * 1000); /* the watch over the workers goes to sleep */
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	(void)usleep(300 * 1000);
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
#ifndef __SANITIZE_THREAD__                                 /* which has a busy thread of its own */
	assert_true(after.ru_nvcsw - before.ru_nvcsw <= 3); /* this thread's own sleep */
#endif
	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		test_close(peers[i]);
	test_server_stop(server, 1000);
}

static void too_many_from_one_address_are_refused(void **state)
{
	struct test_server_options options = {.loop.max_per_address = 2};
	struct test_server *server = test_server_start(&options);
	struct test_peer *first = test_connect(server->plain);
	struct test_peer *second = test_connect(server->plain);
	assert_line(first, "hello");
	assert_line(second, "hello");
	struct test_peer *third = test_connect(server->plain);
	assert_line(third, "busy");
	assert_ended(third);
	test_close(third);
	assert_int_equal(net_loop_figures(server->loop).refused_limit, 1);
	test_send(first, "QUIT\r\n");
	assert_line(first, "bye");
	assert_ended(first);
	test_close(first);
	while (net_loop_figures(server->loop).connections > 1)
		(void)usleep(1000);
	third = test_connect(server->plain);
	assert_line(third, "hello");
	test_close(third);
	test_close(second);
	test_server_stop(server, 1000);
}

static void too_many_in_all_are_refused(void **state)
{
	struct test_server_options options = {.loop.max_connections = 3};
	struct test_server *server = test_server_start(&options);
	struct test_peer *peers[3];
	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		peers[i] = test_connect(server->plain);
		assert_line(peers[i], "hello");
	}
	struct test_peer *one_more = test_connect(server->plain);
	assert_line(one_more, "busy");
	assert_ended(one_more);
	test_close(one_more);
	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		test_close(peers[i]);
	test_server_stop(server, 1000);
}

static void a_trusted_proxy_names_the_client(void **state)
{
	static const char V2[] =
		"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\xc6\x33\x64\x01"
		"\x10\x01\x00\x19";
	struct test_server_options options = {.trusted = "127.0.0.0/8"};
	struct test_server *server = test_server_start(&options);
	struct test_peer *peer = test_connect(server->proxied);
	test_send(peer, "PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\r\nPEER\r\n");
	assert_line(peer, "hello");
	assert_line(peer, "192.0.2.1:1234");
	test_close(peer);
	peer = test_connect(server->proxied);
	for (size_t i = 0; i < sizeof(V2) - 1; i++) {
		test_send_bytes(peer, V2 + i, 1);
		(void)usleep(200);
	}
	test_send(peer, "PEER\r\n");
	assert_line(peer, "hello");
	assert_line(peer, "198.51.100.7:4097");
	test_close(peer);
	test_server_stop(server, 1000);
}

static void a_proxy_header_comes_before_tls(void **state)
{
	struct test_server_options options = {.trusted = "127.0.0.1"};
	struct test_server *server = test_server_start(&options);
	struct test_peer *peer = test_connect(server->proxied_tls);
	test_send(peer, "PROXY TCP6 2001:db8::1 2001:db8::2 1234 993\r\n");
	test_start_tls(peer, NULL, TLS1_3_VERSION);
	test_send(peer, "PEER\r\n");
	assert_line(peer, "hello");
	assert_line(peer, "[2001:db8::1]:1234");
	test_close(peer);
	test_server_stop(server, 1000);
}

static void a_trusted_address_without_header_is_refused(void **state)
{
	struct test_server_options options = {.trusted = "127.0.0.1/32"};
	struct test_server *server = test_server_start(&options);
	struct test_peer *peer = test_connect(server->proxied);
	test_send(peer, "ECHO hello\r\n");
	assert_ended(peer);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void an_untrusted_header_is_only_text(void **state)
{
	struct test_server_options options = {.trusted = "192.0.2.0/24"};
	struct test_server *server = test_server_start(&options);
	struct test_peer *peer = test_connect(server->proxied);
	test_send(peer, "PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\r\nPEER\r\n");
	assert_line(peer, "hello");
	assert_line(peer, "what");
	assert_true(strncmp(test_line(peer), "127.0.0.1:", 10) == 0);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void limits_count_the_clients_behind_a_proxy(void **state)
{
	struct test_server_options options = {.trusted = "127.0.0.1", .loop.max_per_address = 1};
	struct test_server *server = test_server_start(&options);
	const char *same = "PROXY TCP6 2001:db8::1 2001:db8::ff 1 2\r\n";
	const char *same64 = "PROXY TCP6 2001:db8::2 2001:db8::ff 1 2\r\n";
	const char *other = "PROXY TCP6 2001:db8:0:1::1 2001:db8::ff 1 2\r\n";
	struct test_peer *first = test_connect(server->proxied);
	struct test_peer *second = test_connect(server->proxied);
	struct test_peer *third = test_connect(server->proxied);
	test_send(first, same);
	assert_line(first, "hello");
	test_send(second, same64);
	assert_line(second, "busy");
	test_send(third, other);
	assert_line(third, "hello");
	test_close(first);
	test_close(second);
	test_close(third);
	test_server_stop(server, 1000);
}

enum { KEPT = 8, WAKES = 3000 };

/* By either way. */
static void wake(struct test_server *server, unsigned i)
{
	struct net_session *session = atomic_load(&server->kept[i % KEPT]);
	if (i / KEPT % 2 == 0)
		net_session_wake(session);
	else
		net_session_wake_behind(session);
}

static void *wake_many(void *context)
{
	for (unsigned i = 0; i < WAKES; i++)
		wake(context, i);
	return NULL;
}

/* While other threads wake its session, a client sends commands and reads both kinds of lines. */
static void *talk(void *context)
{
	struct test_peer *peer = context;
	for (int i = 0; i < 300; i++) {
		test_send(peer, "ECHO x\r\n");
		const char *line;
		while (strcmp(line = test_line(peer), "x") != 0)
			assert_string_equal(line, "woken");
	}
	return NULL;
}

static void waking_under_load_is_never_lost(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peers[KEPT];
	pthread_t wakers[3], talkers[KEPT];
	for (size_t i = 0; i < KEPT; i++) {
		char keep[32];
		(void)snprintf(keep, sizeof(keep), "KEEP %zu\r\n", i);
		peers[i] = test_connect(server->plain);
		assert_line(peers[i], "hello");
		test_send(peers[i], keep);
		assert_line(peers[i], "kept");
	}
	for (size_t i = 0; i < ARRAY_LEN(wakers); i++)
		assert_int_equal(pthread_create(&wakers[i], NULL, wake_many, server), 0);
	for (size_t i = 0; i < KEPT; i++)
		assert_int_equal(pthread_create(&talkers[i], NULL, talk, peers[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(wakers); i++)
		assert_int_equal(pthread_join(wakers[i], NULL), 0);
	for (size_t i = 0; i < KEPT; i++)
		assert_int_equal(pthread_join(talkers[i], NULL), 0);
	/* All is quiet now: each single wake-up is seen. */
	for (size_t i = 0; i < KEPT; i++) {
		test_send(peers[i], "ECHO last\r\n");
		while (strcmp(test_line(peers[i]), "last") != 0)
			;
	}
	for (unsigned round = 0; round < 200; round++) {
		wake(server, round);
		assert_line(peers[round % KEPT], "woken");
	}
	for (size_t i = 0; i < KEPT; i++)
		test_close(peers[i]);
	while (net_loop_figures(server->loop).connections > 0)
		(void)usleep(1000);
	(void)wake_many(server); /* legal after the connection has gone */
	struct net_session *outlives = atomic_load(&server->kept[0]);
	for (size_t i = 1; i < KEPT; i++)
		net_session_unref(atomic_load(&server->kept[i]));
	test_server_stop(server, 1000);
	net_session_wake(outlives); /* and after the loop has */
	net_session_unref(outlives);
}

static void stopping_tells_parked_sessions(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *parked = test_connect(server->plain);
	struct test_peer *secure = test_connect_tls(server->tls_at_once, NULL, TLS1_3_VERSION);
	struct test_peer *shaking = test_connect(server->tls_at_once);
	struct test_peer *busy = test_connect(server->plain);
	assert_line(parked, "hello");
	assert_line(secure, "hello");
	assert_line(busy, "hello");
	test_send(busy, "BLOCK 300\r\n");
	(void)usleep(50 * 1000);
	test_server_stop(server, 5000);
	assert_line(parked, "shutdown");
	assert_ended(parked);
	assert_line(secure, "shutdown");
	assert_ended(secure);
	assert_ended(shaking);
	assert_line(busy, "unblocked"); /* a running command ends first */
	assert_line(busy, "shutdown");
	test_close(parked);
	test_close(secure);
	test_close(shaking);
	test_close(busy);
}

static void stopping_cuts_what_does_not_end(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect(server->plain);
	assert_line(peer, "hello");
	test_send(peer, "ONE 20000000\r\n");
	(void)usleep(100 * 1000);
	int64_t began = clock_mono_ms();
	test_server_stop(server, 100);
	assert_true(clock_mono_ms() - began < 5000);
	test_close(peer);
}

static void count_job(void *context)
{
	(void)atomic_fetch_add((atomic_uint *)context, 1);
}

static void jobs_run_at_their_interval(void **state)
{
	struct test_server *server = test_server_start(NULL);
	net_loop_every(server->loop, 20, count_job, &server->jobs);
	(void)usleep(210 * 1000);
	unsigned jobs = atomic_load(&server->jobs);
	assert_in_range(jobs, 2, 10);
	test_server_stop(server, 1000);
}

static void silent_connections_cost_others_nothing(void **state)
{
	enum { SILENT = 300 };
	struct test_server *server = test_server_start(NULL);
	static struct test_peer *silent[SILENT];
	for (size_t i = 0; i < SILENT; i++)
		silent[i] = test_connect(i % 2 ? server->plain : server->tls_at_once);
	struct test_peer *peer = test_connect(server->plain);
	assert_line(peer, "hello");
	unsigned runs = atomic_load(&server->runs);
	for (int i = 0; i < 100; i++) {
		test_send(peer, "ECHO x\r\n");
		assert_line(peer, "x");
	}
	assert_int_equal(atomic_load(&server->runs), runs + 100);
	for (size_t i = 0; i < SILENT; i++)
		test_close(silent[i]);
	test_close(peer);
	test_server_stop(server, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocked_workers_do_not_hold_others_up),
		cmocka_unit_test(workers_stay_within_their_maximum),
		cmocka_unit_test(nothing_happens_at_no_cost),
		cmocka_unit_test(too_many_from_one_address_are_refused),
		cmocka_unit_test(too_many_in_all_are_refused),
		cmocka_unit_test(a_trusted_proxy_names_the_client),
		cmocka_unit_test(a_proxy_header_comes_before_tls),
		cmocka_unit_test(a_trusted_address_without_header_is_refused),
		cmocka_unit_test(an_untrusted_header_is_only_text),
		cmocka_unit_test(limits_count_the_clients_behind_a_proxy),
		cmocka_unit_test(waking_under_load_is_never_lost),
		cmocka_unit_test(stopping_tells_parked_sessions),
		cmocka_unit_test(stopping_cuts_what_does_not_end),
		cmocka_unit_test(jobs_run_at_their_interval),
		cmocka_unit_test(silent_connections_cost_others_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
