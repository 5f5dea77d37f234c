/* Two nodes' leases with a wire between them that keeps order and may be slow. */
#include "mirror/lease.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/test.h"
#include "base/wait.h"

#include <stdatomic.h>
#include <unistd.h>

enum { ACCOUNTS = 5, WRITERS = 4, ROUNDS = 2000, NODES = 2 };

struct frame {
	struct frame *next;
	bool give;
	struct id account;
};

/* One direction. */
struct wire {
	pthread_mutex_t lock;
	pthread_cond_t sent;
	struct frame *first, **last;
	bool closed;
	atomic_size_t count;
	pthread_t thread;
	struct mirror_leases *to;
};

struct node {
	struct mirror_leases leases;
	struct wire out;
};

static struct node nodes[NODES];
static struct id accounts[ACCOUNTS];
static bool was_cut;
static atomic_uint refused;                /* frames that did not fit */
static atomic_int inside[ACCOUNTS][NODES]; /* who holds the lease, by node */

static void send_frame(struct node *node, bool give, struct id account)
{
	struct frame *frame = ALLOC(struct frame);
	frame->give = give;
	frame->account = account;
	(void)pthread_mutex_lock(&node->out.lock);
	*node->out.last = frame;
	node->out.last = &frame->next;
	(void)atomic_fetch_add(&node->out.count, 1);
	(void)pthread_cond_signal(&node->out.sent);
	(void)pthread_mutex_unlock(&node->out.lock);
}

static void send_want(void *context, struct id account)
{
	send_frame(context, false, account);
}

static void send_give(void *context, struct id account)
{
	send_frame(context, true, account);
}

static const struct mirror_lease_ops OPS = {send_want, send_give};

static void *carry(void *context)
{
	struct wire *wire = context;
	(void)pthread_mutex_lock(&wire->lock);
	while (!wire->closed || wire->first) {
		struct frame *frame = wire->first;
		if (!frame) {
			(void)pthread_cond_wait(&wire->sent, &wire->lock);
			continue;
		}
		wire->first = frame->next;
		if (!wire->first)
			wire->last = &wire->first;
		(void)pthread_mutex_unlock(&wire->lock);
		bool fits =
			frame->give
				? mirror_lease_given(wire->to, wire->to->epoch, frame->account)
				: mirror_lease_wanted(wire->to, wire->to->epoch, frame->account);
		(void)atomic_fetch_add(&refused, !fits);
		free(frame);
		(void)pthread_mutex_lock(&wire->lock);
	}
	(void)pthread_mutex_unlock(&wire->lock);
	return NULL;
}

static int set_up(void **state)
{
	was_cut = false;
	atomic_store(&refused, 0);
	for (size_t i = 0; i < ACCOUNTS; i++)
		accounts[i] = id_new();
	for (size_t n = 0; n < NODES; n++) {
		mirror_leases_init(&nodes[n].leases, &OPS, &nodes[n]);
		mirror_leases_set_side(&nodes[n].leases, n == 0);
		(void)mirror_leases_linked(&nodes[n].leases, NULL, 0);
		nodes[n].out = (struct wire){.to = &nodes[1 - n].leases};
		nodes[n].out.last = &nodes[n].out.first;
		(void)pthread_mutex_init(&nodes[n].out.lock, NULL);
		(void)pthread_cond_init(&nodes[n].out.sent, NULL);
	}
	for (size_t n = 0; n < NODES; n++)
		assert_int_equal(
			pthread_create(&nodes[n].out.thread, NULL, carry, &nodes[n].out), 0);
	return 0;
}

static int tear_down(void **state)
{
	for (size_t n = 0; n < NODES; n++) {
		(void)pthread_mutex_lock(&nodes[n].out.lock);
		nodes[n].out.closed = true;
		(void)pthread_cond_signal(&nodes[n].out.sent);
		(void)pthread_mutex_unlock(&nodes[n].out.lock);
	}
	for (size_t n = 0; n < NODES; n++)
		(void)pthread_join(nodes[n].out.thread, NULL);
	assert_true(was_cut || atomic_load(&refused) == 0);
	for (size_t n = 0; n < NODES; n++) {
		mirror_leases_deinit(&nodes[n].leases);
		(void)pthread_cond_destroy(&nodes[n].out.sent);
		(void)pthread_mutex_destroy(&nodes[n].out.lock);
	}
	return 0;
}

static void take(size_t node, size_t account)
{
	struct err err;
	enum mirror_lease_way way;
	assert_int_equal(mirror_lease_take(&nodes[node].leases, accounts[account],
				 clock_mono_ms() + 30000, &way, &err),
		0);
	assert_int_equal(atomic_fetch_add(&inside[account][node], 1), 0);
	assert_int_equal(atomic_load(&inside[account][1 - node]), 0);
}

static void drop(size_t node, size_t account)
{
	assert_int_equal(atomic_load(&inside[account][1 - node]), 0);
	(void)atomic_fetch_sub(&inside[account][node], 1);
	mirror_lease_drop(&nodes[node].leases, accounts[account]);
}

static void *write_often(void *context)
{
	size_t number = (size_t)context, node = number % NODES;
	unsigned seed = (unsigned)number;
	for (int i = 0; i < ROUNDS; i++) {
		size_t a = (size_t)rand_r(&seed) % ACCOUNTS, b = (size_t)rand_r(&seed) % ACCOUNTS;
		bool in_order = id_cmp(accounts[a], accounts[b]) < 0;
		take(node, in_order ? a : b);
		if (a != b)
			take(node, in_order ? b : a);
		if (i % 16 == 0)
			(void)usleep(10);
		if (a != b)
			drop(node, b);
		drop(node, a);
	}
	return NULL;
}

static void one_of_all_holds_a_lease_at_a_time(void **state)
{
	pthread_t threads[NODES * WRITERS];
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_often, (void *)i), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		(void)pthread_join(threads[i], NULL);
}

/* The wire carries two frames the first time, and nothing after that. */
static void a_lease_stays_where_it_is_used(void **state)
{
	for (size_t account = 0; account < ACCOUNTS; account++)
		for (int i = 0; i < 100; i++) {
			take(0, account);
			drop(0, account);
		}
	assert_true(nodes[0].out.count + nodes[1].out.count <= 2 * ACCOUNTS);
	struct mirror_lease_figures figures = mirror_leases_count(&nodes[0].leases);
	assert_int_equal(figures.away, nodes[0].out.count);
	assert_int_equal(figures.waiting, 0);
}

static void who_waits_for_a_held_lease_is_told_in_time(void **state)
{
	enum mirror_lease_way way;
	struct err err;
	take(0, 0);
	assert_true(mirror_lease_take(
			    &nodes[1].leases, accounts[0], clock_mono_ms() + 50, &way, &err) < 0);
	assert_int_equal(err.class, ERR_TEMPORARY);
	assert_int_equal(err.kind, ERR_IN_USE);
	drop(0, 0);
	take(1, 0);
	drop(1, 0);
}

static void *take_and_drop(void *context)
{
	enum mirror_lease_way way;
	struct err err;
	assert_int_equal(mirror_lease_take(&nodes[1].leases, accounts[0], clock_mono_ms() + 30000,
				 &way, &err),
		0);
	mirror_lease_drop(&nodes[1].leases, accounts[0]);
	return NULL;
}

static atomic_uint turns;
static atomic_bool enough;

static void *take_for_ever(void *context)
{
	while (!atomic_load(&enough)) {
		take(0, 0);
		(void)atomic_fetch_add(&turns, 1);
		drop(0, 0);
	}
	return NULL;
}

/* Writers here that never let it go would keep the other node out. */
static void the_other_node_gets_its_turn(void **state)
{
	pthread_t threads[WRITERS];
	atomic_store(&enough, false);
	atomic_store(&turns, 0);
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_for_ever, NULL), 0);
	while (atomic_load(&turns) < WRITERS)
		(void)usleep(100);
	for (int i = 0; i < 100; i++) {
		take(1, 0);
		drop(1, 0);
	}
	atomic_store(&enough, true);
	for (size_t i = 0; i < WRITERS; i++)
		(void)pthread_join(threads[i], NULL);
}

static void alone_everybody_goes_on(void **state)
{
	pthread_t thread;
	struct mirror_lease_figures figures;
	take(0, 0);
	assert_int_equal(pthread_create(&thread, NULL, take_and_drop, NULL), 0);
	do {
		figures = mirror_leases_count(&nodes[1].leases);
	} while (figures.waiting == 0);
	was_cut = true;
	mirror_leases_alone(&nodes[1].leases);
	(void)pthread_join(thread, NULL);
	mirror_leases_alone(&nodes[0].leases);
	drop(0, 0);
	assert_false(mirror_lease_wanted(&nodes[0].leases, nodes[0].leases.epoch, accounts[1]));
	take(0, 0);
	drop(0, 0);
}

static enum mirror_lease_way way_of(size_t account)
{
	enum mirror_lease_way way;
	struct err err;
	assert_int_equal(mirror_lease_take(&nodes[1].leases, accounts[account],
				 clock_mono_ms() + 30000, &way, &err),
		0);
	mirror_lease_drop(&nodes[1].leases, accounts[account]);
	return way;
}

/* The first of these accounts are at home at the one node, the others at the other. */
static void what_the_other_may_have_written_while_linking_is_taken_over(void **state)
{
	struct mirror_ids apart = {0};
	mirror_leases_alone(&nodes[1].leases);
	for (size_t i = 0; i < ACCOUNTS; i++) {
		accounts[i].bytes[ID_SIZE - 3] = i < 2; /* the second node is at home in odd ones */
		(void)way_of(i);
		assert_int_equal(way_of(i), MIRROR_LEASE_APART);
	}
	mirror_ids_add(&apart, accounts[2]);
	mirror_leases_doubt_away(&nodes[1].leases, &apart);
	for (size_t i = 0; i < ACCOUNTS; i++) {
		assert_int_equal(way_of(i), i <= 2 ? MIRROR_LEASE_APART : MIRROR_LEASE_TAKEN_OVER);
		assert_int_equal(way_of(i), MIRROR_LEASE_APART);
	}
	mirror_ids_free(&apart);
}

static void what_does_not_fit_is_refused(void **state)
{
	take(0, 0);
	drop(0, 0);
	assert_false(mirror_lease_wanted(&nodes[1].leases, nodes[1].leases.epoch, accounts[0]));
	assert_false(mirror_lease_given(&nodes[0].leases, nodes[0].leases.epoch, accounts[0]));
	assert_false(mirror_lease_given(&nodes[1].leases, nodes[1].leases.epoch, accounts[0]));
}

int main(void)
{
#define LEASE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		LEASE_TEST(one_of_all_holds_a_lease_at_a_time),
		LEASE_TEST(a_lease_stays_where_it_is_used),
		LEASE_TEST(who_waits_for_a_held_lease_is_told_in_time),
		LEASE_TEST(the_other_node_gets_its_turn),
		LEASE_TEST(alone_everybody_goes_on),
		LEASE_TEST(what_the_other_may_have_written_while_linking_is_taken_over),
		LEASE_TEST(what_does_not_fit_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
