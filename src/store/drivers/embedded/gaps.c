/* A sorted list: there are few, and for a short time. */
#include "store/drivers/embedded/gaps.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/must.h"

void embedded_gaps_init(struct embedded_gaps *gaps)
{
	*gaps = (struct embedded_gaps){0};
	must(pthread_rwlock_init(&gaps->lock, NULL) == 0);
}

void embedded_gaps_deinit(struct embedded_gaps *gaps)
{
	(void)pthread_rwlock_destroy(&gaps->lock);
	free(gaps->list);
}

static struct slice from_of(const struct embedded_gap *gap)
{
	return slice(gap->from, gap->from_len);
}

static struct slice to_of(const struct embedded_gap *gap)
{
	return slice(gap->to, gap->to_len);
}

static void set_key(char to[EMBEDDED_GAP_KEY_MAX], size_t *ret_len, struct slice key)
{
	*ret_len = MIN(key.len, (size_t)EMBEDDED_GAP_KEY_MAX);
	memcpy(to, key.ptr, *ret_len);
}

static void add(struct embedded_gap **list, size_t *count, struct slice from, struct slice to)
{
	if (slice_cmp(from, to) >= 0)
		return;
	*list = alloc_resize(*list, *count + 1, sizeof(**list));
	struct embedded_gap *gap = &(*list)[(*count)++];
	set_key(gap->from, &gap->from_len, from);
	set_key(gap->to, &gap->to_len, to);
}

static struct slice earlier(struct slice a, struct slice b)
{
	return slice_cmp(a, b) < 0 ? a : b;
}

static struct slice later(struct slice a, struct slice b)
{
	return slice_cmp(a, b) > 0 ? a : b;
}

static bool overlaps(const struct embedded_gap *gap, struct slice from, struct slice to)
{
	return slice_cmp(later(from_of(gap), from), earlier(to_of(gap), to)) < 0;
}

/* All but what lies in from <= key < to; the lock is held. */
static bool cut(struct embedded_gaps *gaps, struct slice from, struct slice to)
{
	struct embedded_gap *list = NULL;
	size_t count = 0;
	bool any = false;
	for (size_t i = 0; i < atomic_load(&gaps->count); i++) {
		const struct embedded_gap *gap = &gaps->list[i];
		if (!overlaps(gap, from, to)) {
			add(&list, &count, from_of(gap), to_of(gap));
			continue;
		}
		any = true;
		add(&list, &count, from_of(gap), earlier(to_of(gap), from));
		add(&list, &count, later(from_of(gap), to), to_of(gap));
	}
	free(gaps->list);
	gaps->list = list;
	atomic_store(&gaps->count, count);
	return any;
}

static int by_key(const void *a, const void *b)
{
	return slice_cmp(from_of(a), from_of(b));
}

void embedded_gaps_add(struct embedded_gaps *gaps, struct slice from, struct slice to)
{
	(void)pthread_rwlock_wrlock(&gaps->lock);
	(void)cut(gaps, from, to);
	size_t count = atomic_load(&gaps->count);
	add(&gaps->list, &count, from, to);
	if (count > 1)
		qsort(gaps->list, count, sizeof(*gaps->list), by_key);
	atomic_store(&gaps->count, count);
	(void)pthread_rwlock_unlock(&gaps->lock);
}

bool embedded_gaps_close(struct embedded_gaps *gaps, struct slice from, struct slice to)
{
	if (!embedded_gaps_any(gaps))
		return false;
	(void)pthread_rwlock_wrlock(&gaps->lock);
	bool any = cut(gaps, from, to);
	(void)pthread_rwlock_unlock(&gaps->lock);
	return any;
}

static void row_key(size_t number, char to[6])
{
	to[0] = EMBEDDED_OWN;
	to[1] = 'g';
	bytes_put_be32(to + 2, (uint32_t)number);
}

void embedded_gaps_put(struct embedded_gaps *gaps, rocksdb_writebatch_t *batch)
{
	char key[6];
	(void)pthread_rwlock_wrlock(&gaps->lock);
	size_t count = atomic_load(&gaps->count);
	for (size_t i = 0; i < count; i++) {
		AUTO(buf_free) struct buf row = BUF(3 * EMBEDDED_GAP_KEY_MAX);
		bytes_add_counted(&row, from_of(&gaps->list[i]));
		buf_add_slice(&row, to_of(&gaps->list[i]));
		row_key(i, key);
		rocksdb_writebatch_put(batch, key, sizeof(key), row.data, row.len);
	}
	for (size_t i = count; i < gaps->rows; i++) {
		row_key(i, key);
		rocksdb_writebatch_delete(batch, key, sizeof(key));
	}
	gaps->rows = count;
	(void)pthread_rwlock_unlock(&gaps->lock);
}

int embedded_gaps_load(struct embedded_gaps *gaps, struct embedded_index *index, struct err *err)
{
	struct embedded_walk walk;
	struct slice key, value, from;
	bool bad = false;
	size_t count = 0;
	embedded_walk_init(&walk, index, SLICE("!g"), SLICE("!h"), false, false);
	while (!bad && embedded_walk_next(&walk, &key, &value)) {
		bad = !bytes_cut_counted(&value, &from);
		if (!bad)
			add(&gaps->list, &count, from, value);
	}
	int r = embedded_walk_free(&walk, err);
	gaps->rows = count;
	atomic_store(&gaps->count, count);
	return r == 0 && bad ? err_temporary(err, ERR_DAMAGED, "key index: a gap is malformed") : r;
}

bool embedded_gaps_find(struct embedded_gaps *gaps, struct slice from, struct slice to,
	bool backward, struct embedded_gap *ret_gap)
{
	bool found = false;
	if (!embedded_gaps_any(gaps))
		return false;
	(void)pthread_rwlock_rdlock(&gaps->lock);
	size_t count = atomic_load(&gaps->count);
	for (size_t i = 0; !found && i < count; i++) {
		const struct embedded_gap *gap = &gaps->list[backward ? count - 1 - i : i];
		found = overlaps(gap, from, to);
		if (found)
			*ret_gap = *gap;
	}
	(void)pthread_rwlock_unlock(&gaps->lock);
	return found;
}

bool embedded_gaps_hold(struct embedded_gaps *gaps, struct slice key)
{
	bool held = false;
	(void)pthread_rwlock_rdlock(&gaps->lock);
	for (size_t i = 0; !held && i < atomic_load(&gaps->count); i++)
		held = slice_cmp(from_of(&gaps->list[i]), key) <= 0 &&
		       slice_cmp(key, to_of(&gaps->list[i])) < 0;
	(void)pthread_rwlock_unlock(&gaps->lock);
	return held;
}

int embedded_gaps_err(struct err *err)
{
	return err_temporary(err, ERR_DAMAGED, "key index: rows that could not be read");
}
