/* Writers and watchers at once. The thread sanitizer looks on. */
#include "store/test_support.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WRITERS = 4, DELIVERIES = 200 };

static void *deliver_many(void *context)
{
	struct fixture *f = context;
	for (int i = 0; i < DELIVERIES; i++)
		(void)deliver(f->store, f->account, f->inbox, "body");
	return NULL;
}

struct order {
	uint32_t number;
	uint64_t change;
	unsigned wrong;
};

static bool in_order(void *context, const struct store_object *o)
{
	struct order *order = context;
	order->wrong += o->number != order->number + 1 || o->change != order->change + 1;
	order->number = o->number;
	order->change = o->change;
	return true;
}

static void concurrent_writers_of_one_account_give_out_each_number_once(void **state)
{
	struct fixture *f = *state;
	pthread_t writers[WRITERS];
	struct order order = {.change = 1};
	for (size_t i = 0; i < WRITERS; i++)
		done(pthread_create(&writers[i], NULL, deliver_many, f));
	for (size_t i = 0; i < WRITERS; i++)
		done(pthread_join(writers[i], NULL));
	done(store_scan_objects(
		f->store, f->account, f->inbox, 1, UINT32_MAX, in_order, &order, &f->err));
	assert_int_equal(order.wrong, 0);
	assert_int_equal(order.number, WRITERS * DELIVERIES);
}

static void readers_see_whole_commits_while_others_write(void **state)
{
	struct fixture *f = *state;
	pthread_t writer;
	done(pthread_create(&writer, NULL, deliver_many, f));
	for (uint32_t seen = 0; seen < DELIVERIES;) {
		struct order order = {.change = 1};
		struct store_collection c;
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		done(store_get_collection(f->store, f->account, f->inbox, &arena, &c, &f->err));
		done(store_scan_objects(
			f->store, f->account, f->inbox, 1, UINT32_MAX, in_order, &order, &f->err));
		assert_int_equal(order.wrong, 0);
		/* The collection was read before the scan. */
		assert_true(c.count <= order.number && c.next_number == c.count + 1);
		seen = order.number;
	}
	done(pthread_join(writer, NULL));
}

static void *write_two(void *context)
{
	struct fixture *f = context;
	struct id both[2] = {f->account, STORE_SYSTEM_ACCOUNT};
	for (int i = 0; i < DELIVERIES; i++) {
		struct store_write *w;
		const struct store_account *a;
		struct err err;
		done(store_write_begin(f->store, both, 2, &w, &err));
		done(store_write_account(w, both[i % 2], &a, &err));
		done(store_write_commit(w, &err));
	}
	return NULL;
}

static void writers_of_the_same_two_accounts_do_not_wait_for_each_other_forever(void **state)
{
	struct fixture *f = *state;
	pthread_t writers[WRITERS];
	for (size_t i = 0; i < WRITERS; i++)
		done(pthread_create(&writers[i], NULL, i % 2 ? write_two : deliver_many, f));
	for (size_t i = 0; i < WRITERS; i++)
		done(pthread_join(writers[i], NULL));
}

struct watched {
	struct fixture *f;
	atomic_uint wakes;
	atomic_bool over;
	uint64_t least; /* change that must be visible at the next wake */
	bool too_early;
};

static void count_wake(void *context, struct id account)
{
	struct watched *w = context;
	if (atomic_load(&w->over))
		w->too_early = true;
	atomic_fetch_add(&w->wakes, 1);
}

static void a_watch_fires_once_a_commit_of_its_account_and_not_for_others(void **state)
{
	struct fixture *f = *state;
	struct watched mine = {.f = f}, others = {.f = f};
	struct store_watch *a = store_watch(f->store, f->account, count_wake, &mine);
	struct store_watch *b = store_watch(f->store, f->account, count_wake, &mine);
	struct store_watch *c = store_watch(f->store, id_new(), count_wake, &others);
	struct store_write *w;
	struct store_collection *inbox;
	deliver(f->store, f->account, f->inbox, "body");
	assert_int_equal(mine.wakes, 2);
	store_unwatch(f->store, b);
	done(store_write_begin(f->store, &f->account, 1, &w, &f->err));
	done(store_write_collection(w, f->account, f->inbox, &inbox, &f->err));
	struct store_object o = {.data = SLICE("x")};
	done(store_write_object_new(w, inbox, &o, SLICE_NONE, &f->err));
	assert_int_equal(mine.wakes, 2);
	store_write_abort(w);
	assert_int_equal(mine.wakes, 2);
	deliver(f->store, f->account, f->inbox, "body");
	assert_int_equal(mine.wakes, 3);
	assert_int_equal(others.wakes, 0);
	store_unwatch(f->store, a);
	store_unwatch(f->store, c);
	deliver(f->store, f->account, f->inbox, "body");
	assert_int_equal(mine.wakes, 3);
}

/* Only a test may read the store from here: what it asks is whether the change can be seen. */
static void look(void *context, struct id account)
{
	struct watched *w = context;
	struct store_account a;
	struct err err;
	done(store_get_account(w->f->store, account, &a, &err));
	w->too_early |= a.change < w->least;
	atomic_fetch_add(&w->wakes, 1);
}

static void what_a_watch_tells_of_is_visible_when_it_fires(void **state)
{
	struct fixture *f = *state;
	struct watched w = {.f = f, .least = 2};
	struct store_watch *watch = store_watch(f->store, f->account, look, &w);
	for (int i = 0; i < 10; i++, w.least++)
		deliver(f->store, f->account, f->inbox, "body");
	assert_int_equal(w.wakes, 10);
	assert_false(w.too_early);
	store_unwatch(f->store, watch);
}

static void no_watch_fires_after_unwatch_returned(void **state)
{
	struct fixture *f = *state;
	pthread_t writer;
	done(pthread_create(&writer, NULL, deliver_many, f));
	for (int i = 0; i < 300; i++) {
		struct watched w = {.f = f};
		struct store_watch *watch = store_watch(f->store, f->account, count_wake, &w);
		store_unwatch(f->store, watch);
		atomic_store(&w.over, true);
		assert_false(w.too_early);
	}
	done(pthread_join(writer, NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(concurrent_writers_of_one_account_give_out_each_number_once),
		TEST(readers_see_whole_commits_while_others_write),
		TEST(writers_of_the_same_two_accounts_do_not_wait_for_each_other_forever),
		TEST(a_watch_fires_once_a_commit_of_its_account_and_not_for_others),
		TEST(what_a_watch_tells_of_is_visible_when_it_fires),
		TEST(no_watch_fires_after_unwatch_returned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
