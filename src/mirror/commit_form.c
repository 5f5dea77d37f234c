/* A commit as bytes: what it is, accounts, batch, released blobs, new blobs; each with its count or
 * length. */
#include "mirror/frame.h"

#include "base/bytes.h"
#include "store/key.h"

enum { HEADS_MAX = 64 }; /* numbers and ids around one piece */

void mirror_commit_add(struct buf *to, const struct mirror_commit *commit)
{
	size_t size = commit->batch->bytes.len + commit->batch->released.len + HEADS_MAX +
		      commit->account_count * ID_SIZE;
	for (size_t i = 0; i < commit->blob_count; i++)
		size += commit->blobs[i].bytes.len + HEADS_MAX;
	if (!buf_reserve(to, size))
		return;
	buf_add_byte(to, MIRROR_COMMIT);
	bytes_add_varint(to, commit->account_count);
	for (size_t i = 0; i < commit->account_count; i++)
		buf_add_slice(to, id_slice(&commit->accounts[i]));
	bytes_add_counted(to, buf_slice(&commit->batch->bytes));
	bytes_add_counted(to, buf_slice(&commit->batch->released));
	bytes_add_varint(to, commit->blob_count);
	for (size_t i = 0; i < commit->blob_count; i++) {
		buf_add_slice(to, id_slice(&commit->blobs[i].id));
		bytes_add_counted(to, commit->blobs[i].bytes);
	}
}

/* A count of things that take at least `size` bytes each. */
static bool cut_count(struct slice *rest, size_t size, size_t *ret_count)
{
	uint64_t count;
	if (!bytes_cut_varint(rest, &count) || count > rest->len / size)
		return false;
	*ret_count = (size_t)count;
	return true;
}

static bool cut_ids(struct slice *rest, struct arena *arena, size_t count, const struct id **ret)
{
	struct slice bytes;
	if (!bytes_cut(rest, count * ID_SIZE, &bytes))
		return false;
	struct id *ids = ARENA_ARRAY(arena, struct id, count);
	if (count > 0)
		memcpy(ids, bytes.ptr, bytes.len);
	for (size_t i = 1; i < count; i++)
		if (id_cmp(ids[i - 1], ids[i]) >= 0)
			return false;
	*ret = ids;
	return true;
}

static bool names(const struct mirror_commit *commit, struct id account)
{
	size_t low = 0, high = commit->account_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = id_cmp(commit->accounts[middle], account);
		if (order == 0)
			return true;
		*(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
	}
	return false;
}

/* Where the account stands in a key; 0: no key that is mirrored. */
static size_t account_at(struct slice key)
{
	if (key.len < KEY_ACCOUNT_LEN)
		return 0;
	switch ((enum key_tag)key.ptr[0]) {
	case KEY_ACCOUNT:
	case KEY_CHANGE:
	case KEY_GONE:
	case KEY_FACET:
	case KEY_SWEEP:
	case KEY_COLLECTION:
	case KEY_COLLECTION_NAME:
	case KEY_OBJECT_NAME:
	case KEY_OBJECT:
		return 1;
	case KEY_REF:
		return key.len == KEY_REF_LEN ? KEY_ACCOUNT_LEN : 0;
	case KEY_BASE:
	case KEY_OFFER:
	case KEY_FORMAT:
		break;
	}
	return 0;
}

bool mirror_account_of(struct slice key, struct id *ret_account)
{
	size_t at = account_at(key);
	if (at > 0)
		*ret_account = key_id_at(key, at);
	return at > 0;
}

static bool batch_fits(const struct mirror_commit *commit)
{
	struct slice rest = buf_slice(&commit->batch->bytes), key, value;
	enum store_op op;
	bool bad;
	while (store_batch_next(&rest, &op, &key, &value, &bad)) {
		struct id account;
		if (!mirror_account_of(key, &account) || !names(commit, account))
			return false;
	}
	return !bad;
}

/* Bytes that are read through a buf and never through it freed or changed. */
static struct buf borrowed(struct slice bytes)
{
	return (struct buf){
		.data = (char *)bytes.ptr, .len = bytes.len, .cap = bytes.len, .max = bytes.len};
}

static bool cut_blobs(struct slice *rest, struct arena *arena, struct mirror_commit *commit)
{
	if (!cut_count(rest, ID_SIZE + 1, &commit->blob_count))
		return false;
	struct store_new_blob *blobs =
		ARENA_ARRAY(arena, struct store_new_blob, commit->blob_count);
	for (size_t i = 0; i < commit->blob_count; i++) {
		struct slice id;
		if (!bytes_cut(rest, ID_SIZE, &id) || !bytes_cut_counted(rest, &blobs[i].bytes))
			return false;
		memcpy(blobs[i].id.bytes, id.ptr, ID_SIZE);
	}
	commit->blobs = blobs;
	return true;
}

bool mirror_commit_read(struct slice bytes, struct arena *arena, struct mirror_commit *ret_commit)
{
	struct slice rest = bytes, kind, batch, released;
	struct mirror_commit commit = {0};
	if (!bytes_cut(&rest, 1, &kind) || kind.ptr[0] != MIRROR_COMMIT ||
		!cut_count(&rest, ID_SIZE, &commit.account_count) ||
		!cut_ids(&rest, arena, commit.account_count, &commit.accounts) ||
		!bytes_cut_counted(&rest, &batch) || !bytes_cut_counted(&rest, &released) ||
		released.len % ID_SIZE != 0 || !cut_blobs(&rest, arena, &commit) || rest.len > 0)
		return false;
	struct store_batch *both = ARENA_NEW(arena, struct store_batch);
	both->bytes = borrowed(batch);
	both->released = borrowed(released);
	commit.batch = both;
	*ret_commit = commit;
	return batch_fits(&commit);
}

static int by_id(const void *a, const void *b)
{
	return id_cmp(*(const struct id *)a, *(const struct id *)b);
}

/* Sorted, each once. */
static void join_accounts(
	const struct mirror_commit *commits, size_t count, struct id *to, size_t *ret_count)
{
	size_t all = 0, kept = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < commits[i].account_count; k++)
			to[all++] = commits[i].accounts[k];
	qsort(to, all, sizeof(*to), by_id);
	for (size_t i = 0; i < all; i++)
		if (kept == 0 || !id_eq(to[kept - 1], to[i]))
			to[kept++] = to[i];
	*ret_count = kept;
}

static char *append(char *to, const struct buf *bytes)
{
	return bytes->len > 0 ? (char *)memcpy(to, bytes->data, bytes->len) + bytes->len : to;
}

void mirror_commit_join(const struct mirror_commit *commits, size_t count, struct arena *arena,
	struct mirror_commit *ret_commit)
{
	size_t accounts = 0, bytes = 0, released = 0, blobs = 0, at = 0;
	for (size_t i = 0; i < count; i++) {
		accounts += commits[i].account_count;
		bytes += commits[i].batch->bytes.len;
		released += commits[i].batch->released.len;
		blobs += commits[i].blob_count;
	}
	struct id *all_accounts = ARENA_ARRAY(arena, struct id, accounts);
	struct store_new_blob *all_blobs = ARENA_ARRAY(arena, struct store_new_blob, blobs);
	char *all_bytes = arena_alloc(arena, bytes + released), *to = all_bytes;
	for (size_t i = 0; i < count; i++)
		to = append(to, &commits[i].batch->bytes);
	for (size_t i = 0; i < count; i++)
		to = append(to, &commits[i].batch->released);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < commits[i].blob_count; k++)
			all_blobs[at++] = commits[i].blobs[k];
	join_accounts(commits, count, all_accounts, &accounts);
	struct store_batch *batch = ARENA_NEW(arena, struct store_batch);
	batch->bytes = borrowed(slice(all_bytes, bytes));
	batch->released = borrowed(slice(all_bytes + bytes, released));
	*ret_commit = (struct mirror_commit){
		all_accounts, accounts, batch, all_blobs, blobs, .joined = count};
}
