/* Clients of front ends: what is said of them, and what it changes. */
#include "net/origin.h"

#include "base/test.h"
#include "net/test_server.h"

static void assert_host(const struct net_address *address, const char *expected)
{
	char text[NET_ADDRESS_TEXT];
	net_address_text(address, text);
	assert_string_equal(text, expected);
}

static void what_is_said_is_read(void **state)
{
	struct net_origin origin;
	struct net_origin_words words = {.client = SLICE("192.0.2.7"),
		.client_port = SLICE("40000"),
		.local = SLICE("IPV6:2001:DB8::1"),
		.local_port = SLICE("993"),
		.session = SLICE("a/b+c="),
		.ttl = SLICE("5")};
	assert_true(net_origin_read(&words, &origin));
	assert_host(&origin.client, "192.0.2.7:40000");
	assert_host(&origin.local, "[2001:db8::1]:993");
	assert_string_equal(origin.session, "a/b+c=");
	assert_false(origin.ends);
	words = (struct net_origin_words){.client = SLICE("::ffff:192.0.2.7"), .ttl = SLICE("0")};
	assert_true(net_origin_read(&words, &origin));
	assert_host(&origin.client, "192.0.2.7:0");
	assert_int_equal(origin.local.len, 0);
	assert_true(origin.ends);
}

static void nonsense_is_refused(void **state)
{
	struct net_origin origin;
	const struct net_origin_words bad[] = {
		{.client = SLICE("mail.example.org")},
		{.client = SLICE("192.0.2.7/24")},
		{.client = SLICE("[::1]")},
		{.client = SLICE("*")},
		{.client = SLICE("192.0.2.7"), .client_port = SLICE("65536")},
		{.local = SLICE("1.2.3")},
		{.local_port = SLICE("x")},
		{.session = SLICE("a b")},
		{.session = SLICE("a\nb")},
		{.ttl = SLICE("-1")},
		{.ttl = SLICE("256")},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (net_origin_read(&bad[i], &origin))
			fail_msg("%zu is taken", i);
}

static uint16_t listen_for(struct test_server *server, const struct net_trusted *front_ends)
{
	struct net_address bound = test_server_listen(server, "127.0.0.1:0",
		(struct net_listener_options){.front_ends = front_ends, .plain_loopback_ok = true});
	return net_address_port(&bound);
}

static void say(struct test_peer *peer, const char *line, const char *expected)
{
	test_send(peer, line);
	assert_line(peer, expected);
}

static void connections_of_a_front_end_count_as_its_clients(void **state)
{
	struct test_server *server =
		test_server_start(&(struct test_server_options){.loop = {.max_per_address = 1}});
	struct net_trusted front_ends = {0};
	struct test_peer *peers[3];
	assert_int_equal(net_trusted_add(&front_ends, SLICE("127.0.0.0/8"), NULL), 0);
	uint16_t port = listen_for(server, &front_ends);
	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		peers[i] = test_connect(port);
		assert_line(peers[i], "hello");
	}
	say(peers[0], "BECOME 192.0.2.7 5\r\n", "taken");
	say(peers[0], "PEER\r\n", "192.0.2.7:0");
	say(peers[0], "BECOME 192.0.2.7 5\r\n", "taken");
	say(peers[1], "BECOME 192.0.2.7 5\r\n", "many");
	say(peers[1], "BECOME 192.0.2.8 0\r\n", "loop");
	say(peers[1], "BECOME 192.0.2.8 1\r\n", "taken");
	/* Whose it was before has room again. */
	say(peers[0], "BECOME 192.0.2.9 5\r\n", "taken");
	say(peers[2], "BECOME 192.0.2.7 5\r\n", "taken");
	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		test_close(peers[i]);
	test_server_stop(server, 1000);
	net_trusted_free(&front_ends);
}

/* The way is what is safe, not who the client is said to be. */
static void a_front_end_is_as_secure_as_its_own_connection(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct net_trusted front_ends = {0};
	assert_int_equal(net_trusted_add(&front_ends, SLICE("127.0.0.1"), NULL), 0);
	struct test_peer *peer = test_connect(listen_for(server, &front_ends));
	assert_line(peer, "hello");
	say(peer, "SECURE\r\n", "yes");
	say(peer, "BECOME 192.0.2.7 5 192.0.2.1\r\n", "taken");
	say(peer, "SECURE\r\n", "yes");
	test_close(peer);
	peer = test_connect(listen_for(server, NULL));
	assert_line(peer, "hello");
	say(peer, "BECOME 192.0.2.7 5\r\n", "no");
	test_close(peer);
	test_server_stop(server, 1000);
	net_trusted_free(&front_ends);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_is_read),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(connections_of_a_front_end_count_as_its_clients),
		cmocka_unit_test(a_front_end_is_as_secure_as_its_own_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
