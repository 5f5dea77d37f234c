/* Joined connections: all kinds of sockets, what came before, slow readers, much at once. */
#include "net/loop_internal.h"
#include "net/test_front.h"

#include "base/test.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum near { NEAR_PLAIN, NEAR_TLS_13, NEAR_TLS_12, NEAR_UNIX, NEARS };
enum far { FAR_PLAIN, FAR_TLS, FAR_UNIX, FARS };

static struct test_peer *connect_near(struct front *front, enum near near)
{
	switch (near) {
	case NEAR_TLS_13:
		return test_connect_tls(front->tls, "one.example", TLS1_3_VERSION);
	case NEAR_TLS_12:
		return test_connect_tls(front->tls, "one.example", TLS1_2_VERSION);
	case NEAR_UNIX:
		return front_connect_unix(front);
	default:
		return test_connect(front->plain);
	}
}

static void set_far(struct front *front, enum far far)
{
	struct test_server *server = front->server;
	if (far == FAR_UNIX)
		front_set_back_address(front, front->far_unix);
	else
		front_set_back(front, far == FAR_TLS ? server->tls_at_once : server->plain,
			far == FAR_TLS);
}

static void talk(struct test_peer *peer)
{
	test_send(peer, "ECHO a\r\nECHO b\r\n");
	assert_line(peer, "a");
	assert_line(peer, "b");
	test_send(peer, "BIG 3000\r\nECHO c\r\n");
	assert_int_equal(test_drop(peer, 3000 * 1000), 3000 * 1000);
	assert_line(peer, "c");
	test_send(peer, "QUIT\r\n");
	assert_line(peer, "bye");
	assert_ended(peer);
	if (peer->ssl)
		assert_true(SSL_get_shutdown(peer->ssl) & SSL_RECEIVED_SHUTDOWN);
}

static void every_kind_of_socket_can_be_joined(void **state)
{
	struct front *front = front_start(NULL);
	(void)test_server_listen(front->server, front->far_unix, (struct net_listener_options){0});
	for (unsigned near = 0; near < NEARS; near++)
		for (unsigned far = 0; far < FARS; far++) {
			set_far(front, far);
			struct test_peer *peer = front_join(connect_near(front, near));
			talk(peer);
			test_close(peer);
			front_until_closed(front);
		}
	assert_int_equal(atomic_load(&front->joined), NEARS * FARS);
	front_stop(front, 1000);
}

static void what_came_before_goes_first(void **state)
{
	struct front *front = front_start(NULL);
	front_listen(front, "127.0.0.1:0", false);
	struct test_peer *client = test_connect(front->plain);
	assert_line(client, "front");
	test_send(client, "JOIN\r\nearly one\r\nearly t");
	struct test_peer *server = front_accept(front, "hello\r\nfirst\r\nsec");
	assert_line(client, "joined");
	assert_line(client, "first");
	assert_line(server, "early one");
	test_send(client, "wo\r\n");
	test_send(server, "ond\r\n");
	assert_line(client, "second");
	assert_line(server, "early two");
	test_close(client);
	test_close(server);
	front_until_closed(front);
	assert_int_equal(atomic_load(&front->figures.to_server), 22);
	assert_int_equal(atomic_load(&front->figures.to_client), 15);
	front_stop(front, 1000);
}

/* A small command costs one event of each side. */
static void no_event_is_taken_in_vain(void **state)
{
	enum { ROUNDS = 200 };
	struct front *front = front_start(NULL);
	struct test_peer *client, *server;
	front_join_by_hand(front, false, &client, &server);
	uint64_t taken = atomic_load(&front->server->loop->taken);
	for (int i = 0; i < ROUNDS; i++) {
		test_send(client, "question\r\n");
		assert_line(server, "question");
		test_send(server, "answer\r\n");
		assert_line(client, "answer");
	}
	assert_true(atomic_load(&front->server->loop->taken) - taken <= 2 * ROUNDS + 10);
	test_close(client);
	test_close(server);
	front_stop(front, 1000);
}

static void slow_readers_stop_the_other_side(void **state)
{
	enum { UNIX_QUEUE = 300 * 1024, KEPT = 64 * 1024 };
	struct front *front = front_start(NULL);
	struct test_peer *client, *server;
	front_join_by_hand(front, true, &client, &server);
	for (unsigned both = 0; both < 2; both++) {
		size_t to_server = front_fill_up(client);
		size_t to_client = both ? front_fill_up(server) : 0;
		assert_true(to_server > KEPT && to_server < 2 * UNIX_QUEUE + KEPT);
		assert_true(to_client < 2 * UNIX_QUEUE + KEPT);
		/* Nobody turns round in vain meanwhile. */
		uint64_t taken = atomic_load(&front->server->loop->taken);
		(void)usleep(50 * 1000);
		assert_int_equal(atomic_load(&front->server->loop->taken), taken);
		if (!both) { /* the other way is free */
			test_send(server, "still here\r\n");
			assert_line(client, "still here");
		}
		front_assert_pattern(client, to_client);
		front_assert_pattern(server, to_server);
	}
	test_send(client, "and on\r\n");
	assert_line(server, "and on");
	test_close(client);
	assert_ended(server);
	test_close(server);
	front_stop(front, 1000);
}

/* By TLS, whose layers keep bytes of their own. */
static void slow_readers_by_tls_get_it_all(void **state)
{
	struct front *front = front_start(NULL);
	front_set_back(front, front->server->tls_at_once, true);
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct test_peer *peer =
			front_join(test_connect_tls(front->tls, "one.example", version));
		test_send(peer, "BIG 20000\r\nECHO end\r\n");
		(void)usleep(200 * 1000);
		assert_int_equal(test_drop(peer, 20000 * 1000), 20000 * 1000);
		assert_line(peer, "end");
		test_close(peer);
	}
	front_stop(front, 1000);
}

enum { LARGE = 24 * 1024 * 1024 };

static void *send_large(void *context)
{
	struct test_peer *peer = context;
	uint8_t bytes[50000];
	for (size_t at = 0; at < LARGE;) {
		size_t len = MIN(sizeof(bytes), (size_t)LARGE - at);
		for (size_t i = 0; i < len; i++)
			bytes[i] = front_pattern(at + i);
		test_send_bytes(peer, bytes, len);
		at += len;
	}
	assert_int_equal(shutdown(peer->fd, SHUT_WR), 0);
	return NULL;
}

static void *receive_large(void *context)
{
	front_assert_pattern(context, LARGE);
	return NULL;
}

static void large_transfers_arrive_both_ways_at_once(void **state)
{
	for (int tls = 0; tls < 2; tls++) {
		/* With TLS there are two joins, and TLS between them. */
		struct front *front = front_start(NULL);
		front_listen(front, "127.0.0.1:0", tls);
		struct test_peer *client = front_ask(test_connect(front->plain));
		struct test_peer *server = front_accept(front, "hello\r\n");
		assert_line(client, "joined");
		struct test_peer *peers[] = {client, server};
		pthread_t threads[4];
		for (int i = 0; i < 4; i++)
			assert_int_equal(pthread_create(&threads[i], NULL,
						 i < 2 ? send_large : receive_large, peers[i % 2]),
				0);
		for (int i = 0; i < 4; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		for (int i = 0; i < 2; i++) {
			assert_ended(peers[i]);
			test_close(peers[i]);
		}
		front_until_closed(front);
		assert_int_equal(atomic_load(&front->figures.to_server), LARGE * (1 + tls));
		assert_int_equal(atomic_load(&front->figures.to_client), LARGE * (1 + tls));
		front_stop(front, 1000);
	}
}

static void a_thousand_are_joined_at_once(void **state)
{
	enum { COUNT = 1000 };
	static struct test_peer *peers[COUNT];
	struct rlimit files = {.rlim_cur = 65536, .rlim_max = 65536};
	(void)setrlimit(RLIMIT_NOFILE, &files);
	struct test_server_options options = {.loop.max_per_address = 100000};
	struct front *front = front_start(&options);
	char line[32];
	for (int i = 0; i < COUNT; i++)
		peers[i] = front_join(connect_near(front, i % 2 ? NEAR_TLS_13 : NEAR_PLAIN));
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < COUNT; i++) {
			(void)snprintf(line, sizeof(line), "ECHO %d\r\n", i);
			test_send(peers[i], line);
		}
		for (int i = 0; i < COUNT; i++) {
			(void)snprintf(line, sizeof(line), "%d", i);
			assert_line(peers[i], line);
		}
	}
	assert_int_equal(net_loop_figures(front->server->loop).connections, 2 * COUNT);
	for (int i = 0; i < COUNT; i++)
		test_close(peers[i]);
	front_until_closed(front);
	front_stop(front, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_socket_can_be_joined),
		cmocka_unit_test(what_came_before_goes_first),
		cmocka_unit_test(no_event_is_taken_in_vain),
		cmocka_unit_test(slow_readers_stop_the_other_side),
		cmocka_unit_test(slow_readers_by_tls_get_it_all),
		cmocka_unit_test(large_transfers_arrive_both_ways_at_once),
		cmocka_unit_test(a_thousand_are_joined_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
