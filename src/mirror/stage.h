/* Bodies that come over before the rows that refer to them: kept alive by references of an account
 * that has nothing else. What a broken meeting leaves behind is dropped at the next one. */
#ifndef MIRROR_STAGE_H
#define MIRROR_STAGE_H

#include "mirror/mirror.h"

/* From now on those of the bodies that are here stay, for `account`; the others will when they have
 * come. Adds the ids of those that are not here. This and the next are of one linking (see
 * mirror_linked()): once it is over, or the next meeting has begun, they write nothing and fail, so
 * that what that one drops does not come back. */
int mirror_stage_ids(struct mirror *mirror, uint64_t linking, struct id account,
	const struct id *ids, size_t count, struct buf *ret_absent, struct err *err) WARN_UNUSED;
/* Bodies of such ids, as messages carry them. `account` NULL: rows refer to them already. */
int mirror_stage_bodies(struct mirror *mirror, uint64_t linking, const struct id *account,
	struct slice bytes, size_t *ret_count, struct err *err) WARN_UNUSED;
/* Adds one as messages carry it: its id, and counted. STORE_ABSENT. */
int mirror_stage_add(
	struct mirror *mirror, struct id blob, struct buf *to, struct err *err) WARN_UNUSED;

/* Commits the account's rows, and with them drops all that is staged for it. */
int mirror_stage_settle(struct mirror *mirror, struct id account, struct store_batch *rows,
	struct err *err) WARN_UNUSED;
/* Drops all. */
int mirror_stage_clear(struct mirror *mirror, struct err *err) WARN_UNUSED;

#endif
