/* The rows and bodies of one account, as both sides of a move see them: by the store's driver, past
 * the gate that keeps everybody else from writing.
 *
 * References to bodies are no rows here: they follow from objects, and whoever changes an object
 * changes them in the same commit. */
#ifndef MOVE_ACCOUNT_H
#define MOVE_ACCOUNT_H

#include "mirror/rows.h"
#include "store/store.h"

/* All rows, sorted. `locked`: as they are at one moment, under the account's lock; else each range
 * of them as it is when it is read, so that what was just being changed may be there by half. */
int move_account_rows(struct store *store, bool locked, struct id account, struct mirror_rows *to,
	struct err *err) WARN_UNUSED;
/* Takes references out of rows that were read otherwise. */
void move_account_drop_references(struct mirror_rows *rows);
/* The body of an object's row; ID_NONE: it has none, or this is another row. */
struct id move_account_body_of(const struct mirror_row *row);
/* Their sum, without facets, which are a cache: equal where rows are. */
uint64_t move_account_digest(const struct mirror_rows *rows);
/* Appends the ids of bodies that objects have and that are not here. ERR_DAMAGED when `referred`
 * and a body that is here is not kept alive by its object. */
int move_account_absent(struct store *store, const struct mirror_rows *rows, bool referred,
	struct buf *to, struct err *err) WARN_UNUSED;

/* Changes of the account's rows as they cross the wire: a batch (docs/formats/batch.md). Commits
 * them if `may` says so once the account is locked (NULL: it may), and appends the ids of bodies
 * that they newly refer to and that are not here. ERR_BAD_INPUT: rows of something else. */
struct move_change {
	struct id account;
	struct slice batch;
	bool (*may)(void *context);
	void *context;
};
int move_account_apply(struct store *store, const struct move_change *change, struct buf *to,
	struct err *err) WARN_UNUSED;
/* Adds bodies, `batch` being one behind the other (move_body_next()), to which rows refer already.
 */
int move_account_add_bodies(
	struct store *store, const struct move_change *bodies, struct err *err) WARN_UNUSED;
/* Deletes every row, in pieces; what a crash interrupts is done by calling it again. */
int move_account_clear(struct store *store, struct id account, struct err *err) WARN_UNUSED;

/* Cuts about a piece's worth of operations off the front of a batch's bytes; empty at the end. */
struct slice move_account_cut(struct slice *rest);

#endif
