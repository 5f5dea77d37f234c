/* All rows of one account, as a sorted list in memory: what two nodes compare, and what an account
 * is to become. Facets, names and references to blobs are among them; what a node notes for itself
 * is not. */
#ifndef MIRROR_ROWS_H
#define MIRROR_ROWS_H

#include "base/arena.h"
#include "store/key.h"

struct mirror_row {
	struct slice key, value;
};

struct mirror_rows {
	struct arena arena;
	struct mirror_row *list; /* by key once sorted */
	size_t count, cap;
};

/* Their keys begin with these, notes aside; in byte order. */
enum { MIRROR_ROW_TAGS = 9 };
extern const enum key_tag mirror_row_tags[MIRROR_ROW_TAGS];

#define MIRROR_ROWS_NONE ((struct mirror_rows){.arena = ARENA_EMPTY})

/* Sorted. `txn` holds the account's lock, or is NULL. */
int mirror_rows_load(const struct store_driver *driver, struct store_db *db, struct store_txn *txn,
	struct id account, struct mirror_rows *to, struct err *err) WARN_UNUSED;
/* A row that a node notes for itself: KEY_BASE, KEY_OFFER (alone.h, offer.h). */
bool mirror_is_note(struct slice key);
/* What the node noted of the account while it was apart; sorted. */
int mirror_rows_load_notes(const struct store_driver *driver, struct store_db *db,
	struct store_txn *txn, struct id account, struct mirror_rows *to,
	struct err *err) WARN_UNUSED;
void mirror_rows_free(struct mirror_rows *rows);
/* As they cross the link: puts of a batch. */
void mirror_rows_add_bytes(const struct mirror_rows *rows, struct buf *to);
/* Rows of the account to `to` and `notes`, both sorted. False when it is something else. */
WARN_UNUSED bool mirror_rows_read(
	struct slice bytes, struct id account, struct mirror_rows *to, struct mirror_rows *notes);

/* Copies. */
void mirror_rows_add(struct mirror_rows *rows, struct slice key, struct slice value);
/* References to blobs are not stored with the account but follow from its objects: adds them. False
 * when an object does not parse. */
WARN_UNUSED bool mirror_rows_add_references(struct mirror_rows *rows);
void mirror_rows_sort(struct mirror_rows *rows);
/* NULL when there is none. */
const struct mirror_row *mirror_rows_find(const struct mirror_rows *rows, struct slice key);

/* What makes the one of the other: puts and deletes. Blobs that `want` refers to and `have` does
 * not are told to `needs`, maybe more than once. */
void mirror_rows_diff(const struct mirror_rows *have, const struct mirror_rows *want,
	struct store_batch *to, void (*needs)(void *context, struct id blob), void *context);

#endif
