/* What goes on to the next hop, and what does not. */
#include "base/test.h"
#include "http/write.h"

static struct http_request read_request(const char *text)
{
	struct http_request r;
	struct http_refusal refusal;
	if (!http_request_read(slice_str(text), &r, &refusal))
		fail_msg("refused: %s", refusal.text);
	return r;
}

static struct net_address address(const char *text)
{
	struct net_address a;
	assert_int_equal(net_address_parse(slice_str(text), &a, NULL), 0);
	return a;
}

static void a_request_loses_what_was_for_this_hop(void **state)
{
	AUTO(buf_free) struct buf to = BUF(10000);
	struct http_request r = read_request("PUT /x HTTP/1.1\r\nHost: a\r\nX-Kept: 1\r\n"
					     "Connection: close, X-Hop, Content-Type, Host\r\n"
					     "X-Hop: 2\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
					     "Trailer: X\r\nProxy-Authorization: s\r\nProxy: p\r\n"
					     "Upgrade: h2c\r\nContent-Type: text/plain\r\n"
					     "X-Forwarded-For: 192.0.2.9\r\nForwarded: for=x\r\n"
					     "X-Real-IP: 192.0.2.9\r\nX-Forwarded-Proto: https\r\n"
					     "X-Rookery-TTL: 200\r\nX-Rookery-User: bob\r\n"
					     "Authorization: Basic x\r\nExpect: 100-continue\r\n"
					     "Content-Length: 3\r\n\r\n");
	struct http_client client = {.address = address("192.0.2.1:7"), .secure = true, .ttl = 4};
	http_request_write(&r, &(struct http_request_changes){.client = &client}, &to);
	assert_slice(buf_slice(&to),
		"PUT /x HTTP/1.1\r\nHost: a\r\nX-Kept: 1\r\nContent-Type: text/plain\r\n"
		"Authorization: Basic x\r\nExpect: 100-continue\r\n"
		"X-Forwarded-For: 192.0.2.1\r\n"
		"Forwarded: for=192.0.2.1;proto=https;host=\"a\"\r\n"
		"X-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\nX-Rookery-TTL: 4\r\n"
		"Content-Length: 3\r\n\r\n");
}

static void a_request_gets_what_the_proxy_adds(void **state)
{
	AUTO(buf_free) struct buf to = BUF(10000);
	struct http_request r = read_request("GET / HTTP/1.0\r\n\r\n");
	struct http_client client = {.address = address("[2001:db8::1]:7"), .ttl = 1};
	http_request_write(&r,
		&(struct http_request_changes){.client = &client,
			.host = SLICE("store1:80"),
			.authorization = SLICE("Bearer y")},
		&to);
	assert_slice(buf_slice(&to),
		"GET / HTTP/1.1\r\nHost: store1:80\r\nAuthorization: Bearer y\r\n"
		"X-Forwarded-For: 2001:db8::1\r\n"
		"Forwarded: for=\"[2001:db8::1]\";proto=http;host=\"store1:80\"\r\n"
		"X-Forwarded-Proto: http\r\nX-Forwarded-Host: store1:80\r\nX-Rookery-TTL: 1\r\n"
		"\r\n");
	buf_clear(&to);
	r = read_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
			 "Upgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n");
	client.address.len = 0;
	http_request_write(
		&r, &(struct http_request_changes){.client = &client, .upgrade = true}, &to);
	assert_slice(buf_slice(&to),
		"GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: k\r\n"
		"Upgrade: websocket\r\nConnection: Upgrade\r\n"
		"Forwarded: for=unknown;proto=http;host=\"a\"\r\n"
		"X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-Rookery-TTL: 1\r\n\r\n");
}

static void check_answer(const char *text, const char *method, enum http_framing framing,
	bool close, const char *expected)
{
	AUTO(buf_free) struct buf to = BUF(10000);
	struct http_answer a;
	struct http_refusal refusal;
	assert_true(http_answer_read(slice_str(text), slice_str(method), &a, &refusal));
	http_answer_write(&a, framing, close, &to);
	assert_slice(buf_slice(&to), expected);
}

static void an_answer_is_framed_anew(void **state)
{
	check_answer("HTTP/1.0 200 Fine\r\nServer: s\r\nConnection: x\r\nX: y\r\n\r\n", "GET",
		HTTP_CHUNKED, false,
		"HTTP/1.1 200 Fine\r\nServer: s\r\nTransfer-Encoding: chunked\r\n\r\n");
	check_answer("HTTP/1.1 200 \r\nContent-Length: 7\r\n\r\n", "GET", HTTP_LENGTH, true,
		"HTTP/1.1 200 \r\nContent-Length: 7\r\nConnection: close\r\n\r\n");
	check_answer("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", "HEAD", HTTP_NO_BODY, false,
		"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
	check_answer("HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", "GET", HTTP_NO_BODY, false,
		"HTTP/1.1 204 No\r\n\r\n");
	check_answer("HTTP/1.1 100 Continue\r\nX: y\r\n\r\n", "PUT", HTTP_NO_BODY, true,
		"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n");
	check_answer("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"GET", HTTP_NO_BODY, false,
		"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
	check_answer("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"
		     "Transfer-Encoding: chunked\r\n\r\n",
		"GET", HTTP_UNTIL_CLOSE, true,
		"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"
		"Connection: close\r\n\r\n");
}

/* `fields` as a front end sends them; `ip` and the others as they are understood. */
static void check_client(const char *fields, const char *ip, bool secure, unsigned ttl)
{
	AUTO(buf_free) struct buf text = BUF(10000);
	char got[NET_ADDRESS_TEXT];
	buf_printf(&text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
	struct http_request r = read_request(buf_cstr(&text));
	struct http_client client = {.address = address("198.51.100.1:9"), .ttl = 5};
	assert_true(http_client_read(&r.head, &client));
	net_address_host(&client.address, got);
	assert_string_equal(got, ip);
	assert_int_equal(client.secure, secure);
	assert_int_equal(client.ttl, ttl);
}

static void a_front_end_says_who_the_client_is(void **state)
{
	check_client("", "198.51.100.1", false, 5);
	check_client("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1", false, 5);
	check_client("X-Forwarded-For: 203.0.113.5, 192.0.2.1:80\r\nX-Forwarded-Proto: https\r\n",
		"192.0.2.1", true, 5);
	check_client("X-Forwarded-For: 203.0.113.5\r\nX-Forwarded-For: 2001:db8::1\r\n",
		"2001:db8::1", false, 5);
	check_client("X-Forwarded-For: [2001:db8::1]:80\r\n", "2001:db8::1", false, 5);
	check_client("X-Forwarded-For: ::ffff:192.0.2.1\r\n", "192.0.2.1", false, 5);
	check_client("Forwarded: for=192.0.2.1;proto=https;host=x\r\n", "192.0.2.1", true, 5);
	check_client("Forwarded: for=203.0.113.5, For=\"[2001:db8::1]:47\"\r\n", "2001:db8::1",
		false, 5);
	/* The client's own Forwarded, which the front end left alone. */
	check_client("Forwarded: for=203.0.113.5\r\nX-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1",
		false, 5);
	check_client("X-Forwarded-For: unknown\r\nX-Rookery-TTL: 2\r\n", "198.51.100.1", false, 2);
	check_client("X-Forwarded-For: *\r\nX-Rookery-TTL: 200\r\n", "198.51.100.1", false, 5);
	check_client("X-Forwarded-For: _hidden\r\nX-Rookery-TTL: 0\r\n", "198.51.100.1", false, 0);
	struct http_request r =
		read_request("GET / HTTP/1.1\r\nHost: a\r\nX-Rookery-TTL: -1\r\n\r\n");
	struct http_client client = {.ttl = 5};
	assert_false(http_client_read(&r.head, &client));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_loses_what_was_for_this_hop),
		cmocka_unit_test(a_request_gets_what_the_proxy_adds),
		cmocka_unit_test(an_answer_is_framed_anew),
		cmocka_unit_test(a_front_end_says_who_the_client_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
