/* A protocol that ends last. */
#include "net/test_server.h"

#include "base/clock.h"
#include "base/test.h"

#include <unistd.h>

static enum net_next last_open(struct net_session *session)
{
	net_write_str(session, "hello\r\n");
	return NET_WAIT_INPUT;
}

static enum net_next last_run(struct net_session *session, unsigned events)
{
	net_consume(session, net_input(session).len);
	if (events & NET_SHUTDOWN) {
		net_write_str(session, "shutdown\r\n");
		return NET_CLOSE;
	}
	if (events & NET_EOF)
		return NET_CLOSE;
	net_write_str(session, "still here\r\n");
	return NET_WAIT_INPUT;
}

static void last_close(struct net_session *session)
{
}

static const struct net_protocol LAST_PROTOCOL = {.name = "last",
	.open = last_open,
	.run = last_run,
	.close = last_close,
	.input_max = 100,
	.last = true};

static struct test_peer *connect_last(struct test_server *server)
{
	struct net_listener_options options = {.protocol = &LAST_PROTOCOL, .service = server};
	struct net_address at = test_server_listen(server, "127.0.0.1:0", options);
	struct test_peer *peer = test_connect(net_address_port(&at));
	assert_line(peer, "hello");
	return peer;
}

static void pause_ms(unsigned ms)
{
	(void)usleep(ms * 1000);
}

static void who_ends_last_hears_of_it_when_no_other_is_left(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *last[2] = {connect_last(server), connect_last(server)};
	struct test_peer *other = test_connect(server->plain);
	assert_line(other, "hello");
	test_send(other, "BLOCK 300\r\n");
	pause_ms(50);
	net_loop_stop(server->loop, 5000);
	pause_ms(50);
	for (size_t i = 0; i < 2; i++) {
		test_send(last[i], "you?\r\n");
		assert_line(last[i], "still here");
	}
	assert_line(other, "unblocked");
	assert_line(other, "shutdown");
	assert_ended(other);
	test_close(other);
	for (size_t i = 0; i < 2; i++) {
		assert_line(last[i], "shutdown");
		assert_ended(last[i]);
		test_close(last[i]);
	}
	test_server_stop(server, 5000);
}

static void alone_it_hears_of_it_at_once(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *last = connect_last(server);
	int64_t began = clock_mono_ms();
	test_server_stop(server, 5000);
	assert_true(clock_mono_ms() - began < 1000);
	assert_line(last, "shutdown");
	assert_ended(last);
	test_close(last);
}

static void others_that_do_not_end_do_not_keep_it(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *last = connect_last(server), *other = test_connect(server->plain);
	assert_line(other, "hello");
	test_send(other, "ONE 20000000\r\n"); /* which nobody reads */
	pause_ms(100);
	int64_t began = clock_mono_ms();
	test_server_stop(server, 200);
	assert_true(clock_mono_ms() - began < 5000);
	test_close(last);
	test_close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_ends_last_hears_of_it_when_no_other_is_left),
		cmocka_unit_test(alone_it_hears_of_it_at_once),
		cmocka_unit_test(others_that_do_not_end_do_not_keep_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
