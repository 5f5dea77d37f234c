/* How joined connections end: by one side, by both, by time, by whoever cuts them. */
#include "net/test_front.h"

#include "base/test.h"

#include <sys/socket.h>
#include <unistd.h>

static bool is_closed(struct front *front)
{
	return atomic_load(&front->closed) == atomic_load(&front->joined);
}

static void reset(struct test_peer *peer)
{
	struct linger at_once = {.l_onoff = 1};
	assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	test_close(peer);
}

static void the_end_of_one_side_is_told_to_the_other(void **state)
{
	struct front *front = front_start(NULL);
	struct test_peer *client, *server;
	front_join_by_hand(front, false, &client, &server);
	test_send(client, "all of it\r\n");
	assert_int_equal(shutdown(client->fd, SHUT_WR), 0);
	assert_line(server, "all of it");
	assert_ended(server);
	test_send(server, "answer\r\n");
	assert_line(client, "answer");
	assert_false(is_closed(front));
	assert_int_equal(shutdown(server->fd, SHUT_WR), 0);
	assert_ended(client);
	front_until_closed(front);
	test_close(client);
	test_close(server);
	front_stop(front, 1000);
}

/* There it is close_notify, and the other direction goes on. Behind the client's the gate's TLS
 * hears it from ours. */
static void tls_half_closes_too(void **state)
{
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct front *front = front_start(NULL);
		front_listen(front, "127.0.0.1:0", true);
		struct test_peer *client =
			front_ask(test_connect_tls(front->tls, "one.example", version));
		struct test_peer *server = front_accept(front, "hello\r\n");
		assert_line(client, "joined");
		test_send(client, "all of it\r\n");
		assert_int_equal(SSL_shutdown(client->ssl), 0);
		assert_line(server, "all of it");
		assert_ended(server);
		test_send(server, "answer\r\n");
		assert_line(client, "answer");
		assert_false(is_closed(front));
		test_close(server);
		assert_ended(client);
		assert_true(SSL_get_shutdown(client->ssl) & SSL_RECEIVED_SHUTDOWN);
		front_until_closed(front);
		test_close(client);
		front_stop(front, 1000);
	}
}

static void the_end_comes_behind_what_waits(void **state)
{
	struct front *front = front_start(NULL);
	struct test_peer *client, *server;
	front_join_by_hand(front, true, &client, &server);
	size_t len = front_fill_up(client);
	assert_int_equal(shutdown(client->fd, SHUT_WR), 0);
	(void)usleep(20 * 1000);
	front_assert_pattern(server, len);
	assert_ended(server);
	len = front_fill_up(server);
	test_close(server);
	front_assert_pattern(client, len);
	assert_ended(client);
	test_close(client);
	front_stop(front, 1000);
}

/* The server is gone without a word: what it said before reaches the client. */
static void what_waits_goes_out_when_the_other_side_breaks(void **state)
{
	struct front *front = front_start(NULL);
	front_listen(front, "127.0.0.1:0", false);
	struct test_peer *client = front_ask(front_connect_unix(front));
	struct test_peer *server = front_accept(front, "hello\r\n");
	assert_line(client, "joined");
	for (int i = 0; i < 4; i++) { /* more than the client's socket takes */
		char text[65536];
		memset(text, 'x', sizeof(text));
		for (size_t at = 0; at < sizeof(text); at += 64)
			text[at + 63] = '\n';
		test_send_bytes(server, text, sizeof(text));
	}
	(void)usleep(100 * 1000);
	reset(server);
	(void)usleep(100 * 1000);
	assert_int_equal(test_drop(client, 4 * 65536), 4 * 65536);
	assert_ended(client);
	front_until_closed(front);
	test_close(client);
	front_stop(front, 1000);
}

static void a_client_that_breaks_takes_the_server_along(void **state)
{
	struct front *front = front_start(NULL);
	struct test_peer *client, *server;
	front_join_by_hand(front, false, &client, &server);
	test_send(client, "last words\r\n");
	assert_line(server, "last words");
	reset(client);
	assert_ended(server);
	front_until_closed(front);
	test_close(server);
	front_stop(front, 1000);
}

static void a_server_that_left_before_the_join_ends_it(void **state)
{
	struct front *front = front_start(NULL);
	front_listen(front, "127.0.0.1:0", false);
	struct test_peer *client = front_ask(test_connect(front->plain));
	struct test_peer *server = front_accept(front, "hello\r\nsorry\r\n");
	test_close(server);
	assert_line(client, "joined");
	assert_line(client, "sorry");
	assert_ended(client);
	test_close(client);
	front_until_closed(front);
	front_stop(front, 1000);
}

static void idle_ones_end(void **state)
{
	struct front *front = front_start(NULL);
	struct test_peer *client, *server;
	front->options.idle_timeout_ms = 200;
	front->options.farewell = "* BYE\r\n"; /* is for other ends */
	front_join_by_hand(front, false, &client, &server);
	for (int i = 0; i < 8; i++) {
		test_send(i % 2 ? client : server, "busy\r\n");
		assert_line(i % 2 ? server : client, "busy");
		(void)usleep(50 * 1000);
	}
	assert_ended(client);
	assert_ended(server);
	front_until_closed(front);
	test_close(client);
	test_close(server);
	front_stop(front, 1000);
}

/* The server has ended, and the client does not care. */
static void half_ended_ones_end_in_the_end(void **state)
{
	struct test_server_options options = {.loop.write_timeout_ms = 200};
	struct front *front = front_start(&options);
	struct test_peer *client, *server;
	front_join_by_hand(front, false, &client, &server);
	test_close(server);
	assert_ended(client);
	front_until_closed(front);
	test_close(client);
	front_stop(front, 1000);
}

static void who_is_cut_is_told_where_that_is_safe(void **state)
{
	struct front *front = front_start(NULL);
	struct test_peer *client, *server;
	front->options.farewell = "* BYE moved\r\n";
	front_listen(front, "127.0.0.1:0", false);
	for (int i = 0; i < 4; i++) {
		client = front_ask(
			i % 2 ? test_connect_tls(front->tls, "one.example", TLS1_3_VERSION)
			      : test_connect(front->plain));
		server = front_accept(front, "hello\r\n");
		assert_line(client, "joined");
		test_send(client, "a FETCH 1 BODY[]\r\n");
		assert_line(server, "a FETCH 1 BODY[]");
		test_send(server, i < 2 ? "whole\r\n" : "whole\r\nhalf of");
		assert_line(client, "whole");
		while (i >= 2 && client->have < 7) {
			char more[8];
			ssize_t got = client->ssl ? SSL_read(client->ssl, more, 7)
						  : recv(client->fd, more, 7, 0);
			assert_true(got > 0);
			client->have += (size_t)got;
		}
		client->have = 0;
		net_session_cut(atomic_load(&front->last));
		if (i < 2)
			assert_line(client, "* BYE moved");
		assert_ended(client);
		assert_ended(server);
		front_until_closed(front);
		test_close(client);
		test_close(server);
	}
	front_stop(front, 1000);
}

static void who_is_cut_while_bytes_wait_is_told_nothing(void **state)
{
	struct front *front = front_start(NULL);
	struct test_peer *client, *server;
	front->options.farewell = "* BYE moved\r\n";
	front_join_by_hand(front, true, &client, &server);
	size_t len = front_fill_up(server);
	net_session_cut(atomic_load(&front->last));
	front_until_closed(front);
	size_t got = test_drop(client, len);
	assert_true(got < len);
	test_close(client);
	test_close(server);
	front_stop(front, 1000);
}

static void the_loop_that_stops_ends_them_at_once(void **state)
{
	struct front *front = front_start(NULL);
	struct test_peer *client, *server, *silent, *other;
	front->options.farewell = "* BYE stopping\r\n";
	front_join_by_hand(front, false, &client, &server);
	front->options.farewell = NULL;
	silent = front_ask(test_connect_tls(front->tls, "one.example", TLS1_3_VERSION));
	other = front_accept(front, "hello\r\n");
	assert_line(silent, "joined");
	front_stop(front, 60 * 1000); /* nobody takes as long, or the test is not done */
	assert_line(client, "* BYE stopping");
	assert_ended(client);
	assert_ended(server);
	assert_ended(silent);
	assert_ended(other);
	test_close(client);
	test_close(server);
	test_close(silent);
	test_close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_of_one_side_is_told_to_the_other),
		cmocka_unit_test(tls_half_closes_too),
		cmocka_unit_test(the_end_comes_behind_what_waits),
		cmocka_unit_test(what_waits_goes_out_when_the_other_side_breaks),
		cmocka_unit_test(a_client_that_breaks_takes_the_server_along),
		cmocka_unit_test(a_server_that_left_before_the_join_ends_it),
		cmocka_unit_test(idle_ones_end),
		cmocka_unit_test(half_ended_ones_end_in_the_end),
		cmocka_unit_test(who_is_cut_is_told_where_that_is_safe),
		cmocka_unit_test(who_is_cut_while_bytes_wait_is_told_nothing),
		cmocka_unit_test(the_loop_that_stops_ends_them_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
