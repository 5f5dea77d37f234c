/* All accounts of a node, an entry each: what two nodes that meet compare first. */
#ifndef MIRROR_ACCOUNTS_H
#define MIRROR_ACCOUNTS_H

#include "store/driver.h"

struct mirror_account {
	struct id id;
	uint64_t change, digest; /* of its row */
	bool gone;               /* being deleted */
	bool noted;              /* changed while the node was alone, and not merged since */
};

struct mirror_accounts {
	struct mirror_account *list; /* by id */
	size_t count, cap;
};

/* Nobody writes meanwhile. */
int mirror_accounts_load(const struct store_driver *driver, struct store_db *db,
	struct mirror_accounts *to, struct err *err) WARN_UNUSED;
void mirror_accounts_free(struct mirror_accounts *accounts);

void mirror_accounts_add_bytes(const struct mirror_accounts *accounts, struct buf *to);
WARN_UNUSED bool mirror_accounts_read(struct slice bytes, struct mirror_accounts *to);

/* Adds the ids of those that are not the same at both, or have notes at one. */
void mirror_accounts_compare(
	const struct mirror_accounts *a, const struct mirror_accounts *b, struct buf *ret_ids);

#endif
