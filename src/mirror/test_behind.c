/* An account of which the other node has more: who asks for it here waits until it is settled. */
#include "mirror/driver_internal.h"
#include "mirror/test_pair.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/test.h"

#include <unistd.h>

#define done(call) assert_int_equal((call), 0)

enum { FIRST, SECOND, WHILE_MS = 60, SOON_MS = 2000 };

struct fixture {
	struct pair *pair;
	struct id account;
};

static struct mirror *mirror_of(struct fixture *f, size_t node)
{
	return pair_node(f->pair, node)->mirror;
}

static void write_at(struct fixture *f, size_t node)
{
	struct store_write *w;
	struct store_collection *c;
	struct store_object o = {.data = SLICE("data")};
	struct err err;
	done(store_write_begin(pair_node(f->pair, node)->store, &f->account, 1, &w, &err));
	int r = store_write_find_collection(w, f->account, STORE_MAILBOX, SLICE("INBOX"), &c, &err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(
			w, f->account, STORE_MAILBOX, SLICE("INBOX"), SLICE_NONE, &c, &err);
	assert_int_equal(r, 0);
	done(store_write_object_new(w, c, &o, SLICE_NONE, &err));
	done(store_write_commit(w, &err));
}

static int set_up(void **state)
{
	struct fixture *f = ALLOC(struct fixture);
	f->pair = pair_new();
	f->account = id_new();
	pair_link(f->pair);
	write_at(f, FIRST);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	pair_free(f->pair);
	free(f);
	return 0;
}

/* Apart, one node goes on; then they are linked, and it is not settled yet. */
static void meet_behind(struct fixture *f, size_t ahead)
{
	pair_cut(f->pair);
	write_at(f, ahead);
	pair_link(f->pair);
	for (size_t i = 0; i < PAIR_NODES; i++)
		mirror_lease_part(mirror_leases(mirror_of(f, i)), f->account);
}

static void settle_at(struct fixture *f, size_t node)
{
	mirror_lease_settled(mirror_leases(mirror_of(f, node)), f->account, node == FIRST);
}

static void hold_at(struct fixture *f, size_t node)
{
	struct err err;
	bool apart;
	done(mirror_hold_account(
		mirror_of(f, node), f->account, clock_mono_ms() + SOON_MS, &apart, &err));
	assert_true(apart);
}

struct asker {
	struct fixture *f;
	size_t node;
	bool writes;
	atomic_bool served;
	pthread_t thread;
};

static void *ask(void *context)
{
	struct asker *asker = context;
	if (asker->writes)
		write_at(asker->f, asker->node);
	else
		store_catch_up(pair_node(asker->f->pair, asker->node)->store, asker->f->account);
	atomic_store(&asker->served, true);
	return NULL;
}

static void begin(struct asker *asker)
{
	done(pthread_create(&asker->thread, NULL, ask, asker));
}

static void assert_waits(struct asker *asker)
{
	(void)usleep(WHILE_MS * 1000);
	assert_false(atomic_load(&asker->served));
}

static void assert_is_served(struct asker *asker)
{
	int64_t until = clock_mono_ms() + SOON_MS;
	while (!atomic_load(&asker->served) && clock_mono_ms() < until)
		(void)usleep(1000);
	assert_true(atomic_load(&asker->served));
	done(pthread_join(asker->thread, NULL));
}

static void who_reads_what_is_not_settled_waits_until_it_is_here(void **state)
{
	struct fixture *f = *state;
	struct asker reader = {.f = f, .node = SECOND};
	meet_behind(f, FIRST);
	begin(&reader);
	assert_waits(&reader);
	hold_at(f, FIRST);
	hold_at(f, SECOND);
	settle_at(f, FIRST);
	settle_at(f, SECOND);
	assert_waits(&reader); /* what it has become is on its way to the disk */
	mirror_drop_account(mirror_of(f, FIRST), f->account);
	mirror_drop_account(mirror_of(f, SECOND), f->account);
	assert_is_served(&reader);
}

/* What this disk has may not be on the other one yet. */
static void who_reads_while_a_commit_is_under_way_waits_for_both_disks(void **state)
{
	struct fixture *f = *state;
	struct asker writer = {.f = f, .node = FIRST, .writes = true},
		     reader = {.f = f, .node = FIRST}, there = {.f = f, .node = SECOND};
	pair_stall(f->pair, SECOND, true);
	begin(&writer);
	assert_waits(&writer);
	begin(&reader);
	assert_waits(&reader);
	begin(&there); /* knows of nothing */
	assert_is_served(&there);
	pair_stall(f->pair, SECOND, false);
	assert_is_served(&writer);
	assert_is_served(&reader);
}

static void a_write_to_what_is_not_settled_waits_too(void **state)
{
	struct fixture *f = *state;
	struct asker writer = {.f = f, .node = SECOND, .writes = true};
	meet_behind(f, FIRST);
	begin(&writer);
	assert_waits(&writer);
	hold_at(f, FIRST);
	hold_at(f, SECOND);
	settle_at(f, FIRST);
	settle_at(f, SECOND);
	mirror_drop_account(mirror_of(f, FIRST), f->account);
	mirror_drop_account(mirror_of(f, SECOND), f->account);
	assert_is_served(&writer);
}

static void the_node_that_went_on_serves_at_once(void **state)
{
	struct fixture *f = *state;
	struct asker reader = {.f = f, .node = FIRST};
	meet_behind(f, FIRST);
	begin(&reader);
	assert_is_served(&reader);
}

static void while_it_is_settled_nobody_reads_there_either(void **state)
{
	struct fixture *f = *state;
	struct asker reader = {.f = f, .node = FIRST};
	meet_behind(f, FIRST);
	hold_at(f, FIRST);
	settle_at(f, FIRST);
	begin(&reader);
	assert_waits(&reader);
	mirror_drop_account(mirror_of(f, FIRST), f->account);
	assert_is_served(&reader);
}

static void when_the_link_is_lost_nobody_waits_any_more(void **state)
{
	struct fixture *f = *state;
	struct asker reader = {.f = f, .node = SECOND};
	meet_behind(f, FIRST);
	begin(&reader);
	assert_waits(&reader);
	pair_cut(f->pair);
	assert_is_served(&reader);
}

static void who_reads_while_the_other_node_is_looked_for_waits(void **state)
{
	struct fixture *f = *state;
	struct asker reader = {.f = f, .node = SECOND};
	mirror_set_looking(mirror_of(f, SECOND), true);
	begin(&reader);
	assert_waits(&reader);
	mirror_set_looking(mirror_of(f, SECOND), false);
	assert_is_served(&reader);
}

#define BEHIND_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BEHIND_TEST(who_reads_what_is_not_settled_waits_until_it_is_here),
		BEHIND_TEST(who_reads_while_a_commit_is_under_way_waits_for_both_disks),
		BEHIND_TEST(a_write_to_what_is_not_settled_waits_too),
		BEHIND_TEST(the_node_that_went_on_serves_at_once),
		BEHIND_TEST(while_it_is_settled_nobody_reads_there_either),
		BEHIND_TEST(when_the_link_is_lost_nobody_waits_any_more),
		BEHIND_TEST(who_reads_while_the_other_node_is_looked_for_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
