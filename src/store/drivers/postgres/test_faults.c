/* Connections that end, answers that are lost, a server that dies: temporary errors, nothing that
 * was answered is lost, nothing is there by half. */
#include "store/drivers/postgres/test_proxy.h"
#include "store/drivers/postgres/test_support.h"

#include "base/alloc.h"

#include <pthread.h>
#include <unistd.h>

static const struct store_driver *const driver = &store_driver_postgres;

static void ended_connections_are_replaced(void **state)
{
	struct place_of_test *p = *state;
	test_put_done(p, "a");
	assert_true(test_server_cut_all(p->database) > 0);
	assert_true(test_has(p->db, "a"));
	assert_true(test_server_cut_all(p->database) > 0);
	test_put_done(p, "b");
	assert_true(test_has(p->db, "b"));
}

static void a_txn_whose_connection_ends_writes_nothing(void **state)
{
	struct place_of_test *p = *state;
	AUTO(buf_free) struct buf got = BUF(100);
	test_put_done(p, "a");
	for (int look = 0; look < 2; look++) {
		struct err err = {0};
		struct store_txn *txn = test_locked(p->db, p->account);
		assert_true(test_server_cut_all(p->database) > 0);
		if (look)
			test_temporary(driver->get(p->db, txn, SLICE("a"), &got, &err), &err);
		int rc = test_put(txn, "b", &err);
		test_temporary(rc, &err);
		assert_int_not_equal(rc, STORE_UNCERTAIN);
		assert_false(test_has(p->db, "b"));
		driver->abort(test_locked(p->db, p->account)); /* the lock went with it */
	}
	struct store_txn *txn = test_locked(p->db, p->account);
	assert_true(test_server_cut_all(p->database) > 0);
	driver->abort(txn);
	test_put_done(p, "b");
}

struct cutting {
	struct place_of_test *p;
	size_t seen;
};

static bool cut_at_first(void *context, struct slice key, struct slice value)
{
	struct cutting *c = context;
	if (c->seen++ == 0)
		assert_true(test_server_cut_all(c->p->database) > 0);
	return true;
}

static void a_scan_whose_connection_ends_fails(void **state)
{
	struct cutting c = {.p = *state};
	struct err err = {0};
	(void)test_server_sql(c.p->database, "INSERT INTO store_keys SELECT ('k' || i)::bytea, '' "
					     "FROM generate_series(1, 5000) i");
	test_temporary(
		driver->scan(c.p->db, NULL, SLICE("k"), SLICE("l"), false, cut_at_first, &c, &err),
		&err);
	assert_in_range(c.seen, 1, 4999);
	c.seen = 1;
	assert_int_equal(
		driver->scan(c.p->db, NULL, SLICE("k"), SLICE("l"), false, cut_at_first, &c, &err),
		0);
	assert_int_equal(c.seen, 5001);
}

struct commit {
	struct place_of_test *p;
	int rc;
	struct err err;
	struct id id;
};

static void *put_key(void *argument)
{
	struct commit *c = argument;
	c->rc = test_put(test_locked(c->p->db, c->p->account), "k", &c->err);
	return NULL;
}

static void a_commit_that_is_ended_while_it_waits_is_not_done(void **state)
{
	struct commit c = {.p = *state};
	pthread_t thread;
	PGconn *other = test_server_connect(c.p->database);
	PQclear(PQexec(other, "BEGIN"));
	PQclear(PQexec(other, "INSERT INTO store_keys VALUES ('k', '')"));
	assert_int_equal(pthread_create(&thread, NULL, put_key, &c), 0);
	test_await_waiter(c.p->database);
	assert_int_equal(test_server_sql(c.p->database,
				 "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
				 "WHERE wait_event_type = 'Lock'"),
		1);
	(void)pthread_join(thread, NULL);
	PQclear(PQexec(other, "ROLLBACK"));
	PQfinish(other);
	test_temporary(c.rc, &c.err);
	assert_int_not_equal(c.rc, STORE_UNCERTAIN);
	assert_false(test_has(c.p->db, "k"));
}

enum { ROUNDS = 500, KEYS = 20, BODY = 200 << 10 };

static void key_of(char key[24], int round, int i)
{
	(void)snprintf(key, 24, "n%d.%d", round, i);
}

static int commit_many(struct place_of_test *p, int round, struct slice body, struct id *ret_blob)
{
	struct store_new_blob blob = {id_new(), body};
	struct store_batch batch;
	struct store_txn *txn;
	struct err err = {0};
	char key[24] = {STORE_KEY_BLOB_REF};
	*ret_blob = blob.id;
	if (test_begin(p->db, p->account, &txn, &err) < 0) {
		test_temporary(-1, &err);
		return -1;
	}
	store_batch_init(&batch);
	memcpy(key + 1, blob.id.bytes, ID_SIZE);
	store_batch_put(&batch, slice(key, 18), SLICE_NONE);
	for (int i = 0; i < KEYS; i++) {
		key_of(key, round, i);
		store_batch_put(&batch, slice_str(key), SLICE_NONE);
	}
	int rc = driver->commit(txn, &batch, &blob, 1, &err);
	if (rc < 0)
		test_temporary(rc, &err);
	assert_int_not_equal(rc, STORE_UNCERTAIN);
	store_batch_free(&batch);
	return rc;
}

struct cutter {
	const char *database;
	void (*cut)(const char *database);
	int times;
	_Atomic bool done;
};

static void cut_connections(const char *database)
{
	(void)test_server_cut_all(database);
}

static void cut_server(const char *database)
{
	(void)usleep(50000);
	test_server_crash();
	test_server_start();
}

static void *cut_on(void *argument)
{
	struct cutter *c = argument;
	for (int i = 0; i < c->times; i++) {
		(void)usleep((unsigned)i * 7919 % 15000);
		c->cut(c->database);
	}
	atomic_store(&c->done, true);
	return NULL;
}

static void look_at(struct place_of_test *p, int round, struct id blob, bool done)
{
	AUTO(buf_free) struct buf got = BUF(1 << 20);
	struct err err = {0};
	for (int k = 0; k < KEYS; k++) {
		char key[24];
		key_of(key, round, k);
		assert_int_equal(test_has(p->db, key), done);
	}
	assert_int_equal(
		driver->blob_read(p->db, blob, 0, UINT64_MAX, &got, &err), done ? 0 : STORE_ABSENT);
}

static void commit_while(struct place_of_test *p, void (*cut)(const char *database), int times)
{
	struct cutter cutter = {.database = p->database, .cut = cut, .times = times};
	AUTO_FREE char *body = alloc_zero(1, BODY);
	struct id blobs[ROUNDS];
	int rounds = 0, rc[ROUNDS];
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, cut_on, &cutter), 0);
	for (; rounds < ROUNDS && !atomic_load(&cutter.done); rounds++) {
		rc[rounds] = commit_many(p, rounds, slice(body, BODY), &blobs[rounds]);
		if (rc[rounds] < 0)
			(void)usleep(5000); /* so that the rounds outlast a server that is down */
	}
	(void)pthread_join(thread, NULL);
	for (int i = 0; i < rounds; i++)
		look_at(p, i, blobs[i], rc[i] == 0);
}

static void a_commit_is_whole_or_not_there_when_connections_end_at_any_time(void **state)
{
	commit_while(*state, cut_connections, 60);
}

static void a_commit_is_whole_or_not_there_when_the_server_dies_at_any_time(void **state)
{
	commit_while(*state, cut_server, 2);
}

/* Opens the store a second time, by way of a proxy. */
static struct store_db *open_by(struct proxy *proxy, const struct place_of_test *p)
{
	char database[2 * TEST_DATABASE];
	(void)snprintf(database, sizeof(database), "%s host=%s", p->database, proxy_folder(proxy));
	return test_open(database);
}

static void commit_and_lose(struct place_of_test *p, enum proxy_mode mode, int rc, bool done)
{
	struct proxy *proxy = proxy_new(test_server_folder());
	struct store_db *db = open_by(proxy, p);
	struct err err = {0};
	db->fate_wait_ms = mode == PROXY_LOSE_AND_GO ? 300 : db->fate_wait_ms;
	struct store_txn *txn = test_locked(db, p->account);
	proxy_set(proxy, mode);
	assert_int_equal(test_put(txn, "k", &err), rc);
	if (rc < 0)
		test_temporary(rc, &err);
	proxy_set(proxy, PROXY_PASS);
	assert_int_equal(test_has(p->db, "k"), done);
	assert_int_equal(test_has(db, "k"), done);
	driver->abort(test_locked(db, p->account));
	driver->close(db);
	proxy_free(proxy);
}

static void a_commit_whose_answer_is_lost_is_found_to_be_done(void **state)
{
	commit_and_lose(*state, PROXY_LOSE_COMMIT, 0, true);
}

static void a_commit_that_never_arrives_is_found_not_to_be_done(void **state)
{
	commit_and_lose(*state, PROXY_LOSE_REQUEST, -1, false);
}

static void a_commit_that_nobody_can_ask_for_is_uncertain(void **state)
{
	commit_and_lose(*state, PROXY_LOSE_AND_GO, STORE_UNCERTAIN, true);
}

static bool go_on(void *context, struct slice key, struct slice value)
{
	++*(int *)context;
	return true;
}

/* Nothing tells that these connections are dead before they are used. */
static void what_can_be_done_twice_is(void **state)
{
	struct place_of_test *p = *state;
	struct proxy *proxy = proxy_new(test_server_folder());
	struct store_db *db = open_by(proxy, p);
	struct err err = {0};
	int seen = 0;
	test_put_done(p, "k");
	assert_true(test_has(db, "k"));
	proxy_set(proxy, PROXY_LOSE_REQUEST);
	assert_true(test_has(db, "k"));
	proxy_set(proxy, PROXY_LOSE_REQUEST);
	assert_int_equal(
		driver->scan(db, NULL, SLICE("k"), SLICE("l"), false, go_on, &seen, &err), 0);
	assert_int_equal(seen, 1);
	proxy_set(proxy, PROXY_LOSE_REQUEST);
	assert_int_equal(test_put(test_locked(db, p->account), "m", &err), 0);
	driver->close(db);
	proxy_free(proxy);
}

static void *ask_for_fate(void *argument)
{
	struct commit *c = argument;
	c->rc = postgres_fate(c->p->db, c->id, &c->err);
	return NULL;
}

/* A transaction that has put its id and is not over, as one whose connection broke just now. */
static void end_while_asked(struct place_of_test *p, const char *end, int rc)
{
	struct commit c = {.p = p, .id = id_new()};
	struct postgres_arguments a = {.count = 0};
	const int binary[] = {1};
	pthread_t thread;
	PGconn *other = test_server_connect(p->database);
	static const char put[] = "INSERT INTO store_commits (id, done) VALUES ($1::bytea, true)";
	postgres_add_bytes(&a, id_slice(&c.id));
	PQclear(PQexec(other, "BEGIN"));
	PQclear(PQexecParams(other, put, 1, NULL, a.values, a.lengths, binary, 0));
	assert_int_equal(pthread_create(&thread, NULL, ask_for_fate, &c), 0);
	test_await_waiter(p->database);
	PQclear(PQexec(other, end));
	(void)pthread_join(thread, NULL);
	assert_int_equal(c.rc, rc);
	assert_int_equal(postgres_fate(p->db, c.id, &c.err), rc); /* the same when asked again */
	PGresult *late = PQexecParams(other, put, 1, NULL, a.values, a.lengths, binary, 0);
	assert_string_equal(PQresultErrorField(late, PG_DIAG_SQLSTATE), "23505");
	PQclear(late);
	PQfinish(other);
}

static void asking_waits_for_a_transaction_that_is_not_over(void **state)
{
	end_while_asked(*state, "COMMIT", 0);
	end_while_asked(*state, "ROLLBACK", -1);
}

static void a_server_that_dies_and_comes_back_has_what_was_answered(void **state)
{
	struct place_of_test *p = *state;
	AUTO(buf_free) struct buf got = BUF(100);
	struct err err = {0};
	struct store_txn *txn;
	test_put_done(p, "a");
	struct store_txn *open = test_locked(p->db, p->account);
	test_server_crash();
	test_temporary(driver->get(p->db, NULL, SLICE("a"), &got, &err), &err);
	test_temporary(test_begin(p->db, p->account, &txn, &err), &err);
	p->db->fate_wait_ms = 200;
	int rc = test_put(open, "b", &err);
	test_temporary(rc, &err);
	assert_int_not_equal(rc, STORE_UNCERTAIN); /* nothing of it was ever sent */
	test_server_start();
	assert_true(test_has(p->db, "a"));
	assert_false(test_has(p->db, "b"));
	test_put_done(p, "c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_CASE(ended_connections_are_replaced),
		TEST_CASE(a_txn_whose_connection_ends_writes_nothing),
		TEST_CASE(a_scan_whose_connection_ends_fails),
		TEST_CASE(a_commit_that_is_ended_while_it_waits_is_not_done),
		TEST_CASE(a_commit_is_whole_or_not_there_when_connections_end_at_any_time),
		TEST_CASE(a_commit_is_whole_or_not_there_when_the_server_dies_at_any_time),
		TEST_CASE(what_can_be_done_twice_is),
		TEST_CASE(a_commit_whose_answer_is_lost_is_found_to_be_done),
		TEST_CASE(a_commit_that_never_arrives_is_found_not_to_be_done),
		TEST_CASE(a_commit_that_nobody_can_ask_for_is_uncertain),
		TEST_CASE(asking_waits_for_a_transaction_that_is_not_over),
		TEST_CASE(a_server_that_dies_and_comes_back_has_what_was_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
