/* A commit of another store: rows as they are, under the same locks as any write. */
#include "store/internal.h"

int store_apply(struct store *store, const struct store_driver *driver, struct store_db *db,
	const struct id *accounts, size_t count, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t blob_count, struct err *err)
{
	struct store_txn *txn;
	int r = driver->begin(db, accounts, count, &txn, err);
	if (r == 0)
		r = row_cache_commit(store->rows, driver, txn, batch, blobs, blob_count, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		watch_wake(&store->watches, accounts[i]);
	return r;
}
