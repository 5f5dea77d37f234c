/* Right passwords, remembered for a while as keyed digests in memory, so that the expensive hash is
 * computed once. A digest binds account, the change number of the user's object, and password: any
 * change to the user makes all that was remembered of him worthless at once. The key is made at
 * start and never leaves the process. Wrong passwords are not remembered. Any thread. */
#ifndef DIRECTORY_REMEMBER_H
#define DIRECTORY_REMEMBER_H

#include "base/id.h"

enum { DIRECTORY_REMEMBERED_MAX = 65536 }; /* 2 MiB of memory */

struct directory_memory;
struct directory_memory *directory_memory_new(unsigned seconds); /* 0: remembers nothing */
void directory_memory_free(struct directory_memory *memory);
WARN_UNUSED bool directory_memory_has(
	struct directory_memory *memory, struct id account, uint64_t change, struct slice password);
void directory_memory_add(
	struct directory_memory *memory, struct id account, uint64_t change, struct slice password);

#endif
