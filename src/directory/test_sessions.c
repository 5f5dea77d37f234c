/* Who is logged in: found by account and by name, told, cut, barred. */
#include "directory/sessions.h"

#include "base/clock.h"
#include "base/test.h"
#include "net/test_server.h"

enum { GRACE_MS = 50, PATIENCE_MS = 5000 };

struct fixture {
	struct test_server *server;
	struct directory_sessions *sessions;
	struct test_peer *peers[2];
	struct net_session *nets[2];
};

static void start(struct fixture *f)
{
	f->server = test_server_start(NULL);
	f->sessions = directory_sessions_new();
	for (int i = 0; i < 2; i++) {
		f->peers[i] = test_connect(f->server->plain);
		assert_line(f->peers[i], "hello");
		test_send(f->peers[i], i ? "KEEP 1\r\n" : "KEEP 0\r\n");
		while (!(f->nets[i] = atomic_load(&f->server->kept[i])))
			wait_pause(clock_mono_ms() + 1);
		(void)test_line(f->peers[i]);
	}
}

static void stop(struct fixture *f)
{
	for (int i = 0; i < 2; i++) {
		net_session_unref(f->nets[i]);
		test_close(f->peers[i]);
	}
	directory_sessions_free(f->sessions);
	test_server_stop(f->server, 1000);
}

static void finds_by_account_and_by_name(void **state)
{
	struct fixture f;
	struct id account = id_new();
	start(&f);
	const struct directory_who ann = {.account = account, .user = SLICE("ann@example.org")};
	const struct directory_who alias = {.account = account, .user = SLICE("a@example.org")};
	const struct directory_who by_name = {.user = SLICE("ann@example.org")};
	const struct directory_who nobody = {.user = SLICE("bob@example.org")};
	struct directory_presence *first =
		directory_sessions_add(f.sessions, f.nets[0], &ann, false);
	struct directory_presence *second =
		directory_sessions_add(f.sessions, f.nets[1], &alias, false);
	assert_int_equal(directory_sessions_count(f.sessions, &ann), 2);
	assert_int_equal(directory_sessions_count(f.sessions, &by_name), 1);
	assert_int_equal(directory_sessions_count(f.sessions, &nobody), 0);
	assert_int_equal(directory_sessions_count(f.sessions, &(struct directory_who){0}), 0);
	directory_sessions_remove(f.sessions, first);
	assert_int_equal(directory_sessions_count(f.sessions, &ann), 1);
	directory_sessions_remove(f.sessions, second);
	assert_int_equal(directory_sessions_count(f.sessions, &ann), 0);
	stop(&f);
}

static void tells_first_and_cuts_who_does_not_go(void **state)
{
	struct fixture f;
	start(&f);
	const struct directory_who ann = {.user = SLICE("ann@example.org")};
	const struct directory_who bob = {.user = SLICE("bob@example.org")};
	struct directory_presence *hers =
		directory_sessions_add(f.sessions, f.nets[0], &ann, false);
	struct directory_presence *his = directory_sessions_add(f.sessions, f.nets[1], &bob, false);
	int64_t begin = clock_mono_ms();
	assert_false(directory_presence_is_told(hers));
	assert_int_equal(directory_sessions_end(f.sessions, &ann, GRACE_MS), 1);
	assert_true(clock_mono_ms() - begin >= GRACE_MS); /* it did not go by itself */
	assert_true(directory_presence_is_told(hers));
	assert_int_equal(atomic_load(&f.server->woken), 1);
	assert_line(f.peers[0], "woken");
	assert_ended(f.peers[0]);
	assert_false(directory_presence_is_told(his));
	test_send(f.peers[1], "ECHO still here\r\n");
	assert_line(f.peers[1], "still here");
	directory_sessions_remove(f.sessions, hers);
	directory_sessions_remove(f.sessions, his);
	stop(&f);
}

static void cuts_at_once_who_can_say_nothing(void **state)
{
	struct fixture f;
	start(&f);
	const struct directory_who ann = {.user = SLICE("ann@example.org")};
	struct directory_presence *hers = directory_sessions_add(f.sessions, f.nets[0], &ann, true);
	assert_int_equal(directory_sessions_end(f.sessions, &ann, 0), 1);
	assert_ended(f.peers[0]);
	assert_int_equal(atomic_load(&f.server->woken), 0);
	directory_sessions_remove(f.sessions, hers);
	stop(&f);
}

static bool is(void *context, struct id account)
{
	return id_eq(*(const struct id *)context, account);
}

static void who_is_barred_is_told_when_he_comes(void **state)
{
	struct fixture f;
	struct id barred = id_new();
	start(&f);
	directory_sessions_bar(f.sessions, is, &barred);
	const struct directory_who ann = {.account = barred, .user = SLICE("ann@example.org")};
	const struct directory_who bob = {.account = id_new(), .user = SLICE("bob@example.org")};
	struct directory_presence *hers =
		directory_sessions_add(f.sessions, f.nets[0], &ann, false);
	struct directory_presence *his = directory_sessions_add(f.sessions, f.nets[1], &bob, false);
	assert_true(directory_presence_is_told(hers));
	assert_false(directory_presence_is_told(his));
	directory_sessions_remove(f.sessions, hers);
	directory_sessions_remove(f.sessions, his);
	stop(&f);
}

static void nobody_keeps_account_of_it(void **state)
{
	const struct directory_who ann = {.user = SLICE("ann@example.org")};
	assert_null(directory_sessions_add(NULL, NULL, &ann, false));
	assert_false(directory_presence_is_told(NULL));
	directory_sessions_remove(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_by_account_and_by_name),
		cmocka_unit_test(tells_first_and_cuts_who_does_not_go),
		cmocka_unit_test(cuts_at_once_who_can_say_nothing),
		cmocka_unit_test(who_is_barred_is_told_when_he_comes),
		cmocka_unit_test(nobody_keeps_account_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
