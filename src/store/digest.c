/* XXH3 of the row, seeded by that of its key. */
#include "store/digest.h"

#include <xxhash.h>

uint64_t digest_row(struct slice key, struct slice row)
{
	return XXH3_64bits_withSeed(row.ptr, row.len, XXH3_64bits(key.ptr, key.len));
}
