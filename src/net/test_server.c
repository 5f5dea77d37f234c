/* The tests' server and clients. */
#include "net/test_server.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/log.h"
#include "base/test.h"
#include "net/origin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/time.h>
#include <unistd.h>

enum { INPUT_MAX = 8192 };

struct echo {
	uint64_t big_left; /* lines of BIG still to write */
	bool one_a_run, rest_told;
};

static struct test_server *server_of(struct net_session *session)
{
	return net_service(session);
}

static uint64_t number(struct slice text)
{
	uint64_t value = 0;
	assert_true(slice_to_u64(text, INT32_MAX, &value));
	return value;
}

static enum net_next go_on(struct net_session *session, struct echo *echo)
{
	static const char LINE[1000] = {[0 ... 997] = 'x', '\r', '\n'};
	while (echo->big_left > 0) {
		if (net_output_full(session))
			return NET_WAIT_OUTPUT;
		net_write(session, slice(LINE, sizeof(LINE)));
		echo->big_left--;
		size_t queued = net_output(session)->len, most = server_of(session)->most_queued;
		while (queued > most && !atomic_compare_exchange_weak(
						&server_of(session)->most_queued, &most, queued))
			;
	}
	return NET_WAIT_INPUT;
}

static void say_one(struct net_session *session, size_t len)
{
	char *bytes = alloc_zero(1, len + 1);
	memset(bytes, 'y', len);
	net_write(session, slice(bytes, len));
	free(bytes);
}

static void say_tls(struct net_session *session, bool binding)
{
	const struct net_tls_info *info = net_tls_info(session);
	if (!info)
		net_write_str(session, "none\r\n");
	else if (binding)
		net_printf(session, "%zu %zu\r\n", info->exporter.len, info->server_end_point.len);
	else
		net_printf(session, "%s %s\r\n", info->version, info->sni);
}

static void become(struct net_session *session, struct slice line)
{
	static const char *const SAID[] = {"taken\r\n", "loop\r\n", "many\r\n"};
	struct net_origin_words words = {.client = slice_cut(&line, ' ')};
	struct net_origin origin;
	words.ttl = slice_cut(&line, ' ');
	words.local = slice_cut(&line, ' ');
	if (!net_is_front_end(session) || !net_origin_read(&words, &origin))
		net_write_str(session, "no\r\n");
	else
		net_write_str(session, SAID[net_origin_take(session, &origin)]);
}

static enum net_next command(struct net_session *session, struct echo *echo, struct slice line)
{
	char text[NET_ADDRESS_TEXT];
	struct slice word = slice_cut(&line, ' ');
	if (slice_eq(word, SLICE("ECHO"))) {
		net_printf(session, "%.*s\r\n", SLICE_ARG(line));
	} else if (slice_eq(word, SLICE("BIG"))) {
		echo->big_left = number(line);
		return go_on(session, echo);
	} else if (slice_eq(word, SLICE("ONE"))) {
		say_one(session, number(line));
	} else if (slice_eq(word, SLICE("BLOCK"))) {
		(void)usleep((useconds_t)number(line) * 1000);
		net_write_str(session, "unblocked\r\n");
	} else if (slice_eq(word, SLICE("WAIT"))) {
		wait_for(&server_of(session)->waits[number(line)]);
		net_write_str(session, "waited\r\n");
	} else if (slice_eq(word, SLICE("COMPUTE"))) {
		while (!wait_is_done(&server_of(session)->waits[number(line)]))
			wait_give_way();
		net_write_str(session, "computed\r\n");
	} else if (slice_eq(word, SLICE("TRY"))) {
		struct wait never = {0};
		bool done = wait_until(&never, clock_mono_ms() + (int64_t)number(line));
		net_write_str(session, done ? "waited\r\n" : "in vain\r\n");
	} else if (slice_eq(word, SLICE("TIMEOUT"))) {
		net_set_timeout(session, (unsigned)number(line));
		net_write_str(session, "ok\r\n");
	} else if (slice_eq(word, SLICE("KEEP"))) {
		atomic_store(&server_of(session)->kept[number(line)], net_session_ref(session));
		net_write_str(session, "kept\r\n");
	} else if (slice_eq(word, SLICE("PEER"))) {
		net_address_text(net_peer(session), text);
		net_printf(session, "%s\r\n", text);
	} else if (slice_eq(word, SLICE("BECOME"))) {
		become(session, line);
	} else if (slice_eq(word, SLICE("SECURE"))) {
		net_write_str(session, net_is_secure(session) ? "yes\r\n" : "no\r\n");
	} else if (slice_eq(word, SLICE("SNI"))) {
		say_tls(session, false);
	} else if (slice_eq(word, SLICE("BINDING"))) {
		say_tls(session, true);
	} else if (slice_eq(word, SLICE("TAKE"))) {
		echo->one_a_run = true;
		net_write_str(session, "ok\r\n");
	} else if (slice_eq(word, SLICE("STARTTLS")) && net_tls_offered(session)) {
		net_write_str(session, "go\r\n");
		net_start_tls(session);
	} else if (slice_eq(word, SLICE("QUIT"))) {
		net_write_str(session, "bye\r\n");
		return NET_CLOSE;
	} else if (slice_eq(word, SLICE("ABORT"))) {
		return NET_ABORT;
	} else {
		net_write_str(session, "what\r\n");
	}
	return NET_WAIT_INPUT;
}

static enum net_next echo_open(struct net_session *session)
{
	(void)atomic_fetch_add(&server_of(session)->opened, 1);
	net_log_tag(session, "test", SLICE("yes"));
	net_write_str(session, "hello\r\n");
	return NET_WAIT_INPUT;
}

static enum net_next echo_run(struct net_session *session, unsigned events)
{
	struct echo *echo = net_state(session);
	(void)atomic_fetch_add(&server_of(session)->runs, 1);
	if (events & NET_SHUTDOWN) {
		net_write_str(session, "shutdown\r\n");
		return NET_CLOSE;
	}
	if (events & NET_TIMEOUT) {
		net_write_str(session, "timeout\r\n");
		return NET_CLOSE;
	}
	if (events & NET_WOKEN) {
		(void)atomic_fetch_add(&server_of(session)->woken, 1);
		net_write_str(session, "woken\r\n");
	}
	enum net_next next = go_on(session, echo);
	while (next == NET_WAIT_INPUT) {
		struct slice input = net_input(session);
		ssize_t end = slice_search(input, SLICE("\r\n"));
		if (end < 0)
			break;
		next = command(session, echo, slice(input.ptr, (size_t)end));
		net_consume(session, (size_t)end + 2);
		if (echo->one_a_run)
			break;
	}
	if (next == NET_WAIT_INPUT && events & NET_EOF && !echo->one_a_run) {
		struct slice rest = net_input(session);
		net_printf(session, "rest %.*s\r\n", SLICE_ARG(rest));
		return NET_CLOSE;
	}
	return next;
}

static void echo_close(struct net_session *session)
{
	(void)atomic_fetch_add(&server_of(session)->closed, 1);
}

static const struct net_protocol ECHO_PROTOCOL = {
	.name = "echo",
	.session_size = sizeof(struct echo),
	.open = echo_open,
	.run = echo_run,
	.close = echo_close,
	.input_max = INPUT_MAX,
	.refusal = "busy\r\n",
};

static void *server_main(void *context)
{
	struct test_server *server = context;
	assert_int_equal(net_loop_run(server->loop, NULL), 0);
	return NULL;
}

struct net_address test_server_listen(
	struct test_server *server, const char *at, struct net_listener_options options)
{
	struct net_address address, bound = {.len = sizeof(bound.storage)};
	assert_int_equal(net_address_parse(slice_str(at), &address, NULL), 0);
	assert_int_equal(net_address_listen(&address, 1024, 0600, &options.fd, NULL), 0);
	assert_int_equal(getsockname(options.fd, (struct sockaddr *)&bound.storage, &bound.len), 0);
	if (!options.protocol) {
		options.protocol = &ECHO_PROTOCOL;
		options.service = server;
	}
	assert_int_equal(net_loop_listen(server->loop, &options, NULL), 0);
	return bound;
}

static uint16_t listen_on(struct test_server *server, bool tls_at_once, bool proxy)
{
	struct net_address bound = test_server_listen(server, "127.0.0.1:0",
		(struct net_listener_options){
			.tls = server->tls,
			.tls_at_once = tls_at_once,
			.proxy_header = proxy,
			.trusted = &server->trusted,
		});
	return net_address_port(&bound);
}

void test_server_certificate(
	struct test_server *server, const char *host, const char *name, const char *second_name)
{
	char *chain[2], *key[2];
	struct slice names[2] = {slice_str(name), slice_str(second_name)};
	struct net_tls_certificate certificates[2] = {0};
	size_t count = second_name ? 2 : 1;
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(
			net_tls_self_signed(i ? second_name : host, &chain[i], &key[i], NULL), 0);
		certificates[i] = (struct net_tls_certificate){
			.chain_pem = slice_str(chain[i]),
			.key_pem = slice_str(key[i]),
			.names = &names[i],
			.name_count = i > 0 || name ? 1 : 0,
		};
	}
	assert_int_equal(net_tls_slot_set(server->tls, certificates, count, NULL), 0);
	for (size_t i = 0; i < count; i++) {
		free(chain[i]);
		free(key[i]);
	}
}

struct test_server *test_server_start(const struct test_server_options *options)
{
	static const struct test_server_options NONE;
	struct test_server *server = ALLOC(struct test_server);
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	if (!options)
		options = &NONE;
	if (options->trusted)
		assert_int_equal(
			net_trusted_add(&server->trusted, slice_str(options->trusted), NULL), 0);
	server->tls = net_tls_slot_new();
	test_server_certificate(server, "one.example", NULL, NULL);
	assert_int_equal(net_loop_new(&options->loop, &server->loop, NULL), 0);
	server->plain = listen_on(server, false, false);
	server->tls_at_once = listen_on(server, true, false);
	server->proxied = listen_on(server, false, true);
	server->proxied_tls = listen_on(server, true, true);
	assert_int_equal(pthread_create(&server->thread, NULL, server_main, server), 0);
	return server;
}

void test_server_stop(struct test_server *server, unsigned grace_ms)
{
	net_loop_stop(server->loop, grace_ms);
	assert_int_equal(pthread_join(server->thread, NULL), 0);
	assert_int_equal(atomic_load(&server->opened), atomic_load(&server->closed));
	assert_int_equal(net_loop_figures(server->loop).connections, 0);
	net_loop_free(server->loop);
	net_tls_slot_free(server->tls);
	net_trusted_free(&server->trusted);
	free(server);
}

struct test_peer *test_connect(uint16_t port)
{
	struct test_peer *peer = ALLOC(struct test_peer);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct timeval limit = {.tv_sec = 10};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(peer->fd >= 0);
	assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(connect(peer->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return peer;
}

void test_start_tls(struct test_peer *peer, const char *sni, int version)
{
	peer->context = SSL_CTX_new(TLS_client_method());
	assert_non_null(peer->context);
	assert_int_equal(SSL_CTX_set_min_proto_version(peer->context, version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(peer->context, version), 1);
	peer->ssl = SSL_new(peer->context);
	if (sni)
		assert_int_equal(SSL_set_tlsext_host_name(peer->ssl, sni), 1);
	assert_int_equal(SSL_set_fd(peer->ssl, peer->fd), 1);
	assert_int_equal(SSL_connect(peer->ssl), 1);
}

struct test_peer *test_connect_tls(uint16_t port, const char *sni, int version)
{
	struct test_peer *peer = test_connect(port);
	test_start_tls(peer, sni, version);
	return peer;
}

void test_send_bytes(struct test_peer *peer, const void *bytes, size_t len)
{
	if (peer->ssl)
		assert_int_equal(SSL_write(peer->ssl, bytes, (int)len), len);
	else
		assert_int_equal(send(peer->fd, bytes, len, MSG_NOSIGNAL), len);
}

void test_send(struct test_peer *peer, const char *bytes)
{
	test_send_bytes(peer, bytes, strlen(bytes));
}

static void receive(struct test_peer *peer)
{
	ssize_t got;
	size_t room = sizeof(peer->buffer) - peer->have;
	if (peer->ssl)
		got = SSL_read(peer->ssl, peer->buffer + peer->have, (int)room);
	else
		got = recv(peer->fd, peer->buffer + peer->have, room, 0);
	if (got < 0 && !peer->ssl && errno == EAGAIN)
		fail_msg("nothing came within 10 s");
	if (got <= 0)
		peer->ended = true;
	else
		peer->have += (size_t)got;
}

const char *test_line(struct test_peer *peer)
{
	for (;;) {
		ssize_t end = slice_find(slice(peer->buffer, peer->have), '\n');
		if (end >= 0) {
			size_t len = end > 0 && peer->buffer[end - 1] == '\r' ? (size_t)end - 1
									      : (size_t)end;
			(void)snprintf(
				peer->line, sizeof(peer->line), "%.*s", (int)len, peer->buffer);
			peer->have -= (size_t)end + 1;
			memmove(peer->buffer, peer->buffer + end + 1, peer->have);
			return peer->line;
		}
		if (peer->ended)
			return "";
		receive(peer);
	}
}

size_t test_drop(struct test_peer *peer, size_t len)
{
	size_t dropped = 0;
	while (dropped < len) {
		if (peer->have == 0)
			receive(peer);
		if (peer->have == 0)
			break;
		size_t now = MIN(peer->have, len - dropped);
		peer->have -= now;
		memmove(peer->buffer, peer->buffer + now, peer->have);
		dropped += now;
	}
	return dropped;
}

void test_server_name(struct test_peer *peer, char ret_name[64])
{
	X509 *cert = SSL_get1_peer_certificate(peer->ssl);
	assert_non_null(cert);
	assert_true(X509_NAME_get_text_by_NID(
			    X509_get_subject_name(cert), NID_commonName, ret_name, 64) > 0);
	X509_free(cert);
}

void test_close(struct test_peer *peer)
{
	SSL_free(peer->ssl);
	SSL_CTX_free(peer->context);
	(void)close(peer->fd);
	free(peer);
}
