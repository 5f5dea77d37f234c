/* Claims: beside the entries of a shard that the other node made lies a note of who sends them in
 * its stead. When that node comes back it sends nothing of the shard before the note is gone, which
 * is when nothing of it is under way here any more. */
#include "queue/queue_internal.h"

static const char NAME[] = "claim";

int queue_claim_read(struct queue *q, struct id account, struct id *ret_node, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection c;
	int r = store_find_collection(
		q->options.store, account, STORE_QUEUE, slice_str(NAME), &arena, &c, err);
	*ret_node = ID_NONE;
	if (r == 0 && c.data.len == ID_SIZE)
		memcpy(ret_node->bytes, c.data.ptr, ID_SIZE);
	return r < 0 ? r : 0;
}

static int find(struct queue *q, struct id account, struct store_write **ret_write,
	struct store_collection **ret_claim, struct err *err)
{
	int r = store_write_begin(q->options.store, &account, 1, ret_write, err);
	if (r < 0)
		return r;
	r = store_write_find_collection(
		*ret_write, account, STORE_QUEUE, slice_str(NAME), ret_claim, err);
	if (r < 0)
		store_write_abort(*ret_write);
	return r;
}

int queue_claim(struct queue *q, struct id account, struct err *err)
{
	struct store_write *write;
	struct store_collection *claim;
	int r = find(q, account, &write, &claim, err);
	if (r < 0)
		return r;
	if (r == 0) {
		claim->data = id_slice(&q->options.node);
		store_write_collection_changed(write, claim);
	} else {
		r = store_write_collection_new(write, account, STORE_QUEUE, slice_str(NAME),
			id_slice(&q->options.node), &claim, err);
	}
	if (r == 0)
		return store_write_commit(write, err);
	store_write_abort(write);
	return r;
}

int queue_unclaim(struct queue *q, struct id account, struct err *err)
{
	struct store_write *write;
	struct store_collection *claim;
	int r = find(q, account, &write, &claim, err);
	if (r < 0)
		return r;
	if (r == 0)
		r = store_write_collection_gone(write, claim, err);
	if (r == 0)
		return store_write_commit(write, err);
	store_write_abort(write);
	return r < 0 ? r : 0; /* it is gone already */
}
