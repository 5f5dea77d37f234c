/* The part of a commit that concerns some of its accounts. */
#include "mirror/driver_internal.h"
#include "mirror/frame.h"

#include "base/alloc.h"
#include "store/key.h"

static bool is_among(struct id account, const struct id *accounts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (id_eq(accounts[i], account))
			return true;
	return false;
}

static int by_blob(const void *a, const void *b)
{
	return id_cmp(
		((const struct store_new_blob *)a)->id, ((const struct store_new_blob *)b)->id);
}

static int blob_key(const void *key, const void *blob)
{
	return id_cmp(*(const struct id *)key, ((const struct store_new_blob *)blob)->id);
}

/* The batch's part; `wanted` are the blobs that it refers to. */
static void take_rows(struct mirror_share *share, const struct mirror_commit *from,
	struct store_new_blob *sorted, bool *wanted, const struct id *accounts, size_t count)
{
	struct slice rest = buf_slice(&from->batch->bytes), key, value;
	enum store_op op;
	bool bad;
	while (store_batch_next(&rest, &op, &key, &value, &bad)) {
		struct id account;
		if (!mirror_account_of(key, &account) || !is_among(account, accounts, count))
			continue;
		if (op == STORE_DELETE) {
			store_batch_delete(&share->batch, key);
			continue;
		}
		store_batch_put(&share->batch, key, value);
		if (key.ptr[0] != KEY_REF || from->blob_count == 0)
			continue;
		struct id blob = key_id_at(key, 1);
		const struct store_new_blob *found =
			bsearch(&blob, sorted, from->blob_count, sizeof(*sorted), blob_key);
		if (found)
			wanted[found - sorted] = true;
	}
}

void mirror_share_take(struct mirror_share *share, const struct mirror_commit *from,
	const struct id *accounts, size_t count)
{
	bool *wanted = alloc_zero(from->blob_count + 1, sizeof(*wanted));
	size_t kept = 0;
	*share = (struct mirror_share){
		.blobs = alloc_zero(from->blob_count + 1, sizeof(*share->blobs))};
	store_batch_init(&share->batch);
	if (from->blob_count > 0)
		memcpy(share->blobs, from->blobs, from->blob_count * sizeof(*share->blobs));
	qsort(share->blobs, from->blob_count, sizeof(*share->blobs), by_blob);
	take_rows(share, from, share->blobs, wanted, accounts, count);
	for (size_t i = 0; i < from->blob_count; i++)
		if (wanted[i])
			share->blobs[kept++] = share->blobs[i];
	free(wanted);
	/* Only a hint where to look, so all of it may go. */
	buf_add_slice(&share->batch.released, buf_slice(&from->batch->released));
	share->commit = (struct mirror_commit){accounts, count, &share->batch, share->blobs, kept};
}

void mirror_share_free(struct mirror_share *share)
{
	store_batch_free(&share->batch);
	free(share->blobs);
}
