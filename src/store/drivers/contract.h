/* What the parts of the contract suite share: a store of the driver that is being tested, in a
 * folder of its own, and the calls that most tests make. They fail the test when a call fails. */
#ifndef STORE_DRIVERS_CONTRACT_H
#define STORE_DRIVERS_CONTRACT_H

#include "base/test.h"
#include "store/driver.h"

extern const struct store_driver *contract_driver;

struct fixture {
	char folder[64];
	char path[96];
	char database[256]; /* of the postgres driver */
	struct store_db *db;
	struct id account;
};

/* For cmocka. */
int contract_set_up(void **state);
int contract_tear_down(void **state);
#define CONTRACT_CASE(name)                                                                        \
	cmocka_unit_test_setup_teardown(name, contract_set_up, contract_tear_down)

/* Locks the fixture's account. */
struct store_txn *contract_begin(struct fixture *f);
/* Commits and frees the batch. */
void contract_commit(struct fixture *f, struct store_batch *batch,
	const struct store_new_blob *blobs, size_t count);
void contract_put(struct fixture *f, const char *key, const char *value);
void contract_value(struct fixture *f, const char *key, const char *value);
void contract_no_key(struct fixture *f, const char *key);

/* Bytes that `seed` decides, on the heap. */
char *contract_pattern(size_t len, unsigned seed);
/* The key by which `suffix` refers to a blob. */
void contract_reference(struct id blob, char suffix, char key[18]);
/* Commits a new blob with a reference for each character. */
struct id contract_add_blob(struct fixture *f, struct slice bytes, const char *references);
void contract_drop(struct fixture *f, struct id blob, char reference);
/* The range of the blob is what it is in `whole`. */
void contract_range(
	struct fixture *f, struct id blob, struct slice whole, uint64_t offset, uint64_t len);
/* All of it; what is freed is the driver's business. */
void contract_compact(struct fixture *f, uint64_t *ret_freed);

/* The parts; each returns the number of tests that failed. */
int contract_keys(void);
int contract_blobs(void);
int contract_threads(void);
int contract_upkeep(void);
int contract_trips(void);

#endif
