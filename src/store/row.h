/* Values of docs/formats/keys.md as bytes and back. Pure; what comes from disk is never trusted: a
 * value that does not parse makes row_get_* return false, and the caller reports damage. */
#ifndef STORE_ROW_H
#define STORE_ROW_H

#include "store/store.h"

/* The version that begins account, collection and object rows, and the KEY_FORMAT row. */
enum { ROW_VERSION = 3 };
/* The largest change number: IMAP's MODSEQ has 63 bits (RFC 7162 section 3.1.1). */
#define ROW_CHANGE_MAX ((uint64_t)INT64_MAX)
/* A row that is longer is refused when written and taken for damage when read. */
enum { ROW_MAX = 16 << 20 };

/* An account's row also counts its living collections. */
void row_add_account(struct buf *to, const struct store_account *account, uint64_t collections);
WARN_UNUSED bool row_get_account(
	struct slice row, struct store_account *ret_account, uint64_t *ret_collections);
/* These leave ret->id of account and collection, and ret->number of an object, to the caller, who
 * has the key. Slices in results point into the row. */
void row_add_collection(struct buf *to, const struct store_collection *collection);
WARN_UNUSED bool row_get_collection(struct slice row, struct store_collection *ret_collection);
void row_add_object(struct buf *to, const struct store_object *object);
WARN_UNUSED bool row_get_object(struct slice row, struct store_object *ret_object);

/* A change row is empty while the object lives, else mark and id of what is gone. */
enum { ROW_GONE = 1, ROW_GONE_LEN = 1 + ID_SIZE };
void row_put_gone(char ret_row[ROW_GONE_LEN], struct id object);
WARN_UNUSED bool row_get_change(struct slice row, bool *ret_gone, struct id *ret_object);
/* A collection's tombstone holds its kind. */
void row_add_gone_collection(struct buf *to, enum store_kind kind);
WARN_UNUSED bool row_get_gone_collection(struct slice row, enum store_kind *ret_kind);

#endif
