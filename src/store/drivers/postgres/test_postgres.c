/* Opening, two nodes on one database, upkeep: what only this driver promises. */
#include "store/drivers/postgres/test_support.h"

#include "base/alloc.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const struct store_driver *const driver = &store_driver_postgres;

/* The err of an open that fails. */
static struct err refused(const struct store_driver_options *options)
{
	struct store_db *db;
	struct err err = {0};
	assert_true(driver->open(options, &db, &err) < 0);
	return err;
}

static struct err refused_string(const char *database)
{
	const struct store_driver_options options = {.database = database, .no_sync = true};
	return refused(&options);
}

static void assert_says(const struct err *err, const char *words)
{
	if (!strstr(err->text, words))
		fail_msg("\"%s\" does not say \"%s\"", err->text, words);
}

static void a_wrong_password_is_said_and_permanent(void **state)
{
	struct place_of_test *p = *state;
	char database[2 * TEST_DATABASE];
	(void)test_server_sql(p->database, "CREATE ROLE locked LOGIN PASSWORD 'right'");
	(void)snprintf(database, sizeof(database), "%s user=locked password=wrong", p->database);
	struct err err = refused_string(database);
	assert_int_equal(err.class, ERR_PERMANENT);
	assert_int_equal(err.kind, ERR_DENIED);
	assert_says(&err, "password authentication failed");
	assert_null(strstr(err.text, "wrong"));
	(void)snprintf(database, sizeof(database), "%s user=locked", p->database);
	err = refused_string(database);
	assert_int_equal(err.kind, ERR_DENIED);
}

static void a_server_that_is_not_there_is_said_and_temporary(void **state)
{
	struct err err = refused_string("host=/nonexistent dbname=x");
	test_temporary(-1, &err);
	assert_says(&err, "/nonexistent");
}

/* It takes the connection and says nothing. */
static void a_server_that_is_silent_is_given_up(void **state)
{
	char folder[] = "/tmp/rookery-silent-XXXXXX", database[TEST_DATABASE];
	struct sockaddr_un here = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_non_null(mkdtemp(folder));
	(void)snprintf(here.sun_path, sizeof(here.sun_path), "%s/.s.PGSQL.5432", folder);
	assert_int_equal(bind(listener, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(listen(listener, 4), 0);
	(void)snprintf(database, sizeof(database), "host=%s connect_timeout=2", folder);
	struct err err = refused_string(database);
	test_temporary(-1, &err);
	assert_says(&err, "timeout");
	(void)close(listener);
	(void)unlink(here.sun_path);
	(void)rmdir(folder);
}

static void a_string_that_is_none_is_refused_without_its_words(void **state)
{
	struct err err = refused_string("host=x password=open sesame");
	assert_int_equal(err.class, ERR_PERMANENT);
	assert_null(strstr(err.text, "sesame"));
	const struct store_driver_options none = {.no_sync = true};
	err = refused(&none);
	assert_int_equal(err.class, ERR_PERMANENT);
}

static void tables_of_a_newer_program_are_refused(void **state)
{
	struct place_of_test *p = *state;
	(void)test_server_sql(p->database, "UPDATE store_version SET version = 99");
	struct err err = refused_string(p->database);
	assert_int_equal(err.class, ERR_PERMANENT);
	assert_says(&err, "99");
	/* Nor does one that is open already go on with new connections. */
	assert_true(test_server_cut_all(p->database) >= 0);
	struct store_txn *txn;
	test_temporary(test_begin(p->db, p->account, &txn, &err), &err);
}

static void a_server_that_does_not_sync_is_refused(void **state)
{
	struct place_of_test *p = *state;
	const struct store_driver_options options = {.database = p->database};
	struct err err = refused(&options);
	assert_says(&err, "fsync");
}

static void commits_are_synchronous_whatever_was_set(void **state)
{
	struct place_of_test *p = *state;
	static const struct {
		const char *set, *is;
	} cases[] = {
		{"off", "on"}, {"local", "on"}, {"on", "on"}, {"remote_apply", "remote_apply"}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char sql[128];
		struct postgres_link *link;
		struct err err = {0};
		PGresult *rows;
		(void)snprintf(sql, sizeof(sql), "ALTER ROLE rookery SET synchronous_commit = %s",
			cases[i].set);
		(void)test_server_sql(p->database, sql);
		assert_int_equal(postgres_link_new(&p->db->pool.place, &link, &err), 0);
		postgres_link_put_sql(link, "SHOW synchronous_commit", NULL);
		assert_int_equal(postgres_link_run(link, &rows, &err), 0);
		assert_slice(postgres_bytes(rows, 0, 0), cases[i].is);
		PQclear(rows);
		postgres_link_free(link);
	}
	(void)test_server_sql(p->database, "ALTER ROLE rookery RESET synchronous_commit");
}

static void *open_and_close(void *argument)
{
	driver->close(test_open(argument));
	return NULL;
}

static void tables_are_made_once_by_whoever_comes_first(void **state)
{
	char database[TEST_DATABASE];
	pthread_t threads[6];
	test_server_database(database);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, database), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		(void)pthread_join(threads[i], NULL);
	assert_int_equal(test_server_sql(database, "SELECT version FROM store_version"), 1);
}

static void a_store_for_reading_reads_and_does_not_write(void **state)
{
	struct place_of_test *p = *state;
	const struct store_driver_options options = {
		.database = p->database, .no_sync = true, .read_only = true};
	struct store_db *db;
	struct err err = {0};
	test_put_done(p, "a");
	assert_int_equal(driver->open(&options, &db, &err), 0);
	assert_true(test_has(db, "a"));
	assert_true(test_put(test_locked(db, p->account), "b", &err) < 0);
	assert_int_equal(err.kind, ERR_DENIED);
	assert_false(test_has(db, "b"));
	driver->close(db);
	char empty[TEST_DATABASE];
	test_server_database(empty);
	const struct store_driver_options nothing = {
		.database = empty, .no_sync = true, .read_only = true};
	err = refused(&nothing);
	assert_int_equal(err.class, ERR_PERMANENT);
}

static void connections_are_bounded_and_readers_have_theirs(void **state)
{
	struct place_of_test *p = *state;
	const struct store_driver_options options = {
		.database = p->database, .no_sync = true, .connections = 8};
	struct store_db *db;
	struct store_txn *held[8 - POSTGRES_LEAVES], *more;
	struct err err = {0};
	assert_int_equal(driver->open(&options, &db, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		held[i] = test_locked(db, id_new());
	db->lock_wait_ms = 20;
	test_temporary(test_begin(db, id_new(), &more, &err), &err);
	assert_says(&err, "8 connections");
	assert_false(test_has(db, "a"));
	driver->abort(held[0]);
	held[0] = test_locked(db, id_new());
	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		driver->abort(held[i]);
	driver->close(db);
}

static void two_nodes_see_each_others_commits(void **state)
{
	struct place_of_test *p = *state;
	struct store_db *other = test_open(p->database);
	struct err err = {0};
	test_put_done(p, "a");
	assert_true(test_has(other, "a"));
	assert_int_equal(test_put(test_locked(other, p->account), "b", &err), 0);
	assert_true(test_has(p->db, "b"));
	driver->close(other);
}

static void two_nodes_exclude_each_other_by_account(void **state)
{
	struct place_of_test *p = *state;
	struct store_db *other = test_open(p->database);
	struct store_txn *theirs;
	struct err err = {0};
	other->lock_wait_ms = 50;
	struct store_txn *ours = test_locked(p->db, p->account);
	test_temporary(test_begin(other, p->account, &theirs, &err), &err);
	assert_says(&err, "another writer");
	driver->abort(test_locked(other, id_new()));
	driver->abort(ours);
	other->lock_wait_ms = 30000;
	driver->abort(test_locked(other, p->account));
	/* A node that is gone holds nothing. */
	ours = test_locked(p->db, p->account);
	assert_true(test_server_cut_all(p->database) > 0);
	driver->abort(test_locked(other, p->account));
	driver->abort(ours);
	driver->close(other);
}

enum { NODES = 2, THREADS = 4, ADDITIONS = 30 };

struct node {
	struct store_db *db;
	struct id account;
};

static void *add_on(void *argument)
{
	struct node *n = argument;
	for (int i = 0; i < ADDITIONS; i++) {
		struct store_txn *txn = test_locked(n->db, n->account);
		AUTO(buf_free) struct buf value = BUF(100);
		struct store_batch batch;
		struct err err = {0};
		uint64_t sum = 0;
		char text[24];
		int rc = driver->get(n->db, txn, SLICE("sum"), &value, &err);
		assert_true(rc >= 0);
		if (rc == 0)
			assert_true(slice_to_u64(buf_slice(&value), UINT64_MAX, &sum));
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)sum + 1);
		store_batch_init(&batch);
		store_batch_put(&batch, SLICE("sum"), slice_str(text));
		assert_int_equal(driver->commit(txn, &batch, NULL, 0, &err), 0);
		store_batch_free(&batch);
	}
	return NULL;
}

static void no_update_is_lost_between_nodes(void **state)
{
	struct place_of_test *p = *state;
	struct node nodes[NODES] = {{p->db, p->account}, {test_open(p->database), p->account}};
	pthread_t threads[THREADS];
	AUTO(buf_free) struct buf sum = BUF(100);
	struct err err = {0};
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_on, &nodes[i % NODES]), 0);
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	assert_int_equal(driver->get(p->db, NULL, SLICE("sum"), &sum, &err), 0);
	assert_slice(buf_slice(&sum), "120");
	driver->close(nodes[1].db);
}

static uint64_t compact(struct store_db *db, bool all)
{
	uint64_t freed;
	struct err err = {0};
	if (driver->compact(db, all, NULL, NULL, &freed, &err) != 0)
		fail_msg("compact: %s", err.text);
	return freed;
}

static void a_sweep_frees_what_was_released(void **state)
{
	struct place_of_test *p = *state;
	struct id kept = test_add_blob(p, 1000), gone = test_add_blob(p, 150000);
	uint64_t len;
	struct err err = {0};
	test_drop_blob(p, gone);
	assert_int_equal(compact(p->db, false), 150000);
	assert_int_equal(compact(p->db, true), 0);
	assert_int_equal(driver->blob_len(p->db, gone, &len, &err), STORE_ABSENT);
	assert_int_equal(driver->blob_len(p->db, kept, &len, &err), 0);
	assert_int_equal(test_server_sql(p->database, "SELECT count(*) FROM store_chunks"), 1);
	assert_int_equal(test_server_sql(p->database, "SELECT count(*) FROM store_suspects"), 0);
}

/* While another commit that releases the blob too is not over, its suspect must not be taken. */
static void a_suspect_outlives_a_sweep_that_does_not_see_it(void **state)
{
	struct place_of_test *p = *state;
	struct id blob = test_add_blob(p, 1000);
	(void)test_server_sql(
		p->database, "INSERT INTO store_suspects (blob) SELECT id FROM store_blobs");
	PGconn *other = test_server_connect(p->database);
	PQclear(PQexec(other, "BEGIN"));
	PQclear(PQexec(other, "DELETE FROM store_keys"));
	PQclear(PQexec(other, "INSERT INTO store_suspects (blob) SELECT id FROM store_blobs"));
	assert_int_equal(compact(p->db, false), 0);
	PQclear(PQexec(other, "COMMIT"));
	PQfinish(other);
	assert_int_equal(compact(p->db, false), 1000);
	uint64_t len;
	struct err err = {0};
	assert_int_equal(driver->blob_len(p->db, blob, &len, &err), STORE_ABSENT);
}

static void note_damage(void *context, const struct store_finding *finding)
{
	*(size_t *)context += finding->damage;
}

static size_t damage(struct store_db *db)
{
	size_t count = 0;
	struct err err = {0};
	assert_int_equal(driver->check(db, note_damage, NULL, &count, &err), 0);
	return count;
}

static void damage_is_found_and_never_returned(void **state)
{
	struct place_of_test *p = *state;
	static const char *const harm[] = {
		("UPDATE store_chunks SET bytes = set_byte(bytes, 7, 1 + get_byte(bytes, 7) % 255) "
		 "WHERE number = 1"),
		"UPDATE store_chunks SET number = 3 - number WHERE number IN (1, 2)",
		"DELETE FROM store_chunks WHERE number = 1",
		"DELETE FROM store_chunks WHERE number = 2",
		"DELETE FROM store_chunks",
	};
	for (size_t i = 0; i < ARRAY_LEN(harm); i++) {
		AUTO(buf_free) struct buf got = BUF(1 << 20);
		struct err err = {0};
		(void)test_server_sql(
			p->database, "TRUNCATE store_keys, store_blobs, store_chunks");
		struct id blob = test_add_blob(p, 3 * POSTGRES_CHUNK);
		assert_int_equal(damage(p->db), 0);
		(void)test_server_sql(
			p->database, "ALTER TABLE store_chunks DROP CONSTRAINT store_chunks_pkey");
		(void)test_server_sql(p->database, harm[i]);
		(void)test_server_sql(
			p->database, "ALTER TABLE store_chunks ADD PRIMARY KEY (blob, number)");
		buf_add_str(&got, "before");
		assert_true(driver->blob_read(p->db, blob, 0, UINT64_MAX, &got, &err) < 0);
		assert_int_equal(err.kind, ERR_DAMAGED);
		assert_slice(buf_slice(&got), "before");
		assert_true(damage(p->db) > 0);
	}
}

static void ids_of_commits_do_not_pile_up(void **state)
{
	struct place_of_test *p = *state;
	for (int i = 0; i < 20; i++)
		test_put_done(p, "a");
	assert_int_equal(test_server_sql(p->database, "SELECT count(*) FROM store_commits"), 1);
	(void)test_server_sql(p->database, "UPDATE store_commits SET at = at - interval '2 days'");
	(void)compact(p->db, false);
	assert_int_equal(test_server_sql(p->database, "SELECT count(*) FROM store_commits"), 0);
	test_put_done(p, "a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_CASE(a_wrong_password_is_said_and_permanent),
		TEST_CASE(a_server_that_is_not_there_is_said_and_temporary),
		TEST_CASE(a_server_that_is_silent_is_given_up),
		TEST_CASE(a_string_that_is_none_is_refused_without_its_words),
		TEST_CASE(tables_of_a_newer_program_are_refused),
		TEST_CASE(a_server_that_does_not_sync_is_refused),
		TEST_CASE(commits_are_synchronous_whatever_was_set),
		TEST_CASE(tables_are_made_once_by_whoever_comes_first),
		TEST_CASE(a_store_for_reading_reads_and_does_not_write),
		TEST_CASE(connections_are_bounded_and_readers_have_theirs),
		TEST_CASE(two_nodes_see_each_others_commits),
		TEST_CASE(two_nodes_exclude_each_other_by_account),
		TEST_CASE(no_update_is_lost_between_nodes),
		TEST_CASE(a_sweep_frees_what_was_released),
		TEST_CASE(a_suspect_outlives_a_sweep_that_does_not_see_it),
		TEST_CASE(damage_is_found_and_never_returned),
		TEST_CASE(ids_of_commits_do_not_pile_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
