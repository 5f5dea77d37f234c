/* authmod, server and client, over a Unix socket: the real server before a directory out of an
 * array; and a server that answers what the test wants. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/test.h"
#include "directory/authmod.h"
#include "directory/fake.h"
#include "directory/masters.h"
#include "net/loop.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TIMEOUT_MS = 2000 };

/* Of "mo". */
#define MO_HASH "{SSHA}8f2USnJFXDK05TwYmsrF5t6w++VzYWx0"

struct world {
	char path[64];
	struct directory *fake, *client;
	struct directory_authmod_service service;
	struct net_loop *loop;
	pthread_t thread;
	struct arena arena;
	struct err err;
};

static struct directory_fake_user users[] = {
	{.name = "ann@example.org",
		.password = "pass \"word\\",
		.user =
			{
				.account = {{1, 2, 3}},
				.full_name = SLICE("Ann \"A\\\" \u00c5s, =x"),
				.services = DIRECTORY_IMAP | DIRECTORY_DELIVERY,
				.quota_bytes = UINT64_MAX,
				.quota_messages = 42,
				.domain_id = {{9}},
				.domain_quota_bytes = 7,
				.domain_quota_messages = 8,
				.to_host = SLICE("back1:143"),
				.created = 1700000000,
			}},
	{.name = "bob@example.org", .password = "bob"},
	{.name = "sue@example.org", .password = "sue", .user = {.suspended = true}},
	{.name = "all@example.org", .alias_of = "ann@example.org,bob@example.org"},
	{.name = "\"a b\"@example.org", .password = "x"},
	{.name = "pat@example.org", .user = {.no_copy = true}},
	{.name = "away@example.org", .alias_of = "x@a.test,pat@example.org,\"y z\"@b.test"},
	{.name = "far@example.org", .alias_of = "x@a.test"},
};

static void *serve(void *context)
{
	struct world *w = context;
	assert_int_equal(net_loop_run(w->loop, NULL), 0);
	return NULL;
}

static void make_address(struct world *w, struct net_address *ret_address)
{
	char text[80];
	(void)snprintf(text, sizeof(text), "unix:%s", w->path);
	assert_int_equal(net_address_parse(slice_str(text), ret_address, NULL), 0);
}

static int listen_there(struct world *w)
{
	struct net_address address;
	int fd;
	make_address(w, &address);
	assert_int_equal(net_address_listen(&address, 64, 0600, &fd, NULL), 0);
	return fd;
}

static void start(struct world *w)
{
	const struct net_loop_options loop = {0};
	const struct net_listener_options listener = {
		.fd = listen_there(w),
		.protocol = &directory_authmod_protocol,
		.service = &w->service,
	};
	assert_int_equal(net_loop_new(&loop, &w->loop, NULL), 0);
	assert_int_equal(net_loop_listen(w->loop, &listener, NULL), 0);
	assert_int_equal(pthread_create(&w->thread, NULL, serve, w), 0);
}

static void stop(struct world *w)
{
	net_loop_stop(w->loop, 1000);
	assert_int_equal(pthread_join(w->thread, NULL), 0);
	net_loop_free(w->loop);
}

static struct world *make(void)
{
	static unsigned count;
	struct world *w = ALLOC(struct world);
	char server[80];
	const char *const servers[] = {server};
	const struct directory_authmod_options options = {
		.servers = servers, .server_count = 1, .timeout_ms = TIMEOUT_MS};
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	(void)snprintf(w->path, sizeof(w->path), "/tmp/test_authmod.%d.%u", getpid(), count++);
	w->fake = directory_fake_new(users, ARRAY_LEN(users));
	w->service.directory = w->fake;
	w->service.trusted = true;
	(void)snprintf(server, sizeof(server), "unix:%s", w->path);
	assert_int_equal(directory_authmod_new(&options, &w->client, NULL), 0);
	return w;
}

static void drop(struct world *w)
{
	directory_free(w->client);
	directory_free(w->fake);
	arena_free(&w->arena);
	(void)unlink(w->path);
	free(w);
}

static int setup(void **state)
{
	struct world *w = make();
	start(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	stop(w);
	drop(w);
	return 0;
}

static int check(struct world *w, const char *user, const char *password,
	enum directory_service service, struct directory_user *ret_user)
{
	w->err = (struct err){0};
	return directory_check(w->client, slice_str(user), slice_str(password), SLICE("192.0.2.1"),
		service, &w->arena, ret_user, &w->err);
}

static void every_field_of_a_user_crosses(void **state)
{
	struct world *w = *state;
	struct directory_user user;
	assert_int_equal(check(w, "ann@example.org", "pass \"word\\", DIRECTORY_IMAP, &user), 0);
	const struct directory_user *wanted = &users[0].user;
	assert_true(id_eq(user.account, wanted->account));
	assert_slice(user.name, "ann@example.org");
	assert_slice(user.domain, "example.org");
	assert_slice(user.full_name, "Ann \"A\\\" \u00c5s, =x");
	assert_int_equal(user.services, wanted->services);
	assert_false(user.suspended);
	assert_true(user.quota_bytes == UINT64_MAX);
	assert_int_equal(user.quota_messages, 42);
	assert_true(id_eq(user.domain_id, wanted->domain_id));
	assert_int_equal(user.domain_quota_bytes, 7);
	assert_int_equal(user.domain_quota_messages, 8);
	assert_slice(user.to_host, "back1:143");
	assert_int_equal(user.created, 1700000000);
	assert_int_equal(directory_user(w->client, SLICE("bob@example.org"), DIRECTORY_POP3,
				 &w->arena, &user, &w->err),
		0);
	assert_int_equal(user.services, DIRECTORY_ALL_SERVICES);
	assert_true(id_is_none(user.account));
	assert_slice(user.full_name, "");
}

static void each_no_is_told_apart(void **state)
{
	struct world *w = *state;
	struct directory_user user;
	assert_int_equal(
		check(w, "bob@example.org", "wrong", DIRECTORY_IMAP, &user), DIRECTORY_WRONG);
	assert_int_equal(check(w, "bob@example.org", "", DIRECTORY_IMAP, &user), DIRECTORY_WRONG);
	assert_int_equal(
		check(w, "zoe@example.org", "x", DIRECTORY_IMAP, &user), DIRECTORY_UNKNOWN);
	assert_int_equal(check(w, "ann@example.org", "pass \"word\\", DIRECTORY_POP3, &user),
		DIRECTORY_DENIED);
	assert_string_equal(w->err.text, "ann@example.org may not use pop3");
	assert_int_equal(
		check(w, "sue@example.org", "sue", DIRECTORY_IMAP, &user), DIRECTORY_DENIED);
	assert_string_equal(w->err.text, "sue@example.org is suspended");
	/* what can't stand in a line is nobody's password */
	assert_int_equal(
		check(w, "bob@example.org", "b\nob", DIRECTORY_IMAP, &user), DIRECTORY_WRONG);
	assert_int_equal(directory_user(w->client, SLICE("all@example.org"), DIRECTORY_IMAP,
				 &w->arena, &user, &w->err),
		DIRECTORY_UNKNOWN);
	assert_int_equal(directory_user(w->client, SLICE("all@example.org"),
				 (enum directory_service)0, &w->arena, &user, &w->err),
		DIRECTORY_UNKNOWN);
}

static void routes_cross(void **state)
{
	struct world *w = *state;
	struct directory_route route;
	assert_int_equal(directory_lookup(w->client, SLICE("ALL+x=\"y@example.org"), &w->arena,
				 &route, &w->err),
		DIRECTORY_UNKNOWN);
	assert_int_equal(directory_lookup(w->client, SLICE("ALL+x=y@example.org"), &w->arena,
				 &route, &w->err),
		0);
	assert_int_equal(route.count, 2);
	assert_slice(route.users[0].name, "ann@example.org");
	assert_slice(route.users[0].to_host, "back1:143");
	assert_slice(route.users[1].name, "bob@example.org");
	assert_slice(route.matched, "all@example.org");
	assert_slice(route.detail, "x=y");
	assert_int_equal(directory_lookup(w->client, SLICE("\"a b\"@example.org"), &w->arena,
				 &route, &w->err),
		0);
	assert_slice(route.users[0].name, "\"a b\"@example.org");
	assert_slice(route.users[0].domain, "example.org");
	assert_int_equal(
		directory_lookup(w->client, SLICE("sue@example.org"), &w->arena, &route, &w->err),
		DIRECTORY_DENIED);
	assert_int_equal(directory_domain(w->client, SLICE("example.org"), &w->err), 0);
	assert_int_equal(
		directory_domain(w->client, SLICE("example.com"), &w->err), DIRECTORY_UNKNOWN);
}

static void addresses_elsewhere_cross(void **state)
{
	struct world *w = *state;
	struct directory_route route;
	assert_int_equal(
		directory_lookup(w->client, SLICE("away@example.org"), &w->arena, &route, &w->err),
		0);
	assert_int_equal(route.count, 1);
	assert_slice(route.users[0].name, "pat@example.org");
	assert_true(route.users[0].no_copy);
	assert_int_equal(route.elsewhere_count, 2);
	assert_slice(route.elsewhere[0], "x@a.test");
	assert_slice(route.elsewhere[1], "\"y z\"@b.test");
	assert_int_equal(
		directory_lookup(w->client, SLICE("far@example.org"), &w->arena, &route, &w->err),
		0);
	assert_int_equal(route.count, 0);
	assert_int_equal(route.elsewhere_count, 1);
	assert_slice(route.matched, "far@example.org");
}

static void scram_keys_cross_to_the_trusted_only(void **state)
{
	struct world *w = *state;
	struct sasl_scram_keys keys;
	assert_int_equal(directory_scram(w->client, SLICE("bob@example.org"), &keys, &w->err), 0);
	assert_int_equal(keys.iterations, 4096);
	assert_int_equal(directory_scram(w->client, SLICE("zoe@example.org"), &keys, &w->err),
		DIRECTORY_UNKNOWN);
	w->service.trusted = false;
	assert_true(directory_scram(w->client, SLICE("bob@example.org"), &keys, &w->err) < 0);
	assert_int_equal(w->err.class, ERR_TEMPORARY);
}

static int check_master(struct world *w, const char *password, struct directory_user *ret_user)
{
	const struct directory_master master = {SLICE("mo \"o\""), slice_str(password)};
	return directory_check_master(w->client, SLICE("bob@example.org"), &master,
		SLICE("192.0.2.1"), DIRECTORY_IMAP, &w->arena, ret_user, &w->err);
}

static void masters_passwords_cross_to_the_trusted_only(void **state)
{
	struct world *w = *state;
	struct directory_user user;
	struct directory *masters;
	assert_int_equal(check_master(w, "bob", &user), DIRECTORY_WRONG);
	assert_int_equal(
		directory_masters_new(w->fake, SLICE("mo \"o\":" MO_HASH), &masters, NULL), 0);
	w->service.directory = masters;
	assert_int_equal(check_master(w, "mo", &user), 0);
	assert_slice(user.name, "bob@example.org");
	assert_int_equal(check_master(w, "bob", &user), DIRECTORY_WRONG);
	w->service.trusted = false;
	assert_true(check_master(w, "mo", &user) < 0);
	assert_int_equal(w->err.class, ERR_TEMPORARY);
	directory_free(masters);
}

static void dead_is_temporary_for_every_question(void **state)
{
	struct world *w = *state;
	struct directory_user user;
	struct directory_route route;
	struct sasl_scram_keys keys;
	struct slice bob = SLICE("bob@example.org");
	directory_fake_set_dead(w->fake, true);
	assert_true(check(w, "bob@example.org", "bob", DIRECTORY_IMAP, &user) < 0);
	assert_int_equal(w->err.class, ERR_TEMPORARY);
	assert_string_equal(w->err.text, "directory: the fake plays dead");
	assert_true(directory_user(w->client, bob, DIRECTORY_IMAP, &w->arena, &user, &w->err) < 0);
	assert_true(directory_lookup(w->client, bob, &w->arena, &route, &w->err) < 0);
	assert_true(directory_domain(w->client, SLICE("example.org"), &w->err) < 0);
	assert_true(directory_scram(w->client, bob, &keys, &w->err) < 0);
	directory_fake_set_dead(w->fake, false);
	assert_int_equal(check(w, "bob@example.org", "bob", DIRECTORY_IMAP, &user), 0);
}

static void a_server_started_again_is_reached_by_a_fresh_connection(void **state)
{
	struct world *w = *state;
	struct directory_user user;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(check(w, "bob@example.org", "bob", DIRECTORY_IMAP, &user), 0);
		stop(w);
		assert_true(check(w, "bob@example.org", "bob", DIRECTORY_IMAP, &user) < 0);
		assert_int_equal(w->err.class, ERR_TEMPORARY);
		start(w);
		assert_int_equal(check(w, "bob@example.org", "bob", DIRECTORY_IMAP, &user), 0);
	}
}

/* Talks to the server as it is. */
static void converse(struct world *w, const char *const *lines, size_t count)
{
	struct net_client_options options = {.timeout_ms = TIMEOUT_MS};
	struct net_client *client;
	struct slice line;
	make_address(w, &options.address);
	assert_int_equal(net_client_connect(&options, &client, &w->err), 0);
	for (size_t i = 0; i < count; i += 2) {
		net_client_write(client, slice_str(lines[i]));
		net_client_write(client, SLICE("\r\n"));
	}
	for (size_t i = 1; i < count; i += 2) {
		assert_int_equal(net_client_read_line(client, 20000, &line, &w->err), 0);
		assert_slice(line, lines[i]);
	}
	net_client_close(client);
}

static void the_words_on_the_wire_are_as_documented(void **state)
{
	struct world *w = *state;
	const char *const lines[] = {
		"CHECK bob@example.org bob",
		"+OK bob@example.org config 0 mailstatus=\"ok\" "
		"services=\"imap,pop3,submission,managesieve,http,delivery\"",
		"check bob@example.org",
		"-ERR wrong number of words",
		"check bob@example.org bob x service=\"gopher\"",
		"-ERR there is no such service",
		"check bob@example.org wrong",
		"-ERR [WRONG] wrong password",
		"lookup all@example.org",
		"+OK all@example.org config 0 fwd=\"ann@example.org,bob@example.org\"",
		"lookup away@example.org",
		"+OK away@example.org config 0 fwd=\"x@a.test,\\\"y z\\\"@b.test\"",
		"route far@example.org",
		"+DATA fwd=\"x@a.test\"",
		"", /* nothing is asked, and another line of the answer is there */
		"+OK far@example.org config 0 detail=\"\" count=\"1\"",
		"lookup zoe@example.org",
		"-ERR [UNKNOWN] there is no such name",
		"lookup sue@example.org",
		"-ERR [DENIED] sue@example.org is suspended",
		"domain Example.org",
		"+OK Example.org config 0",
		"set ann@example.org name=\"x\"",
		"-ERR not allowed here",
		"search *",
		"-ERR not allowed here",
		"frobnicate",
		"-ERR unknown command",
		"check \"bob",
		"-ERR malformed line",
		"version",
		"+OK rookery " ROOKERY_VERSION " authmod 1",
		"help",
		"+OK check lookup route domain scram kick flush login version help quit exit",
		" \t\r\nexit", /* an empty line has no answer */
		"+OK bye",
	};
	converse(w, lines, ARRAY_LEN(lines));
}

static void a_line_without_end_is_cut_off(void **state)
{
	struct world *w = *state;
	struct net_client_options options = {.timeout_ms = TIMEOUT_MS};
	struct net_client *client;
	struct slice line;
	char *text = alloc(20000);
	memset(text, 'a', 20000);
	make_address(w, &options.address);
	assert_int_equal(net_client_connect(&options, &client, &w->err), 0);
	net_client_write(client, slice(text, 20000));
	assert_int_equal(net_client_read_line(client, 1000, &line, &w->err), 0);
	assert_slice(line, "-ERR the line is too long");
	assert_true(net_client_read_line(client, 1000, &line, &w->err) < 0);
	net_client_close(client);
	free(text);
}

struct asker {
	struct world *w;
	unsigned wrong;
};

static void *ask_often(void *context)
{
	struct asker *a = context;
	for (int i = 0; i < 100; i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct directory_route route;
		struct err err;
		bool known = i % 2;
		int r = directory_lookup(a->w->client,
			known ? SLICE("all@example.org") : SLICE("zoe@example.org"), &arena, &route,
			&err);
		a->wrong += r != (known ? 0 : DIRECTORY_UNKNOWN) || (known && route.count != 2);
	}
	return NULL;
}

static void many_threads_may_ask_at_once(void **state)
{
	enum { THREADS = 12 };
	pthread_t threads[THREADS];
	struct asker askers[THREADS] = {0};
	for (size_t i = 0; i < THREADS; i++) {
		askers[i].w = *state;
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &askers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(askers[i].wrong, 0);
	}
}

/* A server of the test's own: takes connections one after another, reads a line on each, writes
 * the next answer and closes. */
struct script {
	int fd;
	const char *const *answers;
	size_t count, served;
};

static void *play(void *context)
{
	struct script *s = context;
	for (; s->served < s->count; s->served++) {
		char line[1000];
		int fd;
		while ((fd = accept(s->fd, NULL, NULL)) < 0 && errno == EAGAIN)
			(void)usleep(1000);
		const char *answer = s->answers[s->served];
		if (fd < 0 || read(fd, line, sizeof(line)) <= 0 ||
			write(fd, answer, strlen(answer)) < 0) {
			s->served++;
			return NULL;
		}
		(void)close(fd);
	}
	return NULL;
}

/* What a question comes to when the server answers so. Counts the connections it took. */
static int answered(const char *const *answers, size_t count, bool route, size_t *ret_served)
{
	struct world *w = make();
	struct script s = {.fd = listen_there(w), .answers = answers, .count = count};
	struct directory_user user;
	struct directory_route found;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, play, &s), 0);
	int r = route ? directory_lookup(
				w->client, SLICE("ann@example.org"), &w->arena, &found, &w->err)
		      : check(w, "ann", "x", DIRECTORY_IMAP, &user);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (r < 0)
		assert_int_equal(w->err.class, ERR_TEMPORARY);
	*ret_served = s.served;
	(void)close(s.fd);
	drop(w);
	return r;
}

#define ANSWERED(route, served, ...)                                                               \
	({                                                                                         \
		const char *const answers_[] = {__VA_ARGS__};                                      \
		size_t served_;                                                                    \
		int r_ = answered(answers_, ARRAY_LEN(answers_), (route), &served_);               \
		assert_int_equal(served_, (served));                                               \
		r_;                                                                                \
	})

static void other_servers_answers_are_understood(void **state)
{
	assert_int_equal(ANSWERED(false, 1, "+OK ann /var/mail/ann 1000 quota=5\n"), 0);
	assert_int_equal(ANSWERED(false, 1, "+ok ann\r\n"), 0);
	assert_int_equal(ANSWERED(false, 1, "-ERR no\r\n"), DIRECTORY_WRONG);
	assert_int_equal(
		ANSWERED(false, 1, "+OK ann config 0 mailstatus=\"closed\"\r\n"), DIRECTORY_DENIED);
	assert_int_equal(
		ANSWERED(false, 1, "+OK ann config 0 services=\"pop3\"\r\n"), DIRECTORY_DENIED);
}

static void what_is_not_understood_is_never_a_no(void **state)
{
	assert_true(ANSWERED(false, 1, "hello\r\n") < 0);
	assert_true(ANSWERED(false, 1, "+OK\r\n") < 0);
	assert_true(ANSWERED(false, 1, "+OK \"ann\r\n") < 0);
	assert_true(ANSWERED(false, 1, "+DATA ann\r\n+OK ann\r\n") < 0);
	assert_true(ANSWERED(false, 1, "-DEAD\r\n") < 0);
	/* a server that does not know our own commands */
	assert_true(ANSWERED(true, 1, "-ERR unknown command\r\n") < 0);
	/* rows that do not add up */
	assert_true(
		ANSWERED(true, 1, "+DATA a@b config 0\r\n+OK a@b config 0 count=\"2\"\r\n") < 0);
	assert_true(ANSWERED(true, 1, "+OK a@b config 0 count=\"0\"\r\n") < 0);
	assert_int_equal(
		ANSWERED(true, 1, "+DATA a@b config 0\r\n+OK a@b config 0 count=\"1\"\r\n"), 0);
}

static void a_lost_connection_is_tried_again_once(void **state)
{
	assert_int_equal(ANSWERED(false, 2, "", "+OK ann\r\n"), 0);
	assert_true(ANSWERED(false, 2, "", "") < 0);
	assert_true(ANSWERED(false, 2, "+OK an", "+OK ann") < 0);
	/* rows that came before the loss do not count twice */
	assert_int_equal(ANSWERED(true, 2, "+DATA a@b config 0\r\n",
				 "+DATA a@b config 0\r\n+OK a@b config 0 count=\"1\"\r\n"),
		0);
}

static void silence_is_temporary_and_not_waited_for_twice(void **state)
{
	struct world *w = make();
	struct directory_user user;
	int fd = listen_there(w);
	int64_t before = clock_mono_ms();
	assert_true(check(w, "ann", "x", DIRECTORY_IMAP, &user) < 0);
	assert_int_equal(w->err.class, ERR_TEMPORARY);
	assert_true(clock_mono_ms() - before < 2 * TIMEOUT_MS - 200);
	(void)close(fd);
	drop(w);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(every_field_of_a_user_crosses),
		WITH_SERVER(each_no_is_told_apart),
		WITH_SERVER(routes_cross),
		WITH_SERVER(addresses_elsewhere_cross),
		WITH_SERVER(scram_keys_cross_to_the_trusted_only),
		WITH_SERVER(masters_passwords_cross_to_the_trusted_only),
		WITH_SERVER(dead_is_temporary_for_every_question),
		WITH_SERVER(a_server_started_again_is_reached_by_a_fresh_connection),
		WITH_SERVER(the_words_on_the_wire_are_as_documented),
		WITH_SERVER(a_line_without_end_is_cut_off),
		WITH_SERVER(many_threads_may_ask_at_once),
		cmocka_unit_test(other_servers_answers_are_understood),
		cmocka_unit_test(what_is_not_understood_is_never_a_no),
		cmocka_unit_test(a_lost_connection_is_tried_again_once),
		cmocka_unit_test(silence_is_temporary_and_not_waited_for_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
