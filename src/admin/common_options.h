/* The common options (conf/common_options.h) in the store: one object of the system account, which
 * a mirror carries. Of two nodes that changed them while they were apart the later text holds. And
 * the commands `rookery common …`. */
#ifndef ADMIN_COMMON_OPTIONS_H
#define ADMIN_COMMON_OPTIONS_H

#include "admin/admin.h"
#include "store/merge_rule.h"

extern const struct store_merge_rule admin_common_merge_rules[];

/* In the arena; empty when there are none (*ret_since is 0).
 * `ret_since`: when they were set, seconds since 1970. */
int admin_common_read(struct store *store, struct arena *arena, struct slice *ret_text,
	int64_t *ret_since, struct err *err) WARN_UNUSED;

#endif
