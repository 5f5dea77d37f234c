/* Batches of key changes as bytes: an op, the counted key and, for a put, the counted value.
 * docs/formats/batch.md. The embedded driver writes them to disk as they are. */
#include "store/driver.h"

#include "base/bytes.h"

/* What one write may change; the core keeps below it by deleting large things in pieces. */
enum { BATCH_MAX = 256 << 20, RELEASED_MAX = 64 << 20 };

void store_batch_init(struct store_batch *batch)
{
	*batch = (struct store_batch){.bytes = BUF(BATCH_MAX), .released = BUF(RELEASED_MAX)};
}

/* Op and the two counts take at most this much more than key and value. */
enum { OVERHEAD_MAX = 1 + 10 + 10 };

static char *put_counted(char *to, struct slice s)
{
	size_t count = s.len;
	for (; count >= 0x80; count >>= 7)
		*to++ = (char)(count | 0x80);
	*to++ = (char)count;
	if (s.len)
		memcpy(to, s.ptr, s.len);
	return to + s.len;
}

void store_batch_put(struct store_batch *batch, struct slice key, struct slice value)
{
	char *start = buf_reserve(&batch->bytes, OVERHEAD_MAX + key.len + value.len), *to = start;
	if (!start)
		return;
	*to++ = STORE_PUT;
	to = put_counted(to, key);
	to = put_counted(to, value);
	batch->bytes.len += (size_t)(to - start);
}

void store_batch_delete(struct store_batch *batch, struct slice key)
{
	char *start = buf_reserve(&batch->bytes, OVERHEAD_MAX + key.len), *to = start;
	if (!start)
		return;
	*to++ = STORE_DELETE;
	to = put_counted(to, key);
	batch->bytes.len += (size_t)(to - start);
}

void store_batch_release(struct store_batch *batch, struct id blob)
{
	buf_add(&batch->released, blob.bytes, ID_SIZE);
}

void store_batch_free(struct store_batch *batch)
{
	buf_free(&batch->bytes);
	buf_free(&batch->released);
}

bool store_batch_next(struct slice *rest, enum store_op *ret_op, struct slice *ret_key,
	struct slice *ret_value, bool *ret_bad)
{
	*ret_bad = false;
	*ret_value = SLICE_NONE;
	if (rest->len == 0)
		return false;
	unsigned char op = (unsigned char)rest->ptr[0];
	*rest = slice_from(*rest, 1);
	bool ok = (op == STORE_PUT || op == STORE_DELETE) && bytes_cut_counted(rest, ret_key) &&
		  ret_key->len > 0 && ret_key->len <= STORE_KEY_MAX &&
		  (op == STORE_DELETE || bytes_cut_counted(rest, ret_value));
	*ret_op = (enum store_op)op;
	*ret_bad = !ok;
	return ok;
}
