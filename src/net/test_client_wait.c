/* Clients on a loop's runners: they hold no thread while they wait, their time-outs hold, and the
 * loop that stops does not wait for them. */
#include "net/client.h"
#include "net/loop_internal.h"
#include "net/test_front.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/test.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 1000, LARGE = 3 * 1024 * 1024 };

/* Asks the back end on each line, and says its answer, or what is wrong. */
struct asker {
	struct net_client_options back;
	struct net_client *_Atomic kept; /* is asked in place of a new one */
	size_t write;                    /* so many bytes first */
	atomic_uint failed;
};

static int question(struct asker *asker, struct net_client *client, struct net_session *session,
	struct err *err)
{
	struct slice line;
	char *bytes = alloc_zero(1, asker->write + 1);
	memset(bytes, 'q', asker->write);
	net_client_write(client, slice(bytes, asker->write));
	free(bytes);
	int r = net_client_read_line(client, 1000, &line, err);
	if (r == 0)
		net_printf(session, "%.*s\r\n", SLICE_ARG(line));
	return r;
}

static enum net_next asker_run(struct net_session *session, unsigned events)
{
	struct asker *asker = net_service(session);
	struct net_client *client = atomic_exchange(&asker->kept, NULL), *fresh = NULL;
	struct err err = {0};
	if (events & NET_SHUTDOWN)
		return NET_CLOSE;
	if (slice_find(net_input(session), '\n') < 0)
		return NET_WAIT_INPUT;
	net_consume(session, net_input(session).len);
	int r = client ? 0 : net_client_connect(&asker->back, &fresh, &err);
	if (r == 0)
		r = question(asker, client ? client : fresh, session, &err);
	if (r < 0) {
		(void)atomic_fetch_add(&asker->failed, 1);
		net_printf(session, "%s\r\n", err.text);
	}
	if (client)
		atomic_store(&asker->kept, client);
	net_client_close(fresh);
	return NET_WAIT_INPUT;
}

static enum net_next asker_open(struct net_session *session)
{
	return NET_WAIT_INPUT;
}

static void asker_close(struct net_session *session)
{
}

static const struct net_protocol ASKER = {
	.name = "asker",
	.open = asker_open,
	.run = asker_run,
	.close = asker_close,
	.input_max = 1000,
};

struct fixture {
	struct front *front; /* its listener is the back end */
	struct asker asker;
	uint16_t port;
};

static struct fixture *start(struct test_server_options options)
{
	struct fixture *f = ALLOC(struct fixture);
	struct rlimit files = {.rlim_cur = 65536, .rlim_max = 65536};
	(void)setrlimit(RLIMIT_NOFILE, &files);
	options.loop.max_per_address = 100000;
	f->front = front_start(&options);
	front_listen(f->front, "127.0.0.1:0", false);
	f->asker.back = (struct net_client_options){
		.address = f->front->back.address, .timeout_ms = 20 * 1000};
	struct net_address bound = test_server_listen(f->front->server, "127.0.0.1:0",
		(struct net_listener_options){.protocol = &ASKER, .service = &f->asker});
	f->port = net_address_port(&bound);
	return f;
}

static void stop(struct fixture *f, unsigned grace_ms)
{
	net_client_close(atomic_load(&f->asker.kept));
	front_stop(f->front, grace_ms);
	free(f);
}

static struct test_peer *ask(struct fixture *f)
{
	struct test_peer *peer = test_connect(f->port);
	test_send(peer, "ASK\r\n");
	return peer;
}

static void until_waiting(struct fixture *f, unsigned count)
{
	while (net_loop_figures(f->front->server->loop).waiting != count)
		(void)usleep(1000);
}

/* So many ask at once; the answers come backwards. */
static void ask_at_once(struct fixture *f, int count, bool all_wait)
{
	static struct test_peer *clients[MANY], *servers[MANY];
	for (int i = 0; i < count; i++) {
		clients[i] = ask(f);
		if (all_wait || i < 4)
			servers[i] = front_accept(f->front, "");
	}
	if (all_wait)
		until_waiting(f, (unsigned)count);
	assert_true(net_loop_figures(f->front->server->loop).workers <= 2);
	for (int i = all_wait ? count - 1 : 0; i >= 0 && i < count; i += all_wait ? -1 : 1) {
		if (!all_wait && i >= 4)
			servers[i] = front_accept(f->front, "");
		test_send(servers[i], "answer\r\n");
	}
	for (int i = 0; i < count; i++)
		assert_line(clients[i], "answer");
	for (int i = 0; i < count; i++) {
		test_close(clients[i]);
		test_close(servers[i]);
	}
}

static void who_waits_for_a_server_holds_no_thread(void **state)
{
	struct fixture *f =
		start((struct test_server_options){.loop = {.workers_min = 2, .workers_max = 2}});
	struct test_peer *other = test_connect(f->front->server->plain);
	ask_at_once(f, MANY, true);
	assert_line(other, "hello");
	assert_int_equal(atomic_load(&f->asker.failed), 0);
	test_close(other);
	stop(f, 1000);
}

/* Who waits is waited for by nobody else: events must be taken though no runner is free. */
static void more_wait_than_there_are_runners(void **state)
{
	struct fixture *f = start((struct test_server_options){
		.loop = {.workers_min = 2, .workers_max = 2, .runners_max = 4}});
	ask_at_once(f, 40, false);
	assert_int_equal(atomic_load(&f->asker.failed), 0);
	f->asker.back.timeout_ms = 50; /* and timers are heard of */
	struct test_peer *clients[8];
	for (size_t i = 0; i < ARRAY_LEN(clients); i++)
		clients[i] = ask(f);
	for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
		assert_non_null(strstr(test_line(clients[i]), "does not answer in time"));
		test_close(clients[i]);
	}
	stop(f, 1000);
}

static void time_outs_hold(void **state)
{
	struct fixture *f = start((struct test_server_options){0});
	f->asker.back.timeout_ms = 100;
	int64_t began = clock_mono_ms();
	struct test_peer *client = ask(f), *server = front_accept(f->front, "half of a li");
	assert_non_null(strstr(test_line(client), "does not answer in time"));
	assert_true(clock_mono_ms() >= began + 100);
	test_close(client);
	test_close(server);
	stop(f, 1000);
}

/* The socket takes no more, so it is output that is waited for. */
static void writing_waits_too(void **state)
{
	struct fixture *f =
		start((struct test_server_options){.loop = {.workers_min = 1, .workers_max = 1}});
	int small = 8192;
	assert_int_equal(
		setsockopt(f->front->listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	f->asker.write = LARGE;
	struct test_peer *client = ask(f), *server = front_accept(f->front, "");
	until_waiting(f, 1);
	assert_int_equal(test_drop(server, LARGE), LARGE);
	test_send(server, "answer\r\n");
	assert_line(client, "answer");
	test_close(client);
	test_close(server);
	stop(f, 1000);
}

/* By a plain thread, then on two loops, then by the thread again. */
static void a_client_may_be_used_anywhere(void **state)
{
	struct fixture *f = start((struct test_server_options){0});
	struct fixture *other = start((struct test_server_options){0});
	struct net_client *client;
	struct slice line;
	assert_int_equal(net_client_connect(&f->asker.back, &client, NULL), 0);
	struct test_peer *server = front_accept(f->front, "first\r\n");
	assert_int_equal(net_client_read_line(client, 100, &line, NULL), 0);
	for (int i = 0; i < 4; i++) {
		struct fixture *here = i % 2 ? other : f;
		atomic_store(&here->asker.kept, client);
		struct test_peer *asking = ask(here);
		until_waiting(here, 1);
		test_send(server, "second\r\n");
		assert_line(asking, "second");
		client = atomic_exchange(&here->asker.kept, NULL);
		test_close(asking);
	}
	test_send(server, "third\r\n");
	assert_int_equal(net_client_read_line(client, 100, &line, NULL), 0);
	assert_slice(line, "third");
	stop(other, 1000); /* it was there last */
	assert_true(net_client_is_quiet(client));
	net_client_close(client);
	test_close(server);
	stop(f, 1000);
}

static void a_server_that_leaves_is_noticed(void **state)
{
	struct fixture *f = start((struct test_server_options){0});
	struct test_peer *client = ask(f), *server = front_accept(f->front, "half");
	until_waiting(f, 1);
	test_close(server);
	assert_non_null(strstr(test_line(client), "closed the connection"));
	test_close(client);
	stop(f, 1000);
}

/* Their time-out is far away. */
static void a_loop_that_stops_waits_for_no_server(void **state)
{
	for (int early = 0; early < 2; early++) {
		struct fixture *f = start((struct test_server_options){0});
		f->asker.back.ends_early = early;
		struct test_peer *client = ask(f), *server = front_accept(f->front, "");
		until_waiting(f, 1);
		int64_t began = clock_mono_ms();
		stop(f, early ? 20 * 1000 : 300);
		assert_line(client, "the server stops");
		assert_true(early || clock_mono_ms() >= began + 300);
		assert_true(clock_mono_ms() < began + 20 * 1000);
		test_close(client);
		test_close(server);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_waits_for_a_server_holds_no_thread),
		cmocka_unit_test(more_wait_than_there_are_runners),
		cmocka_unit_test(time_outs_hold),
		cmocka_unit_test(writing_waits_too),
		cmocka_unit_test(a_client_may_be_used_anywhere),
		cmocka_unit_test(a_server_that_leaves_is_noticed),
		cmocka_unit_test(a_loop_that_stops_waits_for_no_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
