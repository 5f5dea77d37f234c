/* What the embedded driver's tests share: a store in a folder of its own, commits that can be
 * recognised, and a disk that records what is done to it. */
#ifndef STORE_DRIVERS_EMBEDDED_TEST_SUPPORT_H
#define STORE_DRIVERS_EMBEDDED_TEST_SUPPORT_H

#include "base/test.h"
#include "store/drivers/embedded/db.h"

struct place_of_test {
	char folder[64];
	char path[96];
	struct store_db *db; /* NULL while closed */
	struct id account;
	uint64_t segment_bytes;
	const struct embedded_files *files;
};

/* For cmocka. */
int test_set_up(void **state);
int test_tear_down(void **state);
void test_remove_tree(const char *path);

/* These fail the test when they can't. */
void test_open(struct place_of_test *p);
void test_close(struct place_of_test *p);

/* Commit number n: key "n<n>" and "m<n>" with n as value; a blob of a length and content that n
 * decides, whose id is test_blob(n) and which has one reference. Returns as commit does. */
int test_commit(struct place_of_test *p, uint64_t n, struct err *err) WARN_UNUSED;
/* Takes its reference away. */
int test_release(struct place_of_test *p, uint64_t n, struct err *err) WARN_UNUSED;
struct id test_blob(uint64_t n);
/* The bytes of its blob, on the heap. */
char *test_body(uint64_t n, size_t *ret_len);

/* Is commit n there: whole (TEST_WHOLE), whole but for the blob's reference, which was taken away
 * (TEST_RELEASED), not at all (TEST_NOTHING), or in part (the test fails)? */
enum test_state { TEST_NOTHING, TEST_WHOLE, TEST_RELEASED };
enum test_state test_look(struct place_of_test *p, uint64_t n);
/* check() finds no damage. */
void test_check(struct place_of_test *p);

#endif
