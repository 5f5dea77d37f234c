/* Two linked nodes: what is written at either is at both. */
#include "mirror/test_pair.h"

#include "base/clock.h"
#include "base/test.h"

#include <unistd.h>

#define done(call) assert_int_equal((call), 0)

enum { ACCOUNTS = 6, WRITERS = 3, ROUNDS = 150, UNKNOWN_KIND = 4711 };

static struct id accounts[ACCOUNTS];

static int set_up(void **state)
{
	for (size_t i = 0; i < ACCOUNTS; i++)
		accounts[i] = id_new();
	*state = pair_new();
	return 0;
}

static int tear_down(void **state)
{
	pair_free(*state);
	return 0;
}

/* The collection of that name, made when it is not there. */
static struct store_collection *collection_of(struct store_write *w, struct id account,
	enum store_kind kind, const char *name, struct err *err)
{
	struct store_collection *c;
	int r = store_write_find_collection(w, account, kind, slice_str(name), &c, err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(
			w, account, kind, slice_str(name), SLICE_NONE, &c, err);
	assert_int_equal(r, 0);
	return c;
}

static uint32_t put(struct store *store, struct id account, enum store_kind kind, const char *name,
	struct slice body)
{
	struct store_write *w;
	struct err err;
	struct store_object o = {.flags = STORE_COUNTED, .data = SLICE("data")};
	done(store_write_begin(store, &account, 1, &w, &err));
	struct store_collection *c = collection_of(w, account, kind, name, &err);
	o.blob = store_write_blob(w, body);
	done(store_write_object_new(w, c, &o, SLICE("facet"), &err));
	done(store_write_commit(w, &err));
	return o.number;
}

static void what_is_written_at_one_is_at_both(void **state)
{
	struct pair *pair = *state;
	AUTO(buf_free) struct buf body = BUF(100);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection c;
	struct store_object o;
	struct err err;
	pair_link(pair);
	for (size_t i = 0; i < ACCOUNTS; i++) {
		struct store *here = pair_node(pair, i % 2)->store;
		struct store *there = pair_node(pair, 1 - i % 2)->store;
		assert_int_equal(put(here, accounts[i], STORE_MAILBOX, "INBOX", SLICE("one")), 1);
		assert_int_equal(put(there, accounts[i], STORE_MAILBOX, "INBOX", SLICE("two")), 2);
		done(store_find_collection(
			here, accounts[i], STORE_MAILBOX, SLICE("INBOX"), &arena, &c, &err));
		done(store_get_object(here, accounts[i], c.id, 2, &arena, &o, &err));
		buf_clear(&body);
		done(store_read_blob(here, o.blob, 0, 100, &body, &err));
		assert_true(slice_eq(buf_slice(&body), SLICE("two")));
	}
	pair_assert_equal(pair);
}

/* Of which there is not a line of code anywhere. */
static void a_kind_that_nobody_knows_is_mirrored(void **state)
{
	struct pair *pair = *state;
	pair_link(pair);
	(void)put(pair_node(pair, 0)->store, accounts[0], (enum store_kind)UNKNOWN_KIND, "strange",
		SLICE("thing"));
	pair_assert_equal(pair);
}

static void count_wake(void *context, struct id account)
{
	(void)atomic_fetch_add((atomic_uint *)context, 1);
}

static void who_watches_at_the_other_node_is_woken(void **state)
{
	struct pair *pair = *state;
	atomic_uint woken = 0;
	pair_link(pair);
	struct store *there = pair_node(pair, 1)->store;
	struct store_watch *watch = store_watch(there, accounts[0], count_wake, &woken);
	(void)put(pair_node(pair, 0)->store, accounts[0], STORE_MAILBOX, "INBOX", SLICE("x"));
	assert_int_equal(atomic_load(&woken), 1);
	store_unwatch(there, watch);
}

struct writer {
	struct pair *pair;
	unsigned number;
	pthread_t thread;
};

/* Deletes the collection's first object that is there, changes the last, now and then. */
static void change_some(struct store_write *w, struct store_collection *c, unsigned *seed)
{
	struct store_object o;
	struct err err;
	uint32_t number = 1 + (uint32_t)rand_r(seed) % c->next_number;
	if (store_write_get_object(w, c, number, &o, &err) != 0)
		return;
	if (rand_r(seed) % 3 == 0) {
		done(store_write_object_gone(w, c, &o, &err));
		return;
	}
	o.data = rand_r(seed) % 2 ? SLICE("changed") : SLICE("changed again");
	done(store_write_object(w, c, &o, SLICE_NONE, &err));
}

static void one_write(struct store *store, unsigned *seed)
{
	static const char *const NAMES[] = {"INBOX", "Sent", "Trash"};
	struct id locked[] = {accounts[rand_r(seed) % ACCOUNTS], accounts[rand_r(seed) % ACCOUNTS]};
	struct store_write *w;
	struct err err;
	done(store_write_begin(store, locked, ARRAY_LEN(locked), &w, &err));
	struct id blob = store_write_blob(w, SLICE("one body for both"));
	for (size_t i = 0; i < ARRAY_LEN(locked); i++) {
		struct store_collection *c = collection_of(
			w, locked[i], STORE_MAILBOX, NAMES[rand_r(seed) % ARRAY_LEN(NAMES)], &err);
		struct store_object o = {.blob = blob, .data = SLICE("new")};
		done(store_write_object_new(w, c, &o, SLICE_NONE, &err));
		change_some(w, c, seed);
		if (rand_r(seed) % 40 == 0)
			done(store_write_collection_gone(w, c, &err));
	}
	if (rand_r(seed) % 10 == 0)
		store_write_abort(w);
	else
		done(store_write_commit(w, &err));
}

static void *write_on(void *context)
{
	struct writer *writer = context;
	unsigned seed = writer->number;
	struct store *store = pair_node(writer->pair, writer->number % PAIR_NODES)->store;
	for (int i = 0; i < ROUNDS; i++)
		one_write(store, &seed);
	return NULL;
}

static struct mirror_commits commits_of(struct pair *pair, size_t number)
{
	return mirror_commits(pair_node(pair, number)->mirror);
}

static void wait_until_none_is_ahead(struct pair *pair)
{
	for (size_t i = 0; i < PAIR_NODES; i++)
		while (commits_of(pair, i).ahead > 0)
			(void)usleep(1000);
}

static void have_many_write_at_both(struct pair *pair)
{
	struct writer writers[PAIR_NODES * WRITERS];
	pair_link(pair);
	for (unsigned i = 0; i < ARRAY_LEN(writers); i++) {
		writers[i] = (struct writer){.pair = pair, .number = i};
		done(pthread_create(&writers[i].thread, NULL, write_on, &writers[i]));
	}
	for (size_t i = 0; i < ARRAY_LEN(writers); i++)
		(void)pthread_join(writers[i].thread, NULL);
	wait_until_none_is_ahead(pair);
	pair_assert_equal(pair);
	for (size_t i = 0; i < PAIR_NODES; i++) {
		struct mirror_figures figures = mirror_figures(pair_node(pair, i)->mirror);
		assert_true(figures.commits.shipped > 0 && figures.commits.applied > 0);
		assert_int_equal(figures.commits.differing, 0);
		assert_int_equal(figures.leases.waiting, 0);
	}
}

static void many_writers_at_both_nodes_leave_both_equal(void **state)
{
	have_many_write_at_both(*state);
}

static void many_that_are_answered_ahead_leave_both_equal(void **state)
{
	for (size_t i = 0; i < PAIR_NODES; i++)
		mirror_answer_ahead(pair_node(*state, i)->mirror, true);
	have_many_write_at_both(*state);
}

static void alone_each_goes_on_by_itself(void **state)
{
	struct pair *pair = *state;
	for (size_t i = 0; i < PAIR_NODES; i++)
		(void)put(pair_node(pair, i)->store, accounts[i], STORE_MAILBOX, "INBOX",
			SLICE("alone"));
	assert_int_equal(mirror_figures(pair_node(pair, 0)->mirror).commits.shipped, 0);
}

/* In the middle of everything: who waits for a lease or for the other disk goes on. */
static void a_cut_stops_nobody(void **state)
{
	struct writer writers[PAIR_NODES * WRITERS];
	pair_link(*state);
	for (unsigned i = 0; i < ARRAY_LEN(writers); i++) {
		writers[i] = (struct writer){.pair = *state, .number = i};
		done(pthread_create(&writers[i].thread, NULL, write_on, &writers[i]));
	}
	(void)usleep(20 * 1000);
	pair_cut(*state);
	for (size_t i = 0; i < ARRAY_LEN(writers); i++)
		(void)pthread_join(writers[i].thread, NULL);
}

static void what_one_disk_refuses_is_counted(void **state)
{
	struct pair *pair = *state;
	pair_link(pair);
	pair_refuse(pair, 1, true);
	(void)put(pair_node(pair, 0)->store, accounts[0], STORE_MAILBOX, "INBOX", SLICE("x"));
	assert_int_equal(mirror_figures(pair_node(pair, 0)->mirror).commits.differing, 1);
	assert_int_equal(pair_node(pair, 0)->differed, 1);
	pair_refuse(pair, 1, false);
}

/* Meanwhile somebody may have taken the account over. */
static void a_commit_of_an_earlier_linking_is_not_taken(void **state)
{
	struct pair *pair = *state;
	struct mirror *mirror = pair_node(pair, 1)->mirror;
	struct store_batch batch;
	struct err err;
	store_batch_init(&batch);
	struct mirror_commit commit = {accounts, 1, &batch, NULL, 0};
	uint64_t linking = mirror_leases(mirror)->epoch;
	done(mirror_apply(mirror, linking, &commit, &err));
	pair_link(pair);
	assert_true(mirror_apply(mirror, linking, &commit, &err) < 0);
	store_batch_free(&batch);
}

static void *put_one(void *context)
{
	(void)put(pair_node(context, 0)->store, accounts[0], STORE_MAILBOX, "INBOX", SLICE("x"));
	return NULL;
}

static void held_writes_wait(void **state)
{
	struct pair *pair = *state;
	struct store_account account;
	struct err err;
	pthread_t thread;
	mirror_hold_writes(pair_node(pair, 0)->mirror);
	done(pthread_create(&thread, NULL, put_one, pair));
	(void)usleep(20 * 1000);
	assert_int_equal(store_get_account(pair_node(pair, 0)->store, accounts[0], &account, &err),
		STORE_ABSENT);
	mirror_let_write(pair_node(pair, 0)->mirror);
	(void)pthread_join(thread, NULL);
	done(store_get_account(pair_node(pair, 0)->store, accounts[0], &account, &err));
}

static bool has_account(struct pair *pair, size_t number, size_t account)
{
	struct store_account found;
	struct err err;
	return store_get_account(pair_node(pair, number)->store, accounts[account], &found, &err) ==
	       0;
}

static void begin_ahead(struct pair *pair)
{
	mirror_answer_ahead(pair_node(pair, 0)->mirror, true);
	pair_link(pair);
	pair_stall(pair, 1, true);
}

static void *put_there(void *context)
{
	assert_int_equal(
		put(pair_node(context, 1)->store, accounts[0], STORE_MAILBOX, "INBOX", SLICE("y")),
		2);
	return NULL;
}

/* And its lease does not move before. */
static void ahead_is_answered_before_the_other_disk_has_it(void **state)
{
	struct pair *pair = *state;
	struct store *here = pair_node(pair, 0)->store;
	pthread_t thread;
	begin_ahead(pair);
	(void)put(here, accounts[0], STORE_MAILBOX, "INBOX", SLICE("x"));
	(void)put(here, accounts[1], STORE_MAILBOX, "INBOX", SLICE("x"));
	struct mirror_commits commits = commits_of(pair, 0);
	assert_int_equal(commits.ahead, 2);
	assert_int_equal(commits.ahead_bodies, 2);
	assert_true(commits.ahead_bytes > 2);
	assert_true(has_account(pair, 0, 1) && !has_account(pair, 1, 1));
	done(pthread_create(&thread, NULL, put_there, pair));
	(void)usleep(20 * 1000);
	assert_false(has_account(pair, 1, 0));
	pair_stall(pair, 1, false);
	(void)pthread_join(thread, NULL);
	wait_until_none_is_ahead(pair);
	commits = commits_of(pair, 0);
	assert_int_equal(commits.ahead_bodies + commits.ahead_bytes, 0);
	assert_int_equal(commits.alone, 0);
	pair_assert_equal(pair);
}

static void who_would_have_too_much_under_way_waits(void **state)
{
	enum { MUCH = 65 << 20 };
	struct pair *pair = *state;
	AUTO(buf_free) struct buf body = BUF(MUCH);
	pthread_t thread;
	assert_non_null(buf_reserve(&body, MUCH));
	memset(body.data, 'x', MUCH);
	body.len = MUCH;
	begin_ahead(pair);
	(void)put(pair_node(pair, 0)->store, accounts[1], STORE_MAILBOX, "INBOX", buf_slice(&body));
	assert_int_equal(commits_of(pair, 0).ahead, 1);
	done(pthread_create(&thread, NULL, put_one, pair));
	while (!has_account(pair, 0, 0))
		(void)usleep(1000);
	assert_int_equal(commits_of(pair, 0).ahead, 1);
	assert_int_equal(commits_of(pair, 0).shipped, 0);
	pair_stall(pair, 1, false);
	(void)pthread_join(thread, NULL);
	wait_until_none_is_ahead(pair);
	assert_int_equal(commits_of(pair, 0).shipped, 2);
	pair_assert_equal(pair);
}

static void *release_later(void *context)
{
	(void)usleep(50 * 1000);
	pair_stall(context, 1, false);
	return NULL;
}

static void what_is_ahead_when_the_link_is_lost_is_on_one_disk(void **state)
{
	struct pair *pair = *state;
	pthread_t thread;
	begin_ahead(pair);
	(void)put(pair_node(pair, 0)->store, accounts[0], STORE_MAILBOX, "INBOX", SLICE("x"));
	done(pthread_create(&thread, NULL, release_later, pair));
	pair_cut(pair);
	(void)pthread_join(thread, NULL);
	struct mirror_commits commits = commits_of(pair, 0);
	assert_int_equal(commits.ahead, 0);
	assert_int_equal(commits.alone, 1);
	assert_false(has_account(pair, 1, 0));
	(void)put(pair_node(pair, 0)->store, accounts[0], STORE_MAILBOX, "INBOX", SLICE("x"));
}

int main(void)
{
#define MIRROR_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		MIRROR_TEST(what_is_written_at_one_is_at_both),
		MIRROR_TEST(a_kind_that_nobody_knows_is_mirrored),
		MIRROR_TEST(who_watches_at_the_other_node_is_woken),
		MIRROR_TEST(many_writers_at_both_nodes_leave_both_equal),
		MIRROR_TEST(alone_each_goes_on_by_itself),
		MIRROR_TEST(a_cut_stops_nobody),
		MIRROR_TEST(what_one_disk_refuses_is_counted),
		MIRROR_TEST(a_commit_of_an_earlier_linking_is_not_taken),
		MIRROR_TEST(held_writes_wait),
		MIRROR_TEST(many_that_are_answered_ahead_leave_both_equal),
		MIRROR_TEST(ahead_is_answered_before_the_other_disk_has_it),
		MIRROR_TEST(who_would_have_too_much_under_way_waits),
		MIRROR_TEST(what_is_ahead_when_the_link_is_lost_is_on_one_disk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
