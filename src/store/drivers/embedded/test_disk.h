/* A disk that records: passes every call on to the system and notes it, so that afterwards the
 * folder can be built again as a crash between any two calls may have left it. */
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
/* Is called before every unlink, with no lock held. */
void test_disk_before_unlink(struct test_disk *disk, void (*hook)(void *context), void *context);
/* Number of calls noted so far. */
size_t test_disk_calls(struct test_disk *disk);
/* Makes what the first `calls` calls leave under `folder`, which exists; the files' paths are taken
 * relative to `root`. `seed` decides what is torn. */
void test_disk_build(struct test_disk *disk, size_t calls, enum test_crash crash, uint64_t seed,
	const char *root, const char *folder);

#endif
