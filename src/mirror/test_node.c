/* Two whole nodes in one process, over TLS on loopback: pairing, meeting, merging, being apart. */
#include "mirror/driver_internal.h"
#include "mirror/node.h"
#include "mirror/test_pair.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/test.h"
#include "net/address.h"
#include "net/loop.h"
#include "store/key.h"

#include <stdlib.h>
#include <unistd.h>

#define done(call) assert_int_equal((call), 0)

enum { NODES = 2, STOP_MS = 1000, PATIENCE_MS = 20000 };

static const struct store_merge_rule NO_RULES[] = {{0}};

struct end {
	char folder[64], listen[32];
	unsigned scrub_ms;
	struct mirror_node *node;
	struct store *store;
	struct net_loop *loop;
	pthread_t thread;
};

struct fixture {
	struct end ends[NODES];
};

static void *serve(void *context)
{
	struct err err;
	done(net_loop_run(context, &err));
	return NULL;
}

static void start_end(struct end *end)
{
	struct mirror_node_options options = {.folder = end->folder,
		.inner = &store_driver_memory,
		.rules = NO_RULES,
		.listen = end->listen,
		.version = "test",
		.scrub_ms = end->scrub_ms,
		.compress = MIRROR_COMPRESS_YES};
	struct err err;
	done(mirror_node_open(&options, &end->node, &err));
	struct store_options store = {.driver = &mirror_driver, .db = mirror_node_db(end->node)};
	done(store_open(&store, &end->store, &err));
	mirror_node_attach(end->node, end->store);
	done(net_loop_new(NULL, &end->loop, &err));
	done(mirror_node_serve(end->node, end->loop, &err));
	done(pthread_create(&end->thread, NULL, serve, end->loop));
}

static void stop_end(struct end *end)
{
	char file[128];
	net_loop_stop(end->loop, STOP_MS);
	(void)pthread_join(end->thread, NULL);
	net_loop_free(end->loop);
	store_close(end->store);
	mirror_node_free(end->node);
	(void)snprintf(file, sizeof(file), "%s/mirror.json", end->folder);
	(void)unlink(file);
	(void)rmdir(end->folder);
}

/* A port that is free now. */
static uint16_t free_port(void)
{
	struct net_address address;
	struct err err;
	int fd;
	done(net_address_parse(SLICE("127.0.0.1:0"), &address, &err));
	done(net_address_listen(&address, 1, 0600, &fd, &err));
	address.len = sizeof(address.storage);
	done(getsockname(fd, (struct sockaddr *)&address.storage, &address.len));
	(void)close(fd);
	return net_address_port(&address);
}

static void make_folder(struct end *end)
{
	(void)snprintf(end->folder, sizeof(end->folder), "/tmp/rookery-node-XXXXXX");
	assert_non_null(mkdtemp(end->folder));
}

static int set_up_scrubbed(void **state, unsigned scrub_ms)
{
	struct fixture *f = ALLOC(struct fixture);
	for (size_t i = 0; i < NODES; i++) {
		struct end *end = &f->ends[i];
		make_folder(end);
		end->scrub_ms = scrub_ms;
		(void)snprintf(end->listen, sizeof(end->listen), "127.0.0.1:%u", free_port());
		start_end(end);
	}
	*state = f;
	return 0;
}

static int set_up(void **state)
{
	return set_up_scrubbed(state, 0);
}

static int set_up_scrubbing(void **state)
{
	return set_up_scrubbed(state, 100);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < NODES; i++)
		stop_end(&f->ends[i]);
	free(f);
	return 0;
}

static void await_state(struct end *end, enum mirror_state wanted)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	struct mirror_status status;
	do {
		mirror_node_status(end->node, &status);
		if (status.state == wanted)
			return;
		(void)usleep(5000);
	} while (clock_mono_ms() < until);
	fail_msg("%s instead of %s; link: %s; merging: %s", mirror_state_text(status.state),
		mirror_state_text(wanted), status.error, status.merge_error);
}

static void await_both(struct fixture *f, enum mirror_state wanted)
{
	for (size_t i = 0; i < NODES; i++)
		await_state(&f->ends[i], wanted);
}

static int make_pair(struct end *end, const char *peer, struct buf *ret_key, struct err *err)
{
	struct mirror_pair_options options = {.peer = peer};
	return mirror_node_pair(end->node, &options, ret_key, err);
}

static int join(struct end *end, const char *peer, struct slice key, struct err *err)
{
	AUTO(buf_free) struct buf none = BUF(1000);
	struct mirror_pair_options options = {.peer = peer, .key = key};
	int r = mirror_node_pair(end->node, &options, &none, err);
	assert_int_equal(none.len, 0);
	return r;
}

static int replace(struct end *end, struct buf *ret_key, struct err *err)
{
	struct mirror_pair_options options = {0};
	return mirror_node_replace(end->node, &options, ret_key, err);
}

static void pair_both(struct fixture *f)
{
	AUTO(buf_free) struct buf key = BUF(1000);
	struct err err;
	done(make_pair(&f->ends[0], f->ends[1].listen, &key, &err));
	assert_true(slice_starts(buf_slice(&key), SLICE("rookery-1-")));
	done(join(&f->ends[1], f->ends[0].listen, buf_slice(&key), &err));
	await_both(f, MIRROR_IN_SYNC);
}

static void pause_both(struct fixture *f)
{
	struct err err;
	done(mirror_node_pause(f->ends[1].node, true, &err));
	await_state(&f->ends[1], MIRROR_PAUSED);
	await_state(&f->ends[0], MIRROR_ALONE);
}

static void resume_both(struct fixture *f)
{
	struct err err;
	done(mirror_node_pause(f->ends[1].node, false, &err));
	await_both(f, MIRROR_IN_SYNC);
}

static struct store_collection *inbox(struct store_write *w, struct id account, struct err *err)
{
	struct store_collection *c;
	int r = store_write_find_collection(w, account, STORE_MAILBOX, SLICE("INBOX"), &c, err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(
			w, account, STORE_MAILBOX, SLICE("INBOX"), SLICE_NONE, &c, err);
	assert_int_equal(r, 0);
	return c;
}

/* Returns its number. */
static uint32_t deliver(struct end *end, struct id account, struct slice body)
{
	struct store_write *w;
	struct err err;
	struct store_object o = {.flags = STORE_COUNTED, .data = SLICE("data")};
	done(store_write_begin(end->store, &account, 1, &w, &err));
	struct store_collection *c = inbox(w, account, &err);
	o.blob = store_write_blob(w, body);
	done(store_write_object_new(w, c, &o, SLICE("facet"), &err));
	done(store_write_commit(w, &err));
	return o.number;
}

static void expunge(struct end *end, struct id account, uint32_t number)
{
	struct store_write *w;
	struct store_object o;
	struct err err;
	done(store_write_begin(end->store, &account, 1, &w, &err));
	struct store_collection *c = inbox(w, account, &err);
	done(store_write_get_object(w, c, number, &o, &err));
	done(store_write_object_gone(w, c, &o, &err));
	done(store_write_commit(w, &err));
}

static uint64_t count_in(struct end *end, struct id account)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection c;
	struct err err;
	int r = store_find_collection(
		end->store, account, STORE_MAILBOX, SLICE("INBOX"), &arena, &c, &err);
	return r == 0 ? c.count : 0;
}

static void assert_equal(struct fixture *f)
{
	stores_assert_equal(f->ends[0].store, f->ends[1].store);
}

static void what_either_had_before_both_have_once_paired(void **state)
{
	struct fixture *f = *state;
	struct id account[NODES + 1] = {id_new(), id_new(), id_new()};
	for (size_t i = 0; i < NODES; i++) {
		(void)deliver(&f->ends[i], account[i], SLICE("his own"));
		(void)deliver(&f->ends[i], account[NODES], SLICE("of an account that both have"));
	}
	pair_both(f);
	assert_equal(f);
	for (size_t i = 0; i < NODES; i++) {
		assert_int_equal(count_in(&f->ends[i], account[0]), 1);
		assert_int_equal(count_in(&f->ends[i], account[1]), 1);
		assert_int_equal(count_in(&f->ends[i], account[NODES]), NODES);
	}
}

static void linked_both_have_what_either_writes(void **state)
{
	struct fixture *f = *state;
	struct id account = id_new();
	pair_both(f);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(deliver(&f->ends[i % NODES], account, SLICE("x")), i + 1);
	assert_equal(f);
}

static void apart_both_go_on_and_are_merged_when_they_meet(void **state)
{
	struct fixture *f = *state;
	struct id account = id_new(), other = id_new();
	pair_both(f);
	uint32_t first = deliver(&f->ends[0], account, SLICE("first"));
	uint32_t second = deliver(&f->ends[0], account, SLICE("second"));
	pause_both(f);
	for (size_t i = 0; i < NODES; i++) {
		(void)deliver(&f->ends[i], account, SLICE("apart"));
		(void)deliver(&f->ends[i], other, SLICE("apart"));
	}
	expunge(&f->ends[0], account, first);
	expunge(&f->ends[1], account, second);
	resume_both(f);
	assert_equal(f);
	for (size_t i = 0; i < NODES; i++) {
		assert_int_equal(count_in(&f->ends[i], account), 2);
		assert_int_equal(count_in(&f->ends[i], other), 2);
	}
	(void)deliver(&f->ends[1], account, SLICE("and on it goes"));
	assert_equal(f);
}

static void a_deleted_account_does_not_come_back(void **state)
{
	struct fixture *f = *state;
	struct id account = id_new();
	struct store_write *w;
	struct err err;
	pair_both(f);
	(void)deliver(&f->ends[0], account, SLICE("x"));
	pause_both(f);
	(void)deliver(&f->ends[1], account, SLICE("y"));
	done(store_write_begin(f->ends[0].store, &account, 1, &w, &err));
	done(store_write_account_gone(w, account, &err));
	done(store_write_commit(w, &err));
	done(store_sweep(f->ends[0].store, NULL, NULL, &err));
	resume_both(f);
	assert_equal(f);
	struct store_account row;
	for (size_t i = 0; i < NODES; i++)
		assert_int_equal(
			store_get_account(f->ends[i].store, account, &row, &err), STORE_ABSENT);
}

static void a_wrong_key_is_told_at_both(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf key = BUF(1000), other = BUF(1000), none = BUF(1000);
	struct mirror_status status[NODES];
	struct err err;
	done(make_pair(&f->ends[0], "127.0.0.1", &other, &err));
	done(mirror_node_unpair(f->ends[0].node, &err));
	done(make_pair(&f->ends[0], f->ends[1].listen, &key, &err));
	done(join(&f->ends[1], f->ends[0].listen, buf_slice(&other), &err));
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	do {
		for (size_t i = 0; i < NODES; i++)
			mirror_node_status(f->ends[i].node, &status[i]);
		(void)usleep(5000);
	} while ((!status[0].error[0] || !strstr(status[1].error, "key")) &&
		 clock_mono_ms() < until);
	assert_non_null(strstr(status[0].error, "key"));
	assert_non_null(strstr(status[1].error, "key"));
	assert_true(make_pair(&f->ends[1], "x", &none, &err) < 0);
	assert_int_equal(err.kind, ERR_EXISTS);
}

static void count_difference(void *context, struct id account, const char *why)
{
	++*(unsigned *)context;
}

struct found {
	struct buf key, value;
};

static bool remember(void *context, struct slice key, struct slice value)
{
	struct found *found = context;
	buf_add_slice(&found->key, key);
	buf_add_slice(&found->value, value);
	return false;
}

/* The first object's last byte is another one, behind everybody's back, as a disk would do it. */
static void damage(struct end *end, struct id account)
{
	struct store_txn *txn;
	struct store_batch batch;
	struct store_db *db = mirror_inner_db(mirror_node_db(end->node));
	struct found found = {BUF(1000), BUF(1000)};
	struct key key, to;
	struct err err;
	key_of_account(&key, KEY_OBJECT, account);
	to = key;
	key_to_end(&to);
	done(store_driver_memory.scan(
		db, NULL, key_slice(&key), key_slice(&to), false, remember, &found, &err));
	found.value.data[found.value.len - 1] ^= 1;
	done(store_driver_memory.begin(db, &account, 1, &txn, &err));
	store_batch_init(&batch);
	store_batch_put(&batch, buf_slice(&found.key), buf_slice(&found.value));
	done(store_driver_memory.commit(txn, &batch, NULL, 0, &err));
	store_batch_free(&batch);
	buf_free(&found.key);
	buf_free(&found.value);
}

static void verify_finds_what_differs_and_mends_it(void **state)
{
	struct fixture *f = *state;
	struct id account = id_new();
	struct mirror_verify_result result;
	unsigned found = 0;
	struct err err;
	assert_true(mirror_node_verify(f->ends[0].node, false, NULL, count_difference, &found,
			    &result, &err) < 0);
	pair_both(f);
	(void)deliver(&f->ends[0], account, SLICE("x"));
	for (size_t i = 0; i < NODES; i++) {
		done(mirror_node_verify(
			f->ends[i].node, false, NULL, count_difference, &found, &result, &err));
		assert_int_equal(result.differing, 0);
		assert_true(result.accounts >= 1);
	}
	damage(&f->ends[1], account);
	done(mirror_node_verify(
		f->ends[1].node, true, NULL, count_difference, &found, &result, &err));
	assert_int_equal(result.differing, 1);
	assert_int_equal(found, 1);
	await_both(f, MIRROR_IN_SYNC);
	assert_equal(f);
	assert_int_equal(count_in(&f->ends[1], account), 1);
}

static void a_new_machine_takes_the_place_of_a_lost_one(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf key = BUF(1000), none = BUF(1000);
	struct id account = id_new();
	struct err err;
	pair_both(f);
	(void)deliver(&f->ends[0], account, SLICE("x"));
	stop_end(&f->ends[1]);
	make_folder(&f->ends[1]);
	start_end(&f->ends[1]);
	(void)deliver(&f->ends[0], account, SLICE("y"));
	done(replace(&f->ends[0], &key, &err));
	done(join(&f->ends[1], f->ends[0].listen, buf_slice(&key), &err));
	await_both(f, MIRROR_IN_SYNC);
	assert_equal(f);
	assert_int_equal(count_in(&f->ends[1], account), 2);
}

struct writer {
	struct end *end;
	unsigned seed;
	const struct id *accounts;
	atomic_bool *over;
	pthread_t thread;
};

enum { WRITERS = 4, ACCOUNTS = 5, CUTS = 6 };

static void *write_on(void *context)
{
	struct writer *writer = context;
	while (!atomic_load(writer->over)) {
		struct id account = writer->accounts[rand_r(&writer->seed) % ACCOUNTS];
		uint32_t number = deliver(writer->end, account, SLICE("a body"));
		if (rand_r(&writer->seed) % 3 == 0) {
			struct store_write *w;
			struct store_object o;
			struct err err;
			done(store_write_begin(writer->end->store, &account, 1, &w, &err));
			struct store_collection *c = inbox(w, account, &err);
			if (store_write_get_object(w, c, number, &o, &err) == 0)
				done(store_write_object_gone(w, c, &o, &err));
			done(store_write_commit(w, &err));
		}
	}
	return NULL;
}

static void writers_at_both_nodes_and_a_link_that_is_cut_again_and_again(void **state)
{
	struct fixture *f = *state;
	struct writer writers[WRITERS];
	struct id accounts[ACCOUNTS];
	atomic_bool over = false;
	for (size_t i = 0; i < ACCOUNTS; i++)
		accounts[i] = id_new();
	pair_both(f);
	for (unsigned i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){&f->ends[i % NODES], i, accounts, &over, 0};
		done(pthread_create(&writers[i].thread, NULL, write_on, &writers[i]));
	}
	for (unsigned i = 0; i < CUTS; i++) {
		struct err err;
		done(mirror_node_pause(f->ends[i % NODES].node, true, &err));
		(void)usleep(20 * 1000);
		done(mirror_node_pause(f->ends[i % NODES].node, false, &err));
		(void)usleep(i % 2 ? 400 * 1000 : 250 * 1000);
	}
	atomic_store(&over, true);
	for (unsigned i = 0; i < WRITERS; i++)
		(void)pthread_join(writers[i].thread, NULL);
	await_both(f, MIRROR_IN_SYNC);
	assert_equal(f);
}

static struct store_object object_at(struct end *end, struct id account, uint32_t number)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection c;
	struct store_object o;
	struct err err;
	done(store_find_collection(
		end->store, account, STORE_MAILBOX, SLICE("INBOX"), &arena, &c, &err));
	int r = store_get_object(end->store, account, c.id, number, &arena, &o, &err);
	assert_true(r >= 0);
	o.flags = r == 0 && slice_eq(o.data, SLICE("data")); /* it is as it was delivered */
	o.data = o.name = SLICE_NONE;
	return o;
}

/* Below the mirror, as a disk does it: another byte in the object's row, or no row at all. */
static void damage_row(struct end *end, struct id account, uint32_t number, bool lose)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf row = BUF(1000);
	struct store_db *m = mirror_node_db(end->node);
	struct store_collection c;
	struct store_batch batch;
	struct store_txn *txn;
	struct key key;
	struct err err;
	done(store_find_collection(
		end->store, account, STORE_MAILBOX, SLICE("INBOX"), &arena, &c, &err));
	key_of_object(&key, KEY_OBJECT, account, c.id, number);
	done(m->inner->begin(m->db, &account, 1, &txn, &err));
	done(m->inner->get(m->db, txn, key_slice(&key), &row, &err));
	row.data[row.len - 1] ^= 1;
	store_batch_init(&batch);
	if (lose)
		store_batch_delete(&batch, key_slice(&key));
	else
		store_batch_put(&batch, key_slice(&key), buf_slice(&row));
	done(m->inner->commit(txn, &batch, NULL, 0, &err));
	store_batch_free(&batch);
}

static uint64_t scrubbed(struct end *end)
{
	struct mirror_status status;
	mirror_node_status(end->node, &status);
	return status.scrub.rounds;
}

static void damaged_rows_are_healed_without_a_command(void **state)
{
	struct fixture *f = *state;
	struct id account = id_new();
	struct mirror_status status;
	struct err err;
	pair_both(f);
	uint32_t one = deliver(&f->ends[0], account, SLICE("one")),
		 two = deliver(&f->ends[1], account, SLICE("two"));
	for (size_t i = 0; i < NODES; i++)
		for (int lose = 0; lose < 2; lose++) {
			int64_t until = clock_mono_ms() + PATIENCE_MS;
			damage_row(&f->ends[i], account, i == 0 ? one : two, lose);
			while (!object_at(&f->ends[i], account, i == 0 ? one : two).flags &&
				clock_mono_ms() < until)
				(void)usleep(5000);
			await_both(f, MIRROR_IN_SYNC);
			for (size_t n = 0; n < NODES; n++) {
				assert_true(object_at(&f->ends[n], account, one).flags);
				assert_true(object_at(&f->ends[n], account, two).flags);
			}
		}
	mirror_node_status(f->ends[0].node, &status);
	assert_int_equal(status.scrub.differing, 4);
	uint64_t rounds = scrubbed(&f->ends[1]);
	for (int64_t until = clock_mono_ms() + PATIENCE_MS;
		scrubbed(&f->ends[1]) < rounds + 2 && clock_mono_ms() < until;)
		(void)usleep(5000);
	mirror_node_status(f->ends[1].node, &status);
	assert_true(status.scrub.rounds >= rounds + 2 && status.scrub.bodies > 0);
	struct mirror_verify_result found;
	unsigned told = 0;
	done(mirror_node_verify(
		f->ends[0].node, false, NULL, count_difference, &told, &found, &err));
	assert_int_equal(found.differing, 0);
}

int main(void)
{
#define NODE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		NODE_TEST(what_either_had_before_both_have_once_paired),
		NODE_TEST(linked_both_have_what_either_writes),
		NODE_TEST(apart_both_go_on_and_are_merged_when_they_meet),
		NODE_TEST(a_deleted_account_does_not_come_back),
		NODE_TEST(a_wrong_key_is_told_at_both),
		NODE_TEST(verify_finds_what_differs_and_mends_it),
		cmocka_unit_test_setup_teardown(
			damaged_rows_are_healed_without_a_command, set_up_scrubbing, tear_down),
		NODE_TEST(a_new_machine_takes_the_place_of_a_lost_one),
		NODE_TEST(writers_at_both_nodes_and_a_link_that_is_cut_again_and_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
