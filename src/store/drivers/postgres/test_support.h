/* What the tests of this driver share: a store in an empty database, and short ways to use it. */
#ifndef STORE_DRIVERS_POSTGRES_TEST_SUPPORT_H
#define STORE_DRIVERS_POSTGRES_TEST_SUPPORT_H

#include "store/drivers/postgres/db.h"
#include "store/drivers/postgres/test_server.h"

#include "base/test.h"

struct place_of_test {
	char database[TEST_DATABASE];
	struct store_db *db;
	struct id account;
};

/* For cmocka. */
int test_set_up(void **state);
int test_tear_down(void **state);
#define TEST_CASE(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

/* The caller closes it. */
struct store_db *test_open(const char *database);

/* Each returns what the driver does. */
int test_begin(struct store_db *db, struct id account, struct store_txn **ret_txn, struct err *err);
int test_put(struct store_txn *txn, const char *key, struct err *err); /* and commits */

/* These fail the test when a call fails. */
struct store_txn *test_locked(struct store_db *db, struct id account);
void test_put_done(struct place_of_test *p, const char *key);
bool test_has(struct store_db *db, const char *key);
/* A blob of `len` bytes with one reference. */
struct id test_add_blob(struct place_of_test *p, size_t len);
void test_drop_blob(struct place_of_test *p, struct id blob);

/* Fails the test unless the call failed for now only. */
void test_temporary(int rc, const struct err *err);
/* Returns when a connection waits for a lock of the server's. */
void test_await_waiter(const char *database);

#endif
