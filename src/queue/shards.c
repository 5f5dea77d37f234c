/* Shards: accounts of one collection each. A node makes those whose ids follow from its own, when
 * it first needs them; others come from the other node of a mirror. */
#include "queue/queue_internal.h"

#include "base/alloc.h"

static const char NAME[] = "queue";

enum { SHARDS_MORE = 16 * QUEUE_SHARDS }; /* that may come while it is open */

static struct id own_id(struct id node, unsigned number)
{
	struct id id = node;
	id.bytes[ID_SIZE - 4] = 'q';
	id.bytes[ID_SIZE - 2] = (uint8_t)number; /* leases and locks are spread by the end */
	id.bytes[ID_SIZE - 1] = 'q';
	return id;
}

struct found {
	struct id *list;
	size_t count, cap;
};

static void add(struct found *f, struct id id)
{
	if (f->count == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 2 * QUEUE_SHARDS;
		f->list = alloc_resize(f->list, f->cap, sizeof(*f->list));
	}
	f->list[f->count++] = id;
}

static bool add_account(void *context, const struct store_account *account)
{
	if (!account->gone)
		add(context, account->id);
	return true;
}

static int by_id(const void *a, const void *b)
{
	return id_cmp(*(const struct id *)a, *(const struct id *)b);
}

bool queue_is_shard_of(struct id account, struct id node)
{
	return id_eq(account, own_id(node, account.bytes[ID_SIZE - 2])) &&
	       account.bytes[ID_SIZE - 2] < QUEUE_SHARDS;
}

/* Of an account that was found: whether it is a shard. */
static int look(struct queue *q, struct queue_shard *shard, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection c;
	struct id claimed_by;
	int r = store_find_collection(
		q->options.store, shard->account, STORE_QUEUE, slice_str(NAME), &arena, &c, err);
	shard->collection = r == 0 ? c.id : ID_NONE;
	shard->own = queue_is_shard_of(shard->account, q->options.node);
	if (r == 0)
		r = queue_claim_read(q, shard->account, &claimed_by, err);
	if (r == 0)
		shard->claimed = !shard->own && id_eq(claimed_by, q->options.node);
	return r < 0 ? r : 0;
}

/* What there is no room for is found when the queue is opened anew. */
static void add_shard(struct queue *q, const struct queue_shard *shard)
{
	size_t count = atomic_load(&q->shard_count);
	if (count == q->shard_cap)
		return;
	q->shards[count] = *shard;
	atomic_store(&q->shard_count, count + 1);
}

int queue_shards_load(struct queue *q, struct err *err)
{
	struct found f = {0};
	int r = store_list_accounts(q->options.store, add_account, &f, err);
	for (unsigned i = 0; i < QUEUE_SHARDS; i++)
		add(&f, own_id(q->options.node, i));
	qsort(f.list, f.count, sizeof(*f.list), by_id);
	q->shard_cap = f.count + SHARDS_MORE;
	q->shards = alloc_zero(q->shard_cap, sizeof(*q->shards));
	for (size_t i = 0; r == 0 && i < f.count; i++) {
		struct queue_shard shard = {.account = f.list[i]};
		if (i > 0 && id_eq(f.list[i], f.list[i - 1]))
			continue;
		r = look(q, &shard, err);
		if (shard.own)
			q->own[shard.account.bytes[ID_SIZE - 2]] =
				(uint32_t)atomic_load(&q->shard_count);
		if (shard.own || !id_is_none(shard.collection))
			add_shard(q, &shard);
	}
	free(f.list);
	return r;
}

static bool is_known(const struct queue *q, struct id account)
{
	size_t count = atomic_load(&q->shard_count);
	for (size_t i = 0; i < count; i++)
		if (id_eq(q->shards[i].account, account))
			return true;
	return false;
}

int queue_shards_add_new(struct queue *q, struct err *err)
{
	struct found f = {0};
	int r = store_list_accounts(q->options.store, add_account, &f, err);
	for (size_t i = 0; r == 0 && i < f.count; i++) {
		struct queue_shard shard = {.account = f.list[i]};
		if (is_known(q, shard.account))
			continue;
		r = look(q, &shard, err);
		if (r == 0 && !id_is_none(shard.collection))
			add_shard(q, &shard);
	}
	free(f.list);
	return r;
}

struct id queue_shard_collection(struct queue *q, uint32_t shard)
{
	(void)pthread_mutex_lock(&q->lock);
	struct id id = q->shards[shard].collection;
	(void)pthread_mutex_unlock(&q->lock);
	return id;
}

int queue_shard_write(struct queue *q, uint32_t shard, struct store_write *write,
	struct store_collection **ret_collection, struct err *err)
{
	struct id account = q->shards[shard].account;
	int r = store_write_find_collection(
		write, account, STORE_QUEUE, slice_str(NAME), ret_collection, err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(write, account, STORE_QUEUE, slice_str(NAME),
			SLICE(""), ret_collection, err);
	if (r == 0) {
		(void)pthread_mutex_lock(&q->lock);
		q->shards[shard].collection = (*ret_collection)->id;
		(void)pthread_mutex_unlock(&q->lock);
	}
	return r;
}
