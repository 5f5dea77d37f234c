/* Telling a node: what is remembered there is forgotten, and who may not tell is refused. */
#include "directory/authmod_node.h"

#include "base/test.h"
#include "directory/fake.h"
#include "directory/kick.h"
#include "directory/timed.h"
#include "net/test_server.h"

static const struct directory_fake_user users[] = {
	{.name = "ann@example.org"},
	{.name = "bob@example.org"},
};

struct world {
	struct directory *fake, *timed;
	struct directory_sessions *sessions;
	struct directory_authmod_service service;
	struct test_server *server;
	struct directory_authmod_node *node;
	struct arena arena;
	struct err err;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char text[64];
	const char *server = text;
	w->fake = directory_fake_new(users, ARRAY_LEN(users));
	w->timed = directory_timed_new(&(struct directory_timed_options){
		.inner = w->fake, .positive_ms = 60000, .entries_max = 1000});
	w->sessions = directory_sessions_new();
	w->service = (struct directory_authmod_service){
		.directory = w->timed, .sessions = w->sessions, .trusted = true};
	w->server = test_server_start(NULL);
	struct net_address bound = test_server_listen(w->server, "127.0.0.1:0",
		(struct net_listener_options){
			.protocol = &directory_authmod_protocol, .service = &w->service});
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", net_address_port(&bound));
	const struct directory_authmod_options options = {
		.servers = &server, .server_count = 1, .timeout_ms = 2000};
	assert_int_equal(directory_authmod_node_new(&options, &w->node, NULL), 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	directory_authmod_node_free(w->node);
	test_server_stop(w->server, 1000);
	directory_sessions_free(w->sessions);
	directory_free(w->timed);
	arena_free(&w->arena);
	free(w);
	return 0;
}

/* How often the directory was asked for it. */
static unsigned ask(struct world *w, const char *user)
{
	struct directory_user found;
	unsigned before = directory_fake_calls(w->fake);
	assert_int_equal(directory_user(w->timed, slice_str(user), DIRECTORY_IMAP, &w->arena,
				 &found, &w->err),
		0);
	return directory_fake_calls(w->fake) - before;
}

static void what_is_flushed_is_asked_anew(void **state)
{
	struct world *w = *state;
	(void)ask(w, "ann@example.org");
	(void)ask(w, "bob@example.org");
	assert_int_equal(
		directory_authmod_node_flush(w->node, SLICE("ann@example.org"), &w->err), 0);
	assert_int_equal(ask(w, "ann@example.org"), 1);
	assert_int_equal(ask(w, "bob@example.org"), 0);
	assert_int_equal(directory_authmod_node_flush(w->node, SLICE(""), &w->err), 0);
	assert_int_equal(ask(w, "bob@example.org"), 1);
}

static void who_is_kicked_is_forgotten_too(void **state)
{
	struct world *w = *state;
	unsigned sessions = 9;
	(void)ask(w, "ann@example.org");
	assert_int_equal(
		directory_authmod_node_kick(w->node, SLICE("Ann@example.org"), &sessions, &w->err),
		0);
	assert_int_equal(sessions, 0);
	assert_int_equal(ask(w, "ann@example.org"), 1);
	directory_fake_set_dead(w->fake, true);
	assert_int_equal(
		directory_authmod_node_kick(w->node, SLICE("ann@example.org"), &sessions, &w->err),
		0);
}

static void only_the_trusted_are_heard(void **state)
{
	struct world *w = *state;
	unsigned sessions;
	w->service.trusted = false;
	assert_true(directory_authmod_node_kick(
			    w->node, SLICE("ann@example.org"), &sessions, &w->err) < 0);
	assert_string_equal(w->err.text, "not allowed here");
	assert_true(directory_authmod_node_flush(w->node, SLICE(""), &w->err) < 0);
	assert_true(directory_authmod_node_kick(w->node, SLICE("a\nb"), &sessions, &w->err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_flushed_is_asked_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_is_kicked_is_forgotten_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_the_trusted_are_heard, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
