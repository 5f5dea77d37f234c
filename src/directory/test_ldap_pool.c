/* Fail-over, on servers that are an array. */
#include "base/test.h"
#include "base/clock.h"
#include "directory/ldap_pool.h"

#include <pthread.h>
#include <unistd.h>

enum { SERVERS = 3, FIRST_MS = 1000000 };

struct world {
	bool down[SERVERS];
	bool broken; /* connections break at work */
	unsigned opened[SERVERS], closed, worked;
	struct directory_ldap_pool *pool;
};

struct connection {
	struct world *world;
	size_t server;
	bool gone; /* the server has closed it */
};

static int open_fake(void *context, size_t server, void **ret_connection, struct err *err)
{
	struct world *w = context;
	w->opened[server]++;
	if (w->down[server]) {
		(void)err_temporary(err, ERR_UNAVAILABLE, "server %zu is down", server);
		return DIRECTORY_LDAP_GONE;
	}
	struct connection *c = calloc(1, sizeof(*c));
	*c = (struct connection){w, server, false};
	*ret_connection = c;
	return 0;
}

static void close_fake(void *connection)
{
	((struct connection *)connection)->world->closed++;
	free(connection);
}

/* Says which server it was. */
static int work(void *connection, size_t server, void *context, struct err *err)
{
	struct connection *c = connection;
	c->world->worked++;
	assert_int_equal(c->server, server);
	if (c->gone || c->world->down[server] || c->world->broken) {
		(void)err_temporary(err, ERR_UNAVAILABLE, "server %zu broke off", server);
		return DIRECTORY_LDAP_GONE;
	}
	*(size_t *)context = server;
	return 0;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct directory_ldap_pool_options options = {.servers = SERVERS,
		.connections = 2,
		.wait_ms = 1,
		.open = open_fake,
		.close = close_fake,
		.context = w};
	w->pool = directory_ldap_pool_new(&options);
	clock_fake(FIRST_MS, FIRST_MS);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	directory_ldap_pool_free(w->pool);
	clock_fake(-1, -1);
	free(w);
	return 0;
}

static void expect_server(struct world *w, size_t expected)
{
	struct err err;
	size_t server = SERVERS;
	assert_int_equal(directory_ldap_pool_run(w->pool, work, &server, &err), 0);
	assert_int_equal(server, expected);
}

static void a_connection_is_used_again(void **state)
{
	struct world *w = *state;
	expect_server(w, 0);
	expect_server(w, 0);
	assert_int_equal(w->opened[0], 1);
}

static void the_next_server_takes_over_and_the_first_is_left_alone_for_a_while(void **state)
{
	struct world *w = *state;
	w->down[0] = true;
	expect_server(w, 1);
	expect_server(w, 1);
	assert_int_equal(w->opened[0], 1);
	w->down[0] = false;
	clock_fake(FIRST_MS + 9000, FIRST_MS);
	expect_server(w, 1);
	clock_fake(FIRST_MS + 11000, FIRST_MS);
	expect_server(w, 0);
}

static void who_failed_is_asked_when_nobody_else_is_left(void **state)
{
	struct world *w = *state;
	w->down[0] = true;
	expect_server(w, 1);
	w->down[0] = false;
	w->down[1] = w->down[2] = true;
	expect_server(w, 0);
}

static void without_any_server_the_last_error_is_told(void **state)
{
	struct world *w = *state;
	struct err err;
	size_t server;
	for (size_t i = 0; i < SERVERS; i++)
		w->down[i] = true;
	assert_int_equal(directory_ldap_pool_run(w->pool, work, &server, &err), -1);
	assert_int_equal(err.class, ERR_TEMPORARY);
	assert_string_equal(err.text, "server 2 is down");
	for (size_t i = 0; i < SERVERS; i++)
		assert_int_equal(w->opened[i], 1);
}

static void an_idle_connection_that_was_closed_is_no_failure(void **state)
{
	struct world *w = *state;
	expect_server(w, 0);
	w->down[0] = true; /* it is started anew: the old connection is gone, a new one works */
	struct err err;
	size_t server;
	w->down[1] = w->down[2] = true;
	assert_int_equal(directory_ldap_pool_run(w->pool, work, &server, &err), -1);
	w->down[0] = w->down[1] = w->down[2] = false;
	expect_server(w, 0);
	assert_int_equal(w->opened[0], 3);
	assert_int_equal(w->closed, 1);
}

static void what_was_idle_for_long_is_not_used(void **state)
{
	struct world *w = *state;
	expect_server(w, 0);
	clock_fake(FIRST_MS + 5 * 60 * 1000, FIRST_MS);
	expect_server(w, 0);
	assert_int_equal(w->opened[0], 2);
	assert_int_equal(w->closed, 1);
}

static void servers_that_break_off_are_asked_once_each(void **state)
{
	struct world *w = *state;
	struct err err;
	size_t server;
	w->broken = true;
	assert_int_equal(directory_ldap_pool_run(w->pool, work, &server, &err), -1);
	assert_int_equal(w->worked, SERVERS);
	assert_int_equal(w->closed, SERVERS);
}

/* Holds both connections, and asks for a third meanwhile. */
static int nested(void *connection, size_t server, void *context, struct err *err)
{
	struct world *w = ((struct connection *)connection)->world;
	size_t *depth = context;
	if (++*depth < 3)
		return directory_ldap_pool_run(w->pool, nested, depth, err);
	return 0;
}

static void more_than_are_allowed_wait_and_then_can_not_tell(void **state)
{
	struct world *w = *state;
	struct err err;
	size_t depth = 0;
	assert_int_equal(directory_ldap_pool_run(w->pool, nested, &depth, &err), -1);
	assert_int_equal(depth, 2);
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_int_equal(err.class, ERR_TEMPORARY);
	expect_server(w, 0);
}

int main(void)
{
#define POOL_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		POOL_TEST(a_connection_is_used_again),
		POOL_TEST(the_next_server_takes_over_and_the_first_is_left_alone_for_a_while),
		POOL_TEST(who_failed_is_asked_when_nobody_else_is_left),
		POOL_TEST(without_any_server_the_last_error_is_told),
		POOL_TEST(an_idle_connection_that_was_closed_is_no_failure),
		POOL_TEST(what_was_idle_for_long_is_not_used),
		POOL_TEST(servers_that_break_off_are_asked_once_each),
		POOL_TEST(more_than_are_allowed_wait_and_then_can_not_tell),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
