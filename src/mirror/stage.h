/* Bodies that come over before the rows that refer to them: kept alive by references of an account
 * that has nothing else. What a broken meeting leaves behind is dropped at the next one. */
#ifndef MIRROR_STAGE_H
#define MIRROR_STAGE_H

#include "mirror/mirror.h"

/* Both in that linking (see mirror_linked()); once it is over, or the next meeting has begun, they
 * fail, so that what that one drops does not come back. */
/* References to the bodies, for `account`; from then on those that are here stay. Adds the ids of
 * those that are not. */
int mirror_stage_ids(struct mirror *mirror, uint64_t linking, struct id account,
	const struct id *ids, size_t count, struct buf *ret_absent, struct err *err) WARN_UNUSED;
/* Bodies of such ids. */
int mirror_stage_bodies(struct mirror *mirror, uint64_t linking, const struct store_new_blob *blobs,
	size_t count, struct err *err) WARN_UNUSED;
/* Adds the dropping of all that is staged for an account to the batch that holds its rows. */
int mirror_stage_drop(struct mirror *mirror, struct id account, struct store_batch *to,
	struct err *err) WARN_UNUSED;
/* Drops all. */
int mirror_stage_clear(struct mirror *mirror, struct err *err) WARN_UNUSED;

#endif
