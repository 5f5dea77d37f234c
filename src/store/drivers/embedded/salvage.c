/* An index of which something can't be read. Not only who asks for that fails: as soon as RocksDB's
 * compaction comes to it, RocksDB takes no more writes. So all that can be read is copied into
 * another one, and what can't is kept as gaps (gaps.h).
 *
 * The new one lies in keys.salvaged until the next start, which puts it in the old one's place:
 * readers may be in the old one, so that stays open, and takes no more writes. While it is made it
 * is called keys.salvaging; a crash leaves the old one, or both whole. */
#include "store/drivers/embedded/db.h"

#include "base/alloc.h"
#include "base/errno_here.h"
#include "base/log.h"
#include "store/drivers/embedded/journal.h"

#include <sys/stat.h>
#include <unistd.h>

enum {
	BATCH_BYTES = 4 << 20,
	FINE = 4, /* bytes of a key by which the end of a gap is looked for, behind the first that
		     helps */
};
static const char OLD[] = "keys", DRAFT[] = "keys.salvaging", NEW[] = "keys.salvaged";
static const struct slice BEHIND_OWN = {"\x22", 1}, END = {"\xff", 1};

struct salvage {
	struct store_db *db;
	rocksdb_readoptions_t *read;
	struct embedded_index *to; /* NULL: only looks */
	rocksdb_writebatch_t *batch;
	size_t pending;
	char last[EMBEDDED_GAP_KEY_MAX]; /* where to go on */
	size_t last_len;
	uint64_t rows, gaps;
	bool no_places; /* a gap is where bodies' places are */
	struct err *err;
};

static struct slice position(const struct salvage *s)
{
	return slice(s->last, s->last_len);
}

/* 0: no failure; STORE_ABSENT: it can't be read. */
static int fate(rocksdb_iterator_t *it, struct err *err)
{
	struct err own = {0};
	char *message = NULL;
	rocksdb_iter_get_error(it, &message);
	if (!message)
		return 0;
	int r = embedded_index_err(message, &own);
	if (own.kind == ERR_DAMAGED)
		return STORE_ABSENT;
	*err = own;
	return r;
}

static int write_pending(struct salvage *s)
{
	int r = s->to && s->pending > 0 ? embedded_index_write(s->to, s->batch, s->err) : 0;
	rocksdb_writebatch_clear(s->batch);
	s->pending = 0;
	return r;
}

/* The next row is looked for behind this one. */
static int take_row(struct salvage *s, rocksdb_iterator_t *it)
{
	size_t key_len, value_len;
	const char *key = rocksdb_iter_key(it, &key_len);
	const char *value = rocksdb_iter_value(it, &value_len);
	memcpy(s->last, key, MIN(key_len, sizeof(s->last) - 1));
	s->last_len = MIN(key_len, sizeof(s->last) - 1);
	s->last[s->last_len++] = '\0';
	s->rows++;
	if (!s->to)
		return 0;
	rocksdb_writebatch_put(s->batch, key, key_len, value, value_len);
	s->pending += key_len + value_len;
	return s->pending >= BATCH_BYTES ? write_pending(s) : 0;
}

/* To the end (0), or to where it can't be read (STORE_ABSENT). */
static int walk(struct salvage *s)
{
	rocksdb_iterator_t *it = rocksdb_create_iterator(atomic_load(&s->db->index.db), s->read);
	int r = 0;
	rocksdb_iter_seek(it, s->last, s->last_len);
	for (; r == 0 && rocksdb_iter_valid(it); rocksdb_iter_next(it))
		r = take_row(s, it);
	if (r == 0)
		r = fate(it, s->err);
	rocksdb_iter_destroy(it);
	return r;
}

/* Whether the row at this key or behind it can. */
static bool is_readable(struct salvage *s, struct slice key)
{
	struct err err;
	rocksdb_iterator_t *it = rocksdb_create_iterator(atomic_load(&s->db->index.db), s->read);
	rocksdb_iter_seek(it, key.ptr, key.len);
	bool readable = fate(it, &err) == 0;
	rocksdb_iter_destroy(it);
	return readable;
}

/* The first key that can be read lies between `bad` and `good`: looks for it by one byte more, as
 * often as that makes a difference. `bad` are the first `len` bytes of the position. */
static void refine(struct salvage *s, char bad[EMBEDDED_GAP_KEY_MAX], size_t len, struct buf *good)
{
	bool before = true; /* `bad` and something less may lie before the gap */
	for (int i = 0; i < FINE && len + 1 < EMBEDDED_GAP_KEY_MAX; i++, len++) {
		int least = !before ? -1 : len < s->last_len ? (unsigned char)s->last[len] : 0;
		int low = least, high = UINT8_MAX + 1;
		while (high - low > 1) {
			int middle = low + (high - low) / 2;
			bad[len] = (char)middle;
			*(is_readable(s, slice(bad, len + 1)) ? &high : &low) = middle;
		}
		if (high <= UINT8_MAX) {
			buf_clear(good);
			buf_add(good, bad, len);
			buf_add_byte(good, (char)high);
		}
		if (low < 0)
			return;
		before = before && low == least;
		bad[len] = (char)low;
	}
}

/* From the shortest step to the longest: the first key behind the gap, more or less. */
static void find_end(struct salvage *s, struct buf *to)
{
	char key[EMBEDDED_GAP_KEY_MAX];
	memcpy(key, s->last, s->last_len);
	for (size_t len = s->last_len; len > 0; len--) {
		if (key[len - 1] == (char)UINT8_MAX)
			continue;
		key[len - 1]++;
		if (is_readable(s, slice(key, len))) {
			buf_add(to, key, len);
			key[len - 1]--;
			refine(s, key, len, to);
			return;
		}
		key[len - 1]--;
	}
	buf_add_slice(to, END);
	refine(s, key, 0, to);
}

static void pass_gap(struct salvage *s)
{
	AUTO(buf_free) struct buf to = BUF(EMBEDDED_GAP_KEY_MAX);
	find_end(s, &to);
	struct slice end = buf_slice(&to), from = position(s);
	if (slice_cmp(end, from) <= 0)
		end = END;
	s->gaps++;
	s->no_places |= slice_cmp(from, BEHIND_OWN) < 0;
	if (slice_cmp(from, BEHIND_OWN) < 0)
		from = BEHIND_OWN;
	if (s->to)
		embedded_gaps_add(&s->db->gaps, from, end);
	memcpy(s->last, end.ptr, end.len);
	s->last_len = end.len;
}

static int pass_all(struct salvage *s)
{
	int r;
	s->last_len = 0;
	s->rows = s->gaps = 0;
	while ((r = walk(s)) == STORE_ABSENT && slice_cmp(position(s), END) < 0)
		pass_gap(s);
	return r < 0 ? r : write_pending(s);
}

/* The driver's own keys that are known here better than there, and the gaps. */
static int put_own(struct salvage *s)
{
	size_t count;
	struct embedded_segment **all = embedded_segments_all(&s->db->segments, &count);
	embedded_put_position(s->batch, s->db->journal.applied);
	for (size_t i = 0; i < count; i++) {
		embedded_put_live(s->batch, all[i]->number, atomic_load(&all[i]->live));
		embedded_segments_unref(&s->db->segments, all[i]);
	}
	free(all);
	embedded_gaps_put(&s->db->gaps, s->batch);
	s->pending = 1;
	return write_pending(s);
}

static void destroy(struct store_db *db, const char *name)
{
	AUTO_FREE char *path = embedded_path(db->path, name);
	rocksdb_options_t *options = rocksdb_options_create();
	char *message = NULL;
	rocksdb_destroy_db(options, path, &message);
	rocksdb_options_destroy(options);
	if (message)
		rocksdb_free(message);
}

static bool is_there(struct store_db *db, const char *name)
{
	AUTO_FREE char *path = embedded_path(db->path, name);
	return access(path, F_OK) == 0;
}

static int move(struct store_db *db, const char *from, const char *to, struct err *err)
{
	AUTO_FREE char *old = embedded_path(db->path, from);
	AUTO_FREE char *new = embedded_path(db->path, to);
	if (db->files->rename(db->files->context, old, new) < 0)
		return err_errno(err, errno, "%s", old);
	return embedded_files_sync_folder(db->files, db->path, err);
}

/* Whole and under its last name. */
static int make(struct salvage *s, struct embedded_index *to)
{
	AUTO_FREE char *draft = embedded_path(s->db->path, DRAFT);
	AUTO_FREE char *path = embedded_path(s->db->path, NEW);
	destroy(s->db, DRAFT);
	if (embedded_index_open(to, draft, 0, s->err) < 0)
		return -1;
	s->to = to;
	int r = pass_all(s);
	if (r == 0)
		r = put_own(s);
	if (r == 0)
		r = embedded_index_flush(to, true, s->err);
	embedded_index_close(to);
	if (r == 0)
		r = move(s->db, DRAFT, NEW, s->err);
	return r < 0 ? r : embedded_index_open(to, path, s->db->cache_bytes, s->err);
}

/* Nothing is written meanwhile, and all that was is in the index. */
static int make_still(void *context)
{
	struct salvage *s = context;
	struct embedded_index to;
	int r = make(s, &to);
	if (r == 0) {
		embedded_index_replace(&s->db->index, &to);
		atomic_store(&s->db->journal.index_damaged, false);
		log_warn(NULL, "key index salvaged", F_UINT("rows", s->rows),
			F_UINT("gaps", s->gaps),
			F_STR("bodies", s->no_places ? "some are missing" : "are there"));
	}
	return r;
}

static int salvage(struct salvage *s)
{
	if (s->db->read_only)
		return err_temporary(s->err, ERR_UNAVAILABLE, "the store is open for reading only");
	int r = pass_all(s);
	if (r < 0 || s->gaps == 0)
		return r < 0 ? r : STORE_ABSENT;
	if (s->db->index.left)
		return err_temporary(s->err, ERR_UNAVAILABLE,
			"key index: salvaged once already, a restart is needed");
	return embedded_journal_still(&s->db->journal, make_still, s);
}

int embedded_salvage(struct store_db *db, struct err *err)
{
	struct err own = {0};
	struct salvage *s = ALLOC(struct salvage);
	*s = (struct salvage){
		.db = db, .read = rocksdb_readoptions_create(), .err = err ? err : &own};
	s->batch = rocksdb_writebatch_create();
	rocksdb_readoptions_set_fill_cache(s->read, 0);
	(void)pthread_mutex_lock(&db->upkeep);
	int r = salvage(s);
	(void)pthread_mutex_unlock(&db->upkeep);
	rocksdb_writebatch_destroy(s->batch);
	rocksdb_readoptions_destroy(s->read);
	free(s);
	return r;
}

int embedded_salvage_end(struct store_db *db, struct err *err)
{
	if (is_there(db, DRAFT))
		destroy(db, DRAFT);
	if (!is_there(db, NEW))
		return 0;
	destroy(db, OLD);
	return move(db, NEW, OLD, err);
}

int embedded_gaps_forget(struct store_db *db, struct slice from, struct slice to, struct err *err)
{
	if (!embedded_gaps_close(&db->gaps, from, to))
		return STORE_ABSENT;
	rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
	embedded_gaps_put(&db->gaps, batch);
	int r = embedded_index_write(&db->index, batch, err);
	rocksdb_writebatch_destroy(batch);
	return r;
}
