/* From a record to changes of the index. Beside the batch itself: where the blobs lie, and which
 * blobs the sweep must look at because they lost a reference or never had one. */
#include "store/drivers/embedded/apply.h"

/* With more blobs than this in one record all of them are looked at by the sweep. */
enum { MATCH_MAX = 256 };

bool embedded_batch_valid(struct slice bytes)
{
	struct slice key, value;
	enum store_op op;
	bool bad;
	while (store_batch_next(&bytes, &op, &key, &value, &bad))
		if (key.ptr[0] == EMBEDDED_OWN)
			return false;
	return !bad;
}

/* The blob that a key refers to. */
static bool reference(struct slice key, struct id *ret_blob)
{
	if (key.len < 1 + ID_SIZE || key.ptr[0] != STORE_KEY_BLOB_REF)
		return false;
	memcpy(ret_blob->bytes, key.ptr + 1, ID_SIZE);
	return true;
}

/* Marks the blob as referred to. References mostly come in the order of blobs: the search begins
 * behind the one found last. */
static void match(struct id blob, const struct embedded_place *places, size_t count, size_t *at,
	bool *referred)
{
	for (size_t i = 0; i < count; i++) {
		size_t here = *at + i < count ? *at + i : *at + i - count;
		if (!id_eq(places[here].id, blob))
			continue;
		referred[here] = true;
		*at = here + 1;
		return;
	}
}

bool embedded_apply(rocksdb_writebatch_t *to, uint32_t segment, uint64_t base, struct slice batch,
	const struct embedded_place *places, size_t count, unsigned flags, uint64_t *ret_live)
{
	bool referred[MATCH_MAX] = {false};
	bool matches = count <= MATCH_MAX;
	size_t at = 0;
	struct slice key, value;
	enum store_op op;
	bool bad;
	while (store_batch_next(&batch, &op, &key, &value, &bad)) {
		struct id blob;
		bool is_reference = reference(key, &blob);
		if (op == STORE_PUT) {
			rocksdb_writebatch_put(to, key.ptr, key.len, value.ptr, value.len);
			if (is_reference && matches)
				match(blob, places, count, &at, referred);
		} else {
			rocksdb_writebatch_delete(to, key.ptr, key.len);
			if (is_reference)
				embedded_put_suspect(to, blob);
		}
	}
	*ret_live = 0;
	for (size_t i = 0; i < count; i++) {
		embedded_put_place(to, places[i].id,
			(struct embedded_position){
				segment, base + places[i].offset, places[i].len});
		if (!(flags & EMBEDDED_MOVED) && (!matches || !referred[i]))
			embedded_put_suspect(to, places[i].id);
		*ret_live += embedded_blob_stored(places[i].len);
	}
	return !bad;
}
