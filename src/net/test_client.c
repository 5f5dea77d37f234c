/* The blocking client and its pool, against the tests' server. */
#include "net/client.h"
#include "net/test_server.h"

#include "base/test.h"

#include <unistd.h>

static struct net_client_options options_for(uint16_t port, enum net_client_tls tls)
{
	char text[32];
	struct net_client_options options = {.tls = tls, .timeout_ms = 5000};
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	assert_int_equal(net_address_parse(slice_str(text), &options.address, NULL), 0);
	return options;
}

static void expect(struct net_client *client, const char *expected)
{
	struct slice line;
	assert_int_equal(net_client_read_line(client, 1000, &line, NULL), 0);
	assert_slice(line, expected);
}

static void lines_and_bytes_come_by_plain_and_tls(void **state)
{
	struct test_server *server = test_server_start(NULL);
	for (int tls = 0; tls < 3; tls++) {
		struct net_client_options options =
			options_for(tls == 1 ? server->tls_at_once : server->plain,
				tls == 1 ? NET_CLIENT_TLS : NET_CLIENT_PLAIN);
		struct net_client *client;
		struct buf body = BUF(1 << 20);
		assert_int_equal(net_client_connect(&options, &client, NULL), 0);
		expect(client, "hello");
		if (tls == 2) {
			net_client_write(client, SLICE("STARTTLS\r\n"));
			expect(client, "go");
			assert_int_equal(net_client_start_tls(client, NULL), 0);
		}
		net_client_write(client, SLICE("ONE 500000\r\nECHO end\r\n"));
		assert_int_equal(net_client_read_bytes(client, 500000, &body, NULL), 0);
		assert_int_equal(body.len, 500000);
		expect(client, "end");
		buf_free(&body);
		net_client_close(client);
	}
	test_server_stop(server, 1000);
}

static void an_unknown_certificate_is_refused(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct net_client_options options = options_for(server->tls_at_once, NET_CLIENT_TLS);
	struct net_client *client;
	struct err err = {0};
	options.tls_name = "one.example";
	assert_true(net_client_connect(&options, &client, &err) < 0);
	assert_int_equal(err.kind, ERR_DENIED);
	test_server_stop(server, 1000);
}

static void silence_long_lines_and_the_end_are_errors(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct net_client_options options = options_for(server->plain, NET_CLIENT_PLAIN);
	struct net_client *client;
	struct slice line;
	struct err err;
	assert_int_equal(net_client_connect(&options, &client, NULL), 0);
	expect(client, "hello");
	net_client_set_timeout(client, 50);
	assert_true(net_client_read_line(client, 100, &line, &err) < 0);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	net_client_close(client);
	assert_int_equal(net_client_connect(&options, &client, NULL), 0);
	expect(client, "hello");
	net_client_write(client, SLICE("ECHO 12345678901\r\n"));
	assert_true(net_client_read_line(client, 10, &line, &err) < 0);
	assert_int_equal(err.kind, ERR_LIMIT);
	net_client_close(client);
	assert_int_equal(net_client_connect(&options, &client, NULL), 0);
	net_client_write(client, SLICE("QUIT\r\n"));
	expect(client, "hello");
	expect(client, "bye");
	assert_true(net_client_read_line(client, 10, &line, &err) < 0);
	net_client_close(client);
	test_server_stop(server, 1000);
}

static void the_pool_reuses_what_is_open(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct net_client_options options = options_for(server->tls_at_once, NET_CLIENT_TLS);
	struct net_pool *pool = net_pool_new(&options, 1);
	struct net_client *client, *other;
	bool reused;
	assert_int_equal(net_pool_take(pool, &client, &reused, NULL), 0);
	assert_false(reused);
	expect(client, "hello");
	net_pool_give(pool, client);
	assert_int_equal(net_pool_take(pool, &client, &reused, NULL), 0);
	assert_true(reused);
	assert_int_equal(net_pool_take(pool, &other, &reused, NULL), 0);
	assert_false(reused);
	expect(other, "hello");
	net_pool_give(pool, other);
	net_pool_give(pool, client); /* one too many: closed */
	assert_int_equal(net_pool_take(pool, &client, &reused, NULL), 0);
	assert_true(reused);
	net_client_write(client, SLICE("QUIT\r\n"));
	expect(client, "bye");
	(void)usleep(50 * 1000);
	net_pool_give(pool, client); /* the server has closed it */
	assert_int_equal(net_pool_take(pool, &client, &reused, NULL), 0);
	assert_false(reused);
	net_client_close(client);
	net_pool_free(pool);
	test_server_stop(server, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_and_bytes_come_by_plain_and_tls),
		cmocka_unit_test(an_unknown_certificate_is_refused),
		cmocka_unit_test(silence_long_lines_and_the_end_are_errors),
		cmocka_unit_test(the_pool_reuses_what_is_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
