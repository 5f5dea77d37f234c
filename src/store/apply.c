/* A commit of another store: rows as they are, under the same locks as any write. */
#include "store/internal.h"

int store_apply(struct store *store, const struct store_driver *driver, struct store_db *db,
	const struct store_apply *apply, struct err *err)
{
	struct store_txn *txn;
	int r = driver->begin(db, apply->accounts, apply->account_count, &txn, err);
	if (r < 0)
		return r;
	if (apply->may && !apply->may(apply->context)) {
		driver->abort(txn);
		return err_temporary(err, ERR_UNAVAILABLE, "the commit comes too late");
	}
	r = row_cache_commit(
		store->rows, driver, txn, apply->batch, apply->blobs, apply->blob_count, err);
	for (size_t i = 0; r == 0 && i < apply->account_count; i++)
		watch_wake(&store->watches, apply->accounts[i]);
	return r;
}
