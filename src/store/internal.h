/* What the files of the store's core share. Not for other folders. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "store/key.h"
#include "store/row.h"
#include "store/row_cache.h"
#include "store/store.h"
#include "store/watch.h"

struct store {
	const struct store_driver *driver;
	struct store_db *db;
	struct row_cache *rows; /* NULL: none is kept */
	struct watch_table watches;
	bool (*is_shut)(void *context, struct id account); /* see store_set_gate() */
	void *gate;
};

/* Rows by key, as `txn` (or NULL: anybody) sees them. The row is appended to `row`, and slices of
 * the result point there. 0, STORE_ABSENT, negative. */
int read_account(struct store *store, struct store_txn *txn, struct id account,
	struct store_account *ret_account, uint64_t *ret_collections, struct err *err) WARN_UNUSED;
int read_collection(struct store *store, struct store_txn *txn, struct id account,
	struct id collection, struct buf *row, struct store_collection *ret_collection,
	struct err *err) WARN_UNUSED;
int read_object(struct store *store, struct store_txn *txn, struct id account, struct id collection,
	uint32_t number, struct buf *row, struct store_object *ret_object,
	struct err *err) WARN_UNUSED;
/* What a name's row points at. */
int read_collection_name(struct store *store, struct store_txn *txn, struct id account,
	enum store_kind kind, struct slice name, struct id *ret_collection,
	struct err *err) WARN_UNUSED;
int read_object_name(struct store *store, struct store_txn *txn, struct id account,
	struct id collection, struct slice name, uint32_t *ret_number, struct err *err) WARN_UNUSED;
/* ERR_DAMAGED; the text names the row that `key` names. Returns -1. */
int read_damaged(struct slice key, struct err *err);
/* A key as a person reads it: "object 7 of collection x in account y". */
enum { KEY_TEXT_SIZE = 160 };
void key_to_text(struct slice key, char ret_text[KEY_TEXT_SIZE]);

#endif
