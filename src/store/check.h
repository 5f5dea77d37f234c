/* What the parts of store_check share. Not for other folders. */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include "store/internal.h"

struct check {
	struct store *store;
	struct store_txn *txn; /* of the account at hand, so that it stands still; or NULL */
	store_report *report;
	store_progress *progress;
	void *context;
	struct err *err;
	int result; /* of a call inside a scan that failed */
	uint64_t rows;
	bool stopped;
};

/* Counts a row; false when the check is to end. */
bool check_go_on(struct check *check);
/* Damage of what the key names. */
void check_finding(struct check *check, struct slice key, const char *text);
void check_remark(struct check *check, struct slice key, const char *text);
/* All keys that begin with the prefix, until visit returns false. */
int check_scan(struct check *check, const struct key *prefix,
	bool (*visit)(void *context, struct slice key, struct slice value),
	void *context) WARN_UNUSED;
/* The first key at or after `from` that begins with the prefix. STORE_ABSENT. */
int check_first(struct check *check, const struct key *prefix, const struct key *from,
	struct key *ret_key) WARN_UNUSED;
/* The row of the key, or STORE_ABSENT. A failure ends the check. */
int check_get(struct check *check, const struct key *key, struct buf *row) WARN_UNUSED;

/* Everything below one account, under its lock. */
int check_account(struct check *check, struct id account) WARN_UNUSED;

#endif
