/* Rows that can't be read at this node, and that the other one has. Whoever meets one says so; then
 * they are left behind where they lie (store_mending), and the two nodes meet anew: an account with
 * such rows is one that differs, and is settled like any other. What could not be read is not taken
 * for something that was deleted.
 *
 * Only while the other node is there: until then what can't be read fails as damage. */
#ifndef MIRROR_MEND_H
#define MIRROR_MEND_H

#include "mirror/accounts.h"
#include "mirror/model.h"
#include "mirror/node.h"
#include "mirror/rows.h"

/* Part of a node, under its lock. */
struct mirror_mend {
	bool busy; /* a job runs */
	bool met;  /* the two have met since there are gaps */
	/* Monotonic: when to look again for what can't be read, or try to end it, at the earliest.
	 */
	int64_t look_ms, end_ms;
	uint64_t accounts; /* that have got what the other node had */
};

/* The inner driver, but that it passes what can't be read as if nothing were there. */
struct store_driver mirror_mend_reader(const struct mirror_node *node);
/* Before the store is opened: which format it has must be readable. */
int mirror_mend_format(struct store_db *mirror, struct err *err) WARN_UNUSED;
/* Something could not be read: makes a gap of it. Negative: there is nothing to be done about it.
 */
int mirror_mend_look(struct mirror_node *node, struct err *err) WARN_UNUSED;
/* As mirror_accounts_load(); an account of which something can't be read counts as noted. */
int mirror_mend_accounts(
	struct mirror_node *node, struct mirror_accounts *to, struct err *err) WARN_UNUSED;
/* As mirror_rows_load() and mirror_rows_load_notes(): what is left, if not all can be read. */
int mirror_mend_load(struct mirror_node *node, struct id account, struct mirror_rows *rows,
	struct mirror_rows *notes, struct err *err) WARN_UNUSED;
/* Rows that hang on a collection which has none are left of something that is being deleted, or of
 * a collection that can't be read: then they are nothing to wait for. */
void mirror_mend_judge(const struct mirror_rows *rows, struct model *model);
/* The account is settled: all its rows are there. */
void mirror_mend_settled(struct mirror_node *node, struct id account);
/* There is something that can't be read, as far as is known. */
bool mirror_mend_is_left(const struct mirror_node *node);

/* Under node.lock. True: the caller runs mirror_mend_run() where waiting is allowed. */
WARN_UNUSED bool mirror_mend_is_due(struct mirror_node *node, int64_t now);
void mirror_mend_run(void *node);

#endif
