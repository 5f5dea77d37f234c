/* Sessions over real sockets: what the client sees. */
#include "net/test_server.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/test.h"
#include "net/layer.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void greets_and_answers(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect(server->plain);
	assert_line(peer, "hello");
	test_send(peer, "ECHO one\r\n");
	assert_line(peer, "one");
	test_send(peer, "QUIT\r\n");
	assert_line(peer, "bye");
	assert_ended(peer);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void answers_pipelined_commands_in_order(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect(server->plain);
	struct buf all = BUF(1 << 20);
	for (int i = 0; i < 2000; i++)
		buf_printf(&all, "ECHO %d\r\n", i);
	assert_line(peer, "hello");
	test_send_bytes(peer, all.data, all.len);
	for (int i = 0; i < 2000; i++) {
		char expected[16];
		(void)snprintf(expected, sizeof(expected), "%d", i);
		assert_line(peer, expected);
	}
	buf_free(&all);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void a_command_cut_anywhere_is_the_same(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect_tls(server->tls_at_once, NULL, TLS1_3_VERSION);
	const char *text = "ECHO slow\r\n";
	assert_line(peer, "hello");
	for (const char *c = text; *c; c++)
		test_send_bytes(peer, c, 1);
	assert_line(peer, "slow");
	test_close(peer);
	test_server_stop(server, 1000);
}

static void commands_left_in_the_input_run_without_new_bytes(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect(server->plain);
	test_send(peer, "TAKE\r\nECHO a\r\nECHO b\r\nBIG 1000\r\nECHO c\r\n");
	assert_line(peer, "hello");
	assert_line(peer, "ok");
	assert_line(peer, "a");
	assert_line(peer, "b");
	assert_int_equal(test_drop(peer, 1000 * 1000), 1000 * 1000);
	assert_line(peer, "c");
	test_close(peer);
	test_server_stop(server, 1000);
}

static void the_rest_before_eof_reaches_the_protocol(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect(server->plain);
	test_send(peer, "ECHO a\r\nhalf a line");
	assert_int_equal(shutdown(peer->fd, SHUT_WR), 0);
	assert_line(peer, "hello");
	assert_line(peer, "a");
	assert_line(peer, "rest half a line");
	assert_ended(peer);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void a_session_that_wants_more_after_eof_is_closed(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect(server->plain);
	test_send(peer, "TAKE\r\nECHO a\r\nECHO b\r\nhalf");
	assert_int_equal(shutdown(peer->fd, SHUT_WR), 0);
	assert_line(peer, "hello");
	assert_line(peer, "ok");
	assert_line(peer, "a");
	assert_line(peer, "b");
	assert_ended(peer);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void input_that_is_never_consumed_ends_the_session(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect(server->plain);
	char *junk = alloc(20000);
	memset(junk, 'j', 20000);
	assert_line(peer, "hello");
	test_send_bytes(peer, junk, 20000);
	assert_ended(peer);
	free(junk);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void the_last_answer_survives_unread_input(void **state)
{
	struct test_server *server = test_server_start(NULL);
	for (int i = 0; i < 20; i++) {
		struct test_peer *peer = test_connect(server->plain);
		char *junk = alloc_zero(1, 100000);
		memcpy(junk, "QUIT\r\n", 6);
		test_send_bytes(peer, junk, 100000);
		assert_line(peer, "hello");
		assert_line(peer, "bye");
		assert_ended(peer);
		free(junk);
		test_close(peer);
	}
	test_server_stop(server, 1000);
}

static void abort_closes_without_output(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect(server->plain);
	assert_line(peer, "hello");
	test_send(peer, "ABORT\r\n");
	assert_ended(peer);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void silence_is_told_after_the_timeout(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect(server->plain);
	assert_line(peer, "hello");
	test_send(peer, "TIMEOUT 150\r\n");
	assert_line(peer, "ok");
	int64_t began = clock_mono_ms();
	for (int i = 0; i < 4; i++) {
		(void)usleep(60 * 1000); /* each command begins the time anew */
		test_send(peer, "ECHO still here\r\n");
		assert_line(peer, "still here");
	}
	assert_line(peer, "timeout");
	assert_true(clock_mono_ms() - began >= 4 * 60 + 149);
	assert_ended(peer);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void a_handshake_that_does_not_come_is_cut(void **state)
{
	struct test_server_options options = {.loop.handshake_timeout_ms = 100};
	struct test_server *server = test_server_start(&options);
	struct test_peer *peer = test_connect(server->tls_at_once);
	assert_ended(peer);
	assert_int_equal(atomic_load(&server->opened), 0);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void a_long_answer_stays_within_bounds_while_it_is_read(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect_tls(server->tls_at_once, NULL, TLS1_3_VERSION);
	struct test_peer *other = test_connect(server->plain);
	assert_line(peer, "hello");
	assert_line(other, "hello");
	test_send(peer, "BIG 30000\r\nECHO end\r\n");
	(void)usleep(100 * 1000);
	/* The reader holds no worker meanwhile. */
	test_send(other, "ECHO quick\r\n");
	assert_line(other, "quick");
	assert_int_equal(test_drop(peer, 30000 * 1000), 30000 * 1000);
	assert_line(peer, "end");
	assert_true(atomic_load(&server->most_queued) <= 2 * NET_OUTPUT_HIGH);
	test_close(peer);
	test_close(other);
	test_server_stop(server, 1000);
}

static void one_large_write_arrives_whole(void **state)
{
	struct test_server *server = test_server_start(NULL);
	int versions[] = {0, TLS1_2_VERSION, TLS1_3_VERSION};
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct test_peer *peer =
			versions[i] == 0 ? test_connect(server->plain)
					 : test_connect_tls(server->tls_at_once, NULL, versions[i]);
		assert_line(peer, "hello");
		test_send(peer, "ONE 5000000\r\nECHO end\r\n");
		(void)usleep(20 * 1000);
		assert_int_equal(test_drop(peer, 5000000), 5000000);
		assert_line(peer, "end");
		test_close(peer);
	}
	test_server_stop(server, 1000);
}

static void a_client_that_reads_nothing_is_cut(void **state)
{
	struct test_server_options options = {.loop.write_timeout_ms = 200};
	struct test_server *server = test_server_start(&options);
	struct test_peer *peer = test_connect(server->plain);
	assert_line(peer, "hello");
	test_send(peer, "BIG 100000\r\n");
	for (int i = 0; i < 500 && atomic_load(&server->closed) == 0; i++)
		(void)usleep(10 * 1000);
	assert_int_equal(atomic_load(&server->closed), 1);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void commands_wait_while_their_answers_are_not_read(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect(server->plain);
	enum { COMMANDS = 40 };
	assert_line(peer, "hello");
	test_send(peer, "TAKE\r\n");
	assert_line(peer, "ok");
	for (int i = 0; i < COMMANDS; i++)
		test_send(peer, "ONE 1000000\r\n");
	(void)usleep(200 * 1000);
	assert_true(atomic_load(&server->runs) < COMMANDS / 2);
	assert_int_equal(test_drop(peer, COMMANDS * 1000000), COMMANDS * 1000000);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void plain_text_is_secure_only_where_allowed(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect(server->plain);
	assert_line(peer, "hello");
	test_send(peer, "SECURE\r\n");
	assert_line(peer, "no");
	test_close(peer);
	test_server_stop(server, 1000);
}

/* The other end does not read. */
static void the_kernel_keeps_little_that_it_can_not_send(void **state)
{
	enum { MAX_UNSENT = 128 << 10, WRITE = 16 << 10 };
	static const char bytes[WRITE];
	struct net_address address;
	socklen_t len = sizeof(address.storage);
	int listening, unsent;
	assert_int_equal(net_address_parse(SLICE("127.0.0.1:0"), &address, NULL), 0);
	assert_int_equal(net_address_listen(&address, 1, 0600, &listening, NULL), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&address.storage, &len), 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address.storage, len), 0);
	net_socket_limit_unsent(fd, MAX_UNSENT);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	assert_int_equal(ioctl(fd, SIOCOUTQNSD, &unsent), 0);
	assert_true(unsent > 0 && unsent < 2 * MAX_UNSENT);
	(void)close(fd);
	(void)close(listening);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greets_and_answers),
		cmocka_unit_test(answers_pipelined_commands_in_order),
		cmocka_unit_test(a_command_cut_anywhere_is_the_same),
		cmocka_unit_test(commands_left_in_the_input_run_without_new_bytes),
		cmocka_unit_test(the_rest_before_eof_reaches_the_protocol),
		cmocka_unit_test(a_session_that_wants_more_after_eof_is_closed),
		cmocka_unit_test(input_that_is_never_consumed_ends_the_session),
		cmocka_unit_test(the_last_answer_survives_unread_input),
		cmocka_unit_test(abort_closes_without_output),
		cmocka_unit_test(the_kernel_keeps_little_that_it_can_not_send),
		cmocka_unit_test(silence_is_told_after_the_timeout),
		cmocka_unit_test(a_handshake_that_does_not_come_is_cut),
		cmocka_unit_test(a_long_answer_stays_within_bounds_while_it_is_read),
		cmocka_unit_test(one_large_write_arrives_whole),
		cmocka_unit_test(a_client_that_reads_nothing_is_cut),
		cmocka_unit_test(commands_wait_while_their_answers_are_not_read),
		cmocka_unit_test(plain_text_is_secure_only_where_allowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
