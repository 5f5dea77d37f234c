/* Sessions on connections that we open, against the tests' server, in the same loop. */
#include "net/layer.h"
#include "net/session_internal.h"
#include "net/test_server.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/test.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

static const struct slice NAME = {"mirror", 6};
static const struct slice KEY = {"0123456789abcdef0123456789abcdef", 32};
static const struct slice OTHER_KEY = {"0123456789abcdef0123456789abcdeF", 32};

/* Who connects: says ECHO once greeted, and keeps the connection. */
struct caller {
	struct test_server *server;
	struct net_connector *connector;
	atomic_uint opened, answered, closed, shut_down, failed;
	pthread_mutex_t lock;
	struct err why;              /* of the last one that failed; guarded by lock */
	char peer[NET_ADDRESS_TEXT]; /* guarded by lock */
	char tls[32];                /* guarded by lock */
	bool has_options;            /* guarded by lock */
};

static void check_options(struct net_session *session, struct caller *caller)
{
	int no_delay = 0, keep = 0;
	socklen_t len = sizeof(int);
	(void)getsockopt(session->near.socket.fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &len);
	(void)getsockopt(session->near.socket.fd, SOL_SOCKET, SO_KEEPALIVE, &keep, &len);
	caller->has_options = no_delay && keep;
}

static enum net_next caller_open(struct net_session *session)
{
	struct caller *caller = net_service(session);
	const struct net_tls_info *info = net_tls_info(session);
	(void)pthread_mutex_lock(&caller->lock);
	net_address_text(net_peer(session), caller->peer);
	(void)snprintf(caller->tls, sizeof(caller->tls), "%s", info ? info->version : "none");
	check_options(session, caller);
	(void)pthread_mutex_unlock(&caller->lock);
	assert_false(net_tls_offered(session));
	assert_true(net_local(session)->len > 0);
	net_write_str(session, "ECHO you\r\n");
	(void)atomic_fetch_add(&caller->opened, 1);
	return NET_WAIT_INPUT;
}

static enum net_next caller_run(struct net_session *session, unsigned events)
{
	struct caller *caller = net_service(session);
	if (events & NET_SHUTDOWN) {
		(void)atomic_fetch_add(&caller->shut_down, 1);
		net_write_str(session, "QUIT\r\n");
		return NET_CLOSE;
	}
	struct slice input = net_input(session);
	if (slice_eq(input, SLICE("hello\r\nyou\r\n"))) {
		net_consume(session, input.len);
		(void)atomic_fetch_add(&caller->answered, 1);
	}
	return NET_WAIT_INPUT;
}

static void caller_close(struct net_session *session)
{
	struct caller *caller = net_service(session);
	(void)atomic_fetch_add(&caller->closed, 1);
}

static const struct net_protocol CALLER_PROTOCOL = {
	.name = "caller",
	.session_size = 8,
	.open = caller_open,
	.run = caller_run,
	.close = caller_close,
	.input_max = 1024,
};

static void keep_why(void *service, const struct err *err)
{
	struct caller *caller = service;
	(void)pthread_mutex_lock(&caller->lock);
	caller->why = *err;
	(void)pthread_mutex_unlock(&caller->lock);
	(void)atomic_fetch_add(&caller->failed, 1);
}

static struct net_connector *connector_of(
	struct caller *caller, struct net_loop *loop, unsigned timeout_ms)
{
	const struct net_connector_options options = {
		.protocol = &CALLER_PROTOCOL,
		.service = caller,
		.connect_timeout_ms = timeout_ms,
		.failed = keep_why,
	};
	return net_loop_connector(loop, &options);
}

static struct caller *caller_new(const struct test_server_options *options, unsigned timeout_ms)
{
	struct caller *caller = ALLOC(struct caller);
	assert_int_equal(pthread_mutex_init(&caller->lock, NULL), 0);
	caller->server = test_server_start(options);
	caller->connector = connector_of(caller, caller->server->loop, timeout_ms);
	return caller;
}

static void stop(struct caller *caller)
{
	test_server_stop(caller->server, 1000);
	assert_int_equal(atomic_load(&caller->opened), atomic_load(&caller->closed));
}

static void drop(struct caller *caller)
{
	(void)pthread_mutex_destroy(&caller->lock);
	free(caller);
}

static struct net_address address_of(const char *text)
{
	struct net_address address;
	assert_int_equal(net_address_parse(slice_str(text), &address, NULL), 0);
	return address;
}

static struct net_address at_port(uint16_t port)
{
	char text[32];
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	return address_of(text);
}

static void call(struct caller *caller, struct net_address to, struct net_tls_client *tls)
{
	assert_int_equal(net_connector_connect(caller->connector, &to, tls, NULL), 0);
}

/* Within 10 s. */
static void await(atomic_uint *count, unsigned least)
{
	for (int i = 0; i < 10000 && atomic_load(count) < least; i++)
		(void)usleep(1000);
	assert_true(atomic_load(count) >= least);
}

/* The one that failed last was `to`, for this reason. */
static void assert_why(struct caller *caller, const struct net_address *to, const char *words)
{
	char peer[NET_ADDRESS_TEXT], expected[2 * NET_ADDRESS_TEXT];
	net_address_text(to, peer);
	(void)snprintf(expected, sizeof(expected), "%s: %s", peer, words);
	(void)pthread_mutex_lock(&caller->lock);
	assert_string_equal(caller->why.text, expected);
	assert_int_equal(caller->why.class, ERR_TEMPORARY);
	(void)pthread_mutex_unlock(&caller->lock);
	assert_int_equal(atomic_load(&caller->opened), 0);
}

static void assert_talks(struct caller *caller, struct net_address to, struct net_tls_client *tls,
	const char *version)
{
	char peer[NET_ADDRESS_TEXT];
	unsigned before = atomic_load(&caller->answered);
	net_address_text(&to, peer);
	call(caller, to, tls);
	net_tls_client_free(tls); /* needed no more */
	await(&caller->answered, before + 1);
	assert_string_equal(caller->peer, peer);
	assert_string_equal(caller->tls, version);
	assert_int_equal(caller->has_options, !net_address_is_unix(&to));
}

static void an_outgoing_session_talks_over_tcp_unix_and_tls(void **state)
{
	char path[64];
	struct caller *caller = caller_new(NULL, 0);
	struct net_tls_client *trusting, *key;
	struct net_tls_slot *slot = net_tls_slot_new();
	(void)snprintf(path, sizeof(path), "unix:/tmp/rookery-test-%d", getpid());
	(void)test_server_listen(caller->server, path, (struct net_listener_options){0});
	assert_int_equal(net_tls_slot_set_key(slot, NAME, KEY, NULL), 0);
	struct net_address keyed = test_server_listen(caller->server, "[::1]:0",
		(struct net_listener_options){.tls = slot, .tls_at_once = true});
	assert_int_equal(net_tls_client_new(NULL, false, &trusting, NULL), 0);
	assert_int_equal(net_tls_client_new_key(NAME, KEY, &key, NULL), 0);
	assert_talks(caller, at_port(caller->server->plain), NULL, "none");
	assert_talks(caller, address_of(path), NULL, "none");
	assert_talks(caller, at_port(caller->server->tls_at_once), trusting, "TLSv1.3");
	assert_talks(caller, keyed, key, "TLSv1.3");
	assert_int_equal(atomic_load(&caller->failed), 0);
	stop(caller);
	assert_int_equal(atomic_load(&caller->shut_down), 4);
	(void)unlink(path + 5);
	net_tls_slot_free(slot);
	drop(caller);
}

static void a_refused_connection_is_told(void **state)
{
	struct caller *caller = caller_new(NULL, 0);
	struct net_address gone = address_of("127.0.0.1:0"), bound = {.len = sizeof(bound.storage)};
	struct net_address absent = address_of("unix:/tmp/rookery-test-absent");
	int fd;
	assert_int_equal(net_address_listen(&gone, 1, 0, &fd, NULL), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&bound.storage, &bound.len), 0);
	(void)close(fd);
	call(caller, bound, NULL);
	await(&caller->failed, 1);
	assert_why(caller, &bound, "cannot connect: Connection refused");
	call(caller, absent, NULL);
	await(&caller->failed, 2);
	assert_why(caller, &absent, "cannot connect: No such file or directory");
	stop(caller);
	drop(caller);
}

/* A listener that accepts nobody. The kernel finishes TCP's handshake for as many as fit in. */
struct deaf {
	int fd, filling[4];
	struct net_address address;
};

static struct deaf deaf_listener(bool is_full)
{
	struct deaf deaf = {.address = address_of("127.0.0.1:0")};
	assert_int_equal(net_address_listen(&deaf.address, is_full ? 0 : 8, 0, &deaf.fd, NULL), 0);
	deaf.address.len = sizeof(deaf.address.storage);
	assert_int_equal(
		getsockname(deaf.fd, (struct sockaddr *)&deaf.address.storage, &deaf.address.len),
		0);
	for (size_t i = 0; i < ARRAY_LEN(deaf.filling); i++) {
		deaf.filling[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (is_full)
			(void)connect(deaf.filling[i],
				(const struct sockaddr *)&deaf.address.storage, deaf.address.len);
	}
	return deaf;
}

static void deaf_close(struct deaf *deaf)
{
	for (size_t i = 0; i < ARRAY_LEN(deaf->filling); i++)
		(void)close(deaf->filling[i]);
	(void)close(deaf->fd);
}

static void connecting_and_its_handshake_take_only_so_long(void **state)
{
	struct caller *caller = caller_new(NULL, 150);
	struct net_tls_client *tls;
	struct deaf full = deaf_listener(true), silent = deaf_listener(false);
	assert_int_equal(net_tls_client_new_key(NAME, KEY, &tls, NULL), 0);
	int64_t began = clock_mono_ms();
	call(caller, full.address, NULL);
	await(&caller->failed, 1);
	assert_why(caller, &full.address, "cannot connect: Connection timed out");
	call(caller, silent.address, tls);
	await(&caller->failed, 2);
	assert_why(caller, &silent.address, "TLS handshake timed out");
	assert_in_range(clock_mono_ms() - began, 299, 5000);
	while (net_loop_figures(caller->server->loop).connections > 0)
		(void)usleep(1000);
	net_tls_client_free(tls);
	deaf_close(&full);
	deaf_close(&silent);
	stop(caller);
	drop(caller);
}

static void a_wrong_key_is_told_at_both_ends(void **state)
{
	struct caller *caller = caller_new(NULL, 0), told = {0};
	struct net_tls_client *tls;
	struct net_tls_slot *slot = net_tls_slot_new();
	assert_int_equal(pthread_mutex_init(&told.lock, NULL), 0);
	assert_int_equal(net_tls_slot_set_key(slot, NAME, OTHER_KEY, NULL), 0);
	assert_int_equal(net_tls_client_new_key(NAME, KEY, &tls, NULL), 0);
	struct net_address to = test_server_listen(caller->server, "127.0.0.1:0",
		(struct net_listener_options){
			.protocol = &CALLER_PROTOCOL,
			.service = &told,
			.tls = slot,
			.tls_at_once = true,
			.failed = keep_why,
		});
	call(caller, to, tls);
	await(&caller->failed, 1);
	await(&told.failed, 1);
	assert_why(caller, &to, "the server has another key");
	assert_int_equal(caller->why.kind, ERR_DENIED);
	assert_int_equal(told.why.kind, ERR_DENIED);
	assert_non_null(strstr(told.why.text, ": the client has another key"));
	net_tls_slot_clear(slot);
	call(caller, to, tls);
	await(&caller->failed, 2);
	await(&told.failed, 2);
	assert_why(caller, &to, "the peer left the TLS handshake");
	assert_non_null(strstr(told.why.text, ": no certificate or key is loaded"));
	stop(caller);
	assert_int_equal(atomic_load(&told.opened), 0);
	net_tls_client_free(tls);
	net_tls_slot_free(slot);
	(void)pthread_mutex_destroy(&told.lock);
	drop(caller);
}

static void limits_count_outgoing_connections_only_in_all(void **state)
{
	struct test_server_options options = {.loop = {.max_per_address = 2, .max_connections = 5}};
	struct caller *caller = caller_new(&options, 0);
	struct net_address plain = at_port(caller->server->plain);
	struct err err;
	call(caller, plain, NULL);
	call(caller, plain, NULL);
	await(&caller->answered, 2); /* two come, two go */
	struct deaf silent = deaf_listener(false);
	call(caller, silent.address, NULL);
	assert_true(net_connector_connect(caller->connector, &silent.address, NULL, &err) < 0);
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_true(
		net_connector_connect(caller->connector, &(struct net_address){0}, NULL, &err) < 0);
	assert_int_equal(err.kind, ERR_BAD_INPUT);
	await(&caller->opened, 3);
	assert_int_equal(atomic_load(&caller->failed), 0);
	deaf_close(&silent);
	stop(caller);
	drop(caller);
}

static void stopping_drops_who_is_connecting(void **state)
{
	struct caller *caller = caller_new(NULL, 60 * 1000);
	struct net_tls_client *tls;
	struct deaf full = deaf_listener(true), silent = deaf_listener(false);
	struct err err;
	assert_int_equal(net_tls_client_new_key(NAME, KEY, &tls, NULL), 0);
	call(caller, full.address, NULL);
	call(caller, silent.address, tls);
	(void)usleep(50 * 1000);
	assert_int_equal(atomic_load(&caller->failed), 0);
	net_loop_stop(caller->server->loop, 5000);
	await(&caller->failed, 2);
	assert_non_null(strstr(caller->why.text, ": the server stops"));
	assert_true(net_connector_connect(caller->connector, &silent.address, NULL, &err) < 0);
	assert_string_equal(err.text, "the server stops");
	stop(caller);
	assert_int_equal(atomic_load(&caller->failed), 2);
	net_tls_client_free(tls);
	deaf_close(&full);
	deaf_close(&silent);
	drop(caller);
}

static void *run_loop(void *loop)
{
	assert_int_equal(net_loop_run(loop, NULL), 0);
	return NULL;
}

static void a_loop_may_connect_before_it_runs(void **state)
{
	struct caller *caller = caller_new(NULL, 0);
	struct net_address to = at_port(caller->server->plain);
	struct net_loop *loop;
	pthread_t thread;
	assert_int_equal(net_loop_new(NULL, &loop, NULL), 0);
	struct net_connector *connector = connector_of(caller, loop, 0);
	assert_int_equal(net_connector_connect(connector, &to, NULL, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_loop, loop), 0);
	await(&caller->answered, 1);
	net_loop_stop(loop, 1000);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(atomic_load(&caller->closed), 1);
	assert_true(net_connector_connect(connector, &to, NULL, NULL) < 0);
	net_loop_free(loop);
	stop(caller);
	drop(caller);
}

enum { CALLS = 40 };

static void *call_many(void *context)
{
	struct caller *caller = context;
	struct net_address plain = at_port(caller->server->plain);
	uintptr_t begun = 0;
	for (int i = 0; i < CALLS; i++)
		begun += net_connector_connect(caller->connector, &plain, NULL, NULL) == 0;
	return (void *)begun;
}

/* From several threads, while the loop stops: what was begun is opened, or told to have failed. */
static void each_connection_that_was_begun_is_opened_or_fails(void **state)
{
	for (int round = 0; round < 3; round++) {
		struct caller *caller = caller_new(NULL, 0);
		pthread_t threads[3];
		uintptr_t begun = 0;
		for (size_t i = 0; i < ARRAY_LEN(threads); i++)
			assert_int_equal(pthread_create(&threads[i], NULL, call_many, caller), 0);
		if (round > 0)
			net_loop_stop(caller->server->loop, 1000);
		for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
			void *count;
			assert_int_equal(pthread_join(threads[i], &count), 0);
			begun += (uintptr_t)count;
		}
		if (round == 0)
			await(&caller->answered, ARRAY_LEN(threads) * CALLS);
		stop(caller);
		assert_int_equal(
			atomic_load(&caller->opened) + atomic_load(&caller->failed), begun);
		drop(caller);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outgoing_session_talks_over_tcp_unix_and_tls),
		cmocka_unit_test(a_refused_connection_is_told),
		cmocka_unit_test(connecting_and_its_handshake_take_only_so_long),
		cmocka_unit_test(a_wrong_key_is_told_at_both_ends),
		cmocka_unit_test(limits_count_outgoing_connections_only_in_all),
		cmocka_unit_test(stopping_drops_who_is_connecting),
		cmocka_unit_test(a_loop_may_connect_before_it_runs),
		cmocka_unit_test(each_connection_that_was_begun_is_opened_or_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
