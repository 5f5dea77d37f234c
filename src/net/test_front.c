/* The tests' front. */
#include "net/test_front.h"

#include "net/layer.h"

#include "base/alloc.h"
#include "base/test.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static enum net_next front_open(struct net_session *session)
{
	net_write_str(session, "front\r\n");
	return NET_WAIT_INPUT;
}

static void connect_and_join(struct net_session *session, const struct net_client_options *back)
{
	struct front *front = net_service(session);
	struct net_client *client;
	struct slice line;
	bool *is_joined = net_state(session);
	assert_int_equal(net_client_connect(back, &client, NULL), 0);
	assert_int_equal(net_client_read_line(client, 1000, &line, NULL), 0);
	assert_slice(line, "hello");
	net_write_str(session, back == &front->back ? "joined\r\n" : "hello\r\n");
	net_session_join(session, client, &front->options);
	*is_joined = true;
	struct net_session *before = atomic_exchange(&front->last, net_session_ref(session));
	if (before)
		net_session_unref(before);
	(void)atomic_fetch_add(&front->joined, 1);
}

static enum net_next front_run(struct net_session *session, unsigned events)
{
	bool *is_joined = net_state(session);
	assert_false(*is_joined);
	if (events & NET_SHUTDOWN)
		return NET_CLOSE;
	ssize_t end = slice_find(net_input(session), '\n');
	if (end < 0)
		return NET_WAIT_INPUT;
	net_consume(session, (size_t)end + 1);
	connect_and_join(session, &((struct front *)net_service(session))->back);
	return NET_WAIT_INPUT;
}

static enum net_next gate_open(struct net_session *session)
{
	connect_and_join(session, &((struct front *)net_service(session))->behind_gate);
	return NET_WAIT_INPUT;
}

static void front_close(struct net_session *session)
{
	struct front *front = net_service(session);
	bool *is_joined = net_state(session);
	if (*is_joined)
		(void)atomic_fetch_add(&front->closed, 1);
}

static const struct net_protocol FRONT = {
	.name = "front",
	.session_size = sizeof(bool),
	.open = front_open,
	.run = front_run,
	.close = front_close,
	.input_max = 8192,
};

static const struct net_protocol GATE = {
	.name = "gate",
	.session_size = sizeof(bool),
	.open = gate_open,
	.run = front_run,
	.close = front_close,
	.input_max = 8192,
};

static struct net_address address_of(const char *text)
{
	struct net_address address;
	assert_int_equal(net_address_parse(slice_str(text), &address, NULL), 0);
	return address;
}

void front_set_back_address(struct front *front, const char *address)
{
	front->back.address = address_of(address);
	front->back.tls = NET_CLIENT_PLAIN;
}

void front_set_back(struct front *front, uint16_t port, bool tls)
{
	char text[32];
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	front_set_back_address(front, text);
	front->back.tls = tls ? NET_CLIENT_TLS : NET_CLIENT_PLAIN;
}

static uint16_t listen_on(struct front *front, const struct net_protocol *protocol, bool tls)
{
	struct net_address bound = test_server_listen(front->server, "127.0.0.1:0",
		(struct net_listener_options){.protocol = protocol,
			.service = front,
			.tls = tls ? front->server->tls : NULL,
			.tls_at_once = tls});
	return net_address_port(&bound);
}

struct front *front_start(const struct test_server_options *options)
{
	struct front *front = ALLOC(struct front);
	(void)snprintf(front->folder, sizeof(front->folder), "/tmp/test_join.XXXXXX");
	assert_non_null(mkdtemp(front->folder));
	(void)snprintf(front->near_unix, sizeof(front->near_unix), "unix:%s/near", front->folder);
	(void)snprintf(front->far_unix, sizeof(front->far_unix), "unix:%s/far", front->folder);
	front->server = test_server_start(options);
	front->listener = -1;
	assert_int_equal(net_tls_client_new(NULL, false, &front->trust, NULL), 0);
	front->back.trust = front->trust;
	front->options.figures = &front->figures;
	front_set_back(front, front->server->plain, false);
	front->plain = listen_on(front, &FRONT, false);
	front->tls = listen_on(front, &FRONT, true);
	front->tls_gate = listen_on(front, &GATE, true);
	(void)test_server_listen(front->server, front->near_unix,
		(struct net_listener_options){.protocol = &FRONT, .service = front});
	return front;
}

void front_stop(struct front *front, unsigned grace_ms)
{
	test_server_stop(front->server, grace_ms);
	assert_int_equal(atomic_load(&front->joined), atomic_load(&front->closed));
	struct net_session *last = atomic_load(&front->last);
	if (last)
		net_session_unref(last);
	net_tls_client_free(front->trust);
	if (front->listener >= 0)
		(void)close(front->listener);
	(void)unlink(front->near_unix + 5);
	(void)unlink(front->far_unix + 5);
	(void)rmdir(front->folder);
	free(front);
}

void front_until_closed(struct front *front)
{
	for (int i = 0; atomic_load(&front->closed) != atomic_load(&front->joined); i++) {
		assert_true(i < 10000);
		(void)usleep(1000);
	}
}

static struct test_peer *peer_of(int fd)
{
	struct timeval limit = {.tv_sec = 10};
	struct test_peer *peer = ALLOC(struct test_peer);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	peer->fd = fd;
	return peer;
}

struct test_peer *front_connect_unix(struct front *front)
{
	struct net_address to = address_of(front->near_unix);
	struct test_peer *peer = peer_of(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	assert_int_equal(connect(peer->fd, (struct sockaddr *)&to.storage, to.len), 0);
	return peer;
}

struct test_peer *front_ask(struct test_peer *peer)
{
	assert_line(peer, "front");
	test_send(peer, "JOIN\r\n");
	return peer;
}

struct test_peer *front_join(struct test_peer *peer)
{
	(void)front_ask(peer);
	assert_line(peer, "joined");
	return peer;
}

void front_listen(struct front *front, const char *at, bool behind_gate)
{
	struct net_address address = address_of(at), bound = {.len = sizeof(bound.storage)};
	assert_int_equal(net_address_listen(&address, 1024, 0600, &front->listener, NULL), 0);
	assert_int_equal(fcntl(front->listener, F_SETFL, 0), 0);
	assert_int_equal(
		getsockname(front->listener, (struct sockaddr *)&bound.storage, &bound.len), 0);
	front->back.address = front->behind_gate.address = bound;
	front->back.tls = NET_CLIENT_PLAIN;
	if (behind_gate)
		front_set_back(front, front->tls_gate, true);
}

struct test_peer *front_accept(struct front *front, const char *greeting)
{
	struct pollfd fd = {.fd = front->listener, .events = POLLIN};
	assert_int_equal(poll(&fd, 1, 10 * 1000), 1);
	struct test_peer *peer = peer_of(accept4(front->listener, NULL, NULL, SOCK_CLOEXEC));
	test_send(peer, greeting);
	return peer;
}

void front_join_by_hand(struct front *front, bool unix_sockets, struct test_peer **ret_client,
	struct test_peer **ret_server)
{
	front_listen(front, unix_sockets ? front->far_unix : "127.0.0.1:0", false);
	*ret_client =
		front_ask(unix_sockets ? front_connect_unix(front) : test_connect(front->plain));
	*ret_server = front_accept(front, "hello\r\n");
	assert_line(*ret_client, "joined");
}

uint8_t front_pattern(size_t at)
{
	return (uint8_t)(at * 2654435761U >> 13);
}

size_t front_fill_up(struct test_peer *peer)
{
	uint8_t bytes[16384];
	size_t sent = 0;
	for (;;) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = front_pattern(sent + i);
		ssize_t took = send(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
		struct pollfd fd = {.fd = peer->fd, .events = POLLOUT};
		if (took > 0)
			sent += (size_t)took;
		else if (poll(&fd, 1, 300) == 0)
			return sent;
	}
}

void front_assert_pattern(struct test_peer *peer, size_t len)
{
	uint8_t bytes[16384];
	for (size_t at = 0; at < len;) {
		ssize_t got = recv(peer->fd, bytes, MIN(sizeof(bytes), len - at), 0);
		assert_true(got > 0);
		for (size_t i = 0; i < (size_t)got; i++, at++)
			if (bytes[i] != front_pattern(at))
				fail_msg("byte %zu differs", at);
	}
}
