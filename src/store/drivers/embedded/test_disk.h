/* A disk that records: passes every call on to the system and notes it, so that afterwards the
 * folder can be built again as a crash between any two calls may have left it. RocksDB's calls are
 * noted too, between test_disk_watch_index() and the end. */
#ifndef STORE_DRIVERS_EMBEDDED_TEST_DISK_H
#define STORE_DRIVERS_EMBEDDED_TEST_DISK_H

#include "store/drivers/embedded/files.h"

struct test_disk;

/* What a crash leaves of writes that were not synced. */
enum test_crash { TEST_LOST, TEST_KEPT, TEST_TORN, TEST_CRASHES };

struct test_disk *test_disk_new(void);
void test_disk_free(struct test_disk *disk);
/* The calls to open the store with; valid as long as the disk. */
const struct embedded_files *test_disk_files(struct test_disk *disk);
/* From now on (test_disk_index.c) what RocksDB does in folders named "keys" is noted here; NULL: no
 * more. Its log and its lock are left out. */
void test_disk_watch_index(struct test_disk *disk);
/* Number of calls noted so far. */
size_t test_disk_calls(struct test_disk *disk);
/* Makes what the first `calls` calls leave under `folder`, which exists; the files' paths are taken
 * relative to `root`. `seed` decides what is torn. */
void test_disk_build(struct test_disk *disk, size_t calls, enum test_crash crash, uint64_t seed,
	const char *root, const char *folder);

/* For test_disk_index.c. */
enum test_call {
	TEST_CREATE,
	TEST_WRITE,
	TEST_SYNC,
	TEST_ALLOCATE,
	TEST_TRUNCATE,
	TEST_RENAME,
	TEST_UNLINK,
	TEST_SYNC_FOLDER,
	TEST_MKDIR,
};
/* `number` is an offset or a length; strings and bytes are copied, `to` and `bytes` may be NULL. */
void test_disk_note(struct test_disk *disk, enum test_call kind, const char *path, const char *to,
	uint64_t number, struct slice bytes);

#endif
