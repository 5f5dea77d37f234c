/* A connection beside a session's own: a protocol that reads and writes both. */
#include "net/client.h"
#include "net/far.h"
#include "net/join.h"
#include "net/layer.h"
#include "net/test_server.h"

#include "base/alloc.h"
#include "base/test.h"

#include <unistd.h>

/* Its lines: OPEN (connects to `back`), CLOSE, JOIN, TIME ms, QUIT; others go to the server, and
 * what it says comes back with "<" in front, line by line. */
struct relay {
	struct test_server *server;
	struct net_client_options back;
	struct net_tls_client *trust;
	uint16_t port;
	atomic_size_t most_kept; /* in one input */
	atomic_uint runs, closed;
};

static enum net_next relay_open(struct net_session *session)
{
	net_write_str(session, "relay\r\n");
	return NET_WAIT_INPUT;
}

static bool cut_line(struct slice input, struct slice *ret_line)
{
	ssize_t end = slice_find(input, '\n');
	*ret_line = slice(input.ptr, end >= 0 ? (size_t)end + 1 : 0);
	return end >= 0;
}

static void open_far(struct relay *relay, struct net_session *session)
{
	struct net_client *client;
	struct slice line;
	assert_int_equal(net_client_connect(&relay->back, &client, NULL), 0);
	assert_int_equal(net_client_read_line(client, 1000, &line, NULL), 0);
	net_client_write(client, SLICE("ECHO first\r\n"));
	net_far_open(session, client);
	net_write_str(session, "opened\r\n");
}

/* False: it closes. */
static bool take_line(struct relay *relay, struct net_session *session, struct slice line)
{
	struct slice word = slice_trim(line);
	static const struct net_join_options JOIN = {.farewell = "bye from join\r\n"};
	if (slice_eq(word, SLICE("OPEN"))) {
		open_far(relay, session);
	} else if (slice_eq(word, SLICE("CLOSE"))) {
		net_far_close(session);
		net_write_str(session, "closed\r\n");
	} else if (slice_eq(word, SLICE("JOIN"))) {
		net_write_str(session, "joining\r\n");
		net_far_join(session, &JOIN);
	} else if (slice_eq(word, SLICE("TIME"))) {
		net_set_timeout(session, 50);
		net_write_str(session, "timed\r\n");
	} else if (slice_eq(word, SLICE("QUIT"))) {
		net_write_str(session, "quit\r\n");
		return false;
	} else if (net_far_is_open(session)) {
		net_far_write(session, line);
	} else {
		net_write_str(session, "nobody\r\n");
	}
	return true;
}

static void note(struct relay *relay, size_t kept)
{
	size_t most = atomic_load(&relay->most_kept);
	while (kept > most && !atomic_compare_exchange_weak(&relay->most_kept, &most, kept))
		;
}

static enum net_next relay_run(struct net_session *session, unsigned events)
{
	struct relay *relay = net_service(session);
	struct slice line;
	(void)atomic_fetch_add(&relay->runs, 1);
	if (events & NET_SHUTDOWN)
		return NET_CLOSE;
	if (events & NET_TIMEOUT) {
		net_set_timeout(session, 0);
		net_write_str(session, "time-out\r\n");
	}
	note(relay, net_input(session).len);
	note(relay, net_far_input(session).len);
	while (!(net_far_is_open(session) && net_far_full(session)) &&
		cut_line(net_input(session), &line)) {
		AUTO(buf_free) struct buf copy = BUF(10000);
		buf_add_slice(&copy, line);
		net_consume(session, line.len);
		if (!take_line(relay, session, buf_slice(&copy)))
			return NET_CLOSE;
		if (slice_eq(buf_slice(&copy), SLICE("JOIN\r\n")))
			return NET_WAIT_INPUT;
	}
	while (!net_output_full(session) && cut_line(net_far_input(session), &line)) {
		net_write_str(session, "<");
		net_write(session, line);
		net_far_consume(session, line.len);
	}
	if (net_far_is_open(session) && net_far_ended(session) && net_far_input(session).len == 0) {
		net_far_close(session);
		net_write_str(session, "far ended\r\n");
	}
	return events & NET_EOF ? NET_CLOSE : NET_WAIT_BOTH;
}

static void relay_close(struct net_session *session)
{
	(void)atomic_fetch_add(&((struct relay *)net_service(session))->closed, 1);
}

static const struct net_protocol RELAY = {
	.name = "relay",
	.open = relay_open,
	.run = relay_run,
	.close = relay_close,
	.input_max = 16384,
};

static void set_back(struct relay *relay, bool tls)
{
	char text[32];
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u",
		tls ? relay->server->tls_at_once : relay->server->plain);
	relay->back = (struct net_client_options){
		.tls = tls ? NET_CLIENT_TLS : NET_CLIENT_PLAIN, .trust = relay->trust};
	assert_int_equal(net_address_parse(slice_str(text), &relay->back.address, NULL), 0);
}

static struct relay *start(void)
{
	struct relay *relay = ALLOC(struct relay);
	relay->server = test_server_start(NULL);
	assert_int_equal(net_tls_client_new(NULL, false, &relay->trust, NULL), 0);
	set_back(relay, false);
	struct net_address bound = test_server_listen(relay->server, "127.0.0.1:0",
		(struct net_listener_options){.protocol = &RELAY, .service = relay});
	relay->port = net_address_port(&bound);
	return relay;
}

static void stop(struct relay *relay)
{
	test_server_stop(relay->server, 1000);
	net_tls_client_free(relay->trust);
	free(relay);
}

static struct test_peer *open_peer(struct relay *relay)
{
	struct test_peer *peer = test_connect(relay->port);
	assert_line(peer, "relay");
	test_send(peer, "OPEN\r\n");
	assert_line(peer, "opened");
	assert_line(peer, "<first");
	return peer;
}

static void lines_go_both_ways(void **state)
{
	struct relay *relay = start();
	for (int tls = 0; tls < 2; tls++) {
		set_back(relay, tls);
		struct test_peer *peer = open_peer(relay);
		test_send(peer, "ECHO a\r\nECHO b\r\n");
		assert_line(peer, "<a");
		assert_line(peer, "<b");
		test_send(peer, "CLOSE\r\nhello\r\nOPEN\r\n");
		assert_line(peer, "closed");
		assert_line(peer, "nobody");
		assert_line(peer, "opened");
		assert_line(peer, "<first");
		test_send(peer, "QUIT\r\n");
		assert_line(peer, "quit");
		assert_ended(peer);
		test_close(peer);
	}
	stop(relay);
}

static void the_servers_end_is_told(void **state)
{
	struct relay *relay = start();
	struct test_peer *peer = open_peer(relay);
	/* QUIT would be the relay's own word. */
	test_send(peer, "ECHO x\r\n");
	assert_line(peer, "<x");
	test_send(peer, "ABORT\r\n");
	assert_line(peer, "far ended");
	test_send(peer, "OPEN\r\n");
	assert_line(peer, "opened");
	assert_line(peer, "<first");
	test_close(peer);
	stop(relay);
}

static void who_reads_slowly_stops_the_server(void **state)
{
	struct relay *relay = start();
	for (int tls = 0; tls < 2; tls++) {
		set_back(relay, tls);
		struct test_peer *peer = open_peer(relay);
		test_send(peer, "BIG 20000\r\n");
		/* Once all are full nobody turns round in vain. */
		unsigned runs = atomic_load(&relay->runs), before = 0;
		for (int i = 0; runs != before; i++) {
			assert_true(i < 200);
			(void)usleep(50 * 1000);
			before = runs;
			runs = atomic_load(&relay->runs);
		}
		assert_int_equal(test_drop(peer, 20000 * 1001), 20000 * 1001);
		test_send(peer, "ECHO c\r\n");
		assert_line(peer, "<c");
		test_close(peer);
	}
	assert_true(atomic_load(&relay->most_kept) <= NET_FAR_INPUT_MAX);
	stop(relay);
}

/* The server sleeps while more comes than both sockets hold. */
static void a_server_that_reads_slowly_stops_the_client(void **state)
{
	enum { LINES = 3000 };
	struct relay *relay = start();
	struct test_peer *peer = open_peer(relay);
	AUTO(buf_free) struct buf many = BUF(10 << 20);
	test_send(peer, "BLOCK 300\r\n");
	for (int i = 0; i < LINES; i++)
		buf_printf(&many, "ECHO %0*d\r\n", 1990, i);
	pid_t sender = fork();
	if (sender == 0) {
		test_send_bytes(peer, many.data, many.len);
		_exit(0);
	}
	assert_line(peer, "<unblocked");
	for (int i = 0; i < LINES; i++) {
		char expected[2000];
		(void)snprintf(expected, sizeof(expected), "<%0*d", 1990, i);
		assert_line(peer, expected);
	}
	assert_true(atomic_load(&relay->most_kept) <= NET_FAR_INPUT_MAX);
	test_close(peer);
	stop(relay);
}

static void time_outs_come_while_both_are_quiet(void **state)
{
	struct relay *relay = start();
	struct test_peer *peer = open_peer(relay);
	test_send(peer, "TIME\r\n");
	assert_line(peer, "timed");
	assert_line(peer, "time-out");
	test_close(peer);
	stop(relay);
}

static void it_can_be_joined_later(void **state)
{
	struct relay *relay = start();
	for (int tls = 0; tls < 2; tls++) {
		set_back(relay, tls);
		struct test_peer *peer = open_peer(relay);
		test_send(peer, "JOIN\r\nECHO d\r\n");
		assert_line(peer, "joining");
		assert_line(peer, "d");
		test_send(peer, "BIG 2000\r\nECHO e\r\n");
		assert_int_equal(test_drop(peer, 2000 * 1000), 2000 * 1000);
		assert_line(peer, "e");
		test_send(peer, "QUIT\r\n");
		assert_line(peer, "bye");
		assert_ended(peer);
		test_close(peer);
	}
	stop(relay);
}

static void many_are_served_at_once(void **state)
{
	enum { PEERS = 100 };
	struct relay *relay = start();
	struct test_peer *peers[PEERS];
	for (int i = 0; i < PEERS; i++)
		peers[i] = open_peer(relay);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < PEERS; i++)
			test_send(peers[i], "ECHO x\r\nBIG 10\r\n");
		for (int i = 0; i < PEERS; i++) {
			assert_line(peers[i], "<x");
			assert_int_equal(test_drop(peers[i], 10 * 1001), 10 * 1001);
		}
	}
	for (int i = 0; i < PEERS; i++)
		test_close(peers[i]);
	stop(relay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_go_both_ways),
		cmocka_unit_test(the_servers_end_is_told),
		cmocka_unit_test(who_reads_slowly_stops_the_server),
		cmocka_unit_test(a_server_that_reads_slowly_stops_the_client),
		cmocka_unit_test(time_outs_come_while_both_are_quiet),
		cmocka_unit_test(it_can_be_joined_later),
		cmocka_unit_test(many_are_served_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
