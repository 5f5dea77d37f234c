/* What a record of the journal does to the index: the same for a commit and for its replay. */
#ifndef STORE_DRIVERS_EMBEDDED_APPLY_H
#define STORE_DRIVERS_EMBEDDED_APPLY_H

#include "store/drivers/embedded/index.h"
#include "store/drivers/embedded/record.h"

/* Are these bytes a batch that may be committed: well-formed, no keys of the driver's own? */
bool embedded_batch_valid(struct slice bytes) WARN_UNUSED;

/* Adds the changes of one record to `to`. `base` is added to the places' offsets; *ret_live is the
 * number of bytes that its blobs take. False when the bytes are no batch. */
bool embedded_apply(rocksdb_writebatch_t *to, uint32_t segment, uint64_t base, struct slice batch,
	const struct embedded_place *places, size_t count, unsigned flags,
	uint64_t *ret_live) WARN_UNUSED;

#endif
