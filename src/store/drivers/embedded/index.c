/* RocksDB: options, single keys, walks.
 *
 * Its write-ahead log is off: the journal is the log, and replay starts at the position that the
 * last flushed batch carries. Everything is in one column family, because only within one does
 * RocksDB flush in the order of writing. */
#include "store/drivers/embedded/index.h"

#include "base/alloc.h"
#include "base/bytes.h"

#include <stdatomic.h>

enum {
	CACHE_DEFAULT = 64 << 20,
	WRITE_BUFFER = 32 << 20,
	BLOOM_BITS = 10,
	METADATA_BLOCK = 4096,
	OPEN_FILES_MAX = 512,
	BACKGROUND_JOBS = 2,
};

enum { MESSAGE_HEAD = 80, MESSAGE_TAIL = 130 };

/* Its messages name files with their whole paths, and say what is wrong last. */
int embedded_index_err(char *message, struct err *err)
{
	bool damage = strncmp(message, "Corruption", 10) == 0;
	size_t len = strlen(message);
	enum err_kind kind = damage ? ERR_DAMAGED : ERR_OTHER;
	int rc = len <= MESSAGE_HEAD + MESSAGE_TAIL
			 ? err_temporary(err, kind, "key index: %s", message)
			 : err_temporary(err, kind, "key index: %.*s … %s", MESSAGE_HEAD, message,
				   message + len - MESSAGE_TAIL);
	rocksdb_free(message);
	return rc;
}

static rocksdb_options_t *make_options(struct embedded_index *index, uint64_t cache_bytes)
{
	index->cache = rocksdb_cache_create_lru(cache_bytes ? cache_bytes : CACHE_DEFAULT);
	index->table = rocksdb_block_based_options_create();
	rocksdb_block_based_options_set_block_cache(index->table, index->cache);
	rocksdb_block_based_options_set_filter_policy(
		index->table, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
	rocksdb_block_based_options_set_format_version(index->table, 5);
	/* Indexes and filters lie in the cache, in pieces: whole ones are a megabyte a file, and a
	 * cache in which they push each other out reads one for every key. */
	rocksdb_block_based_options_set_index_type(
		index->table, rocksdb_block_based_table_index_type_two_level_index_search);
	rocksdb_block_based_options_set_partition_filters(index->table, 1);
	rocksdb_block_based_options_set_metadata_block_size(index->table, METADATA_BLOCK);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks(index->table, 1);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(
		index->table, 1);
	rocksdb_block_based_options_set_pin_top_level_index_and_filter(index->table, 1);
	rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(index->table, 1);

	rocksdb_options_t *o = rocksdb_options_create();
	rocksdb_options_set_create_if_missing(o, 1);
	rocksdb_options_set_paranoid_checks(o, 1);
	rocksdb_options_set_block_based_table_factory(o, index->table);
	rocksdb_options_set_write_buffer_size(o, WRITE_BUFFER);
	rocksdb_options_set_max_write_buffer_number(o, 3);
	rocksdb_options_set_max_background_jobs(o, BACKGROUND_JOBS);
	rocksdb_options_set_max_open_files(o, OPEN_FILES_MAX);
	rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
	rocksdb_options_set_bytes_per_sync(o, 1 << 20);
	/* Young levels are written often and read from memory: only the last is worth its CPU. */
	rocksdb_options_set_compression(o, rocksdb_no_compression);
	rocksdb_options_set_bottommost_compression(o, rocksdb_lz4_compression);
	/* Nothing but what is fatal: an error comes back with the next write anyway, and the file
	 * is on the disk that fails. Debian builds RocksDB with assertions, one of which ends the
	 * process at the second line that can't be written. */
	rocksdb_options_set_info_log_level(o, 4);
	rocksdb_options_set_keep_log_file_num(o, 2);
	rocksdb_options_set_stats_dump_period_sec(o, 0);
	return o;
}

int embedded_index_open(
	struct embedded_index *index, const char *path, uint64_t cache_bytes, struct err *err)
{
	*index = (struct embedded_index){NULL};
	index->options = make_options(index, cache_bytes);
	index->read = rocksdb_readoptions_create();
	index->write = rocksdb_writeoptions_create();
	rocksdb_writeoptions_disable_WAL(index->write, 1);
	char *message = NULL;
	index->db = rocksdb_open(index->options, path, &message);
	if (!message)
		return 0;
	index->db = NULL;
	embedded_index_close(index);
	return embedded_index_err(message, err);
}

void embedded_index_close(struct embedded_index *index)
{
	if (!index->options)
		return;
	if (index->left) {
		embedded_index_close(index->left);
		free(index->left);
	}
	if (index->db)
		rocksdb_close(index->db);
	rocksdb_writeoptions_destroy(index->write);
	rocksdb_readoptions_destroy(index->read);
	rocksdb_options_destroy(index->options);
	rocksdb_block_based_options_destroy(index->table);
	rocksdb_cache_destroy(index->cache);
	*index = (struct embedded_index){NULL};
}

void embedded_index_replace(struct embedded_index *index, struct embedded_index *by)
{
	struct embedded_index *left = ALLOC(struct embedded_index);
	*left = (struct embedded_index){.options = index->options,
		.table = index->table,
		.cache = index->cache,
		.read = by->read,
		.write = by->write,
		.left = index->left};
	index->options = by->options;
	index->table = by->table;
	index->cache = by->cache;
	index->left = left;
	left->db = atomic_exchange(&index->db, by->db);
	rocksdb_cancel_all_background_work(left->db, 0);
}

int embedded_index_get(
	struct embedded_index *index, struct slice key, struct buf *ret_value, struct err *err)
{
	char *message = NULL;
	rocksdb_pinnableslice_t *pinned =
		rocksdb_get_pinned(index->db, index->read, key.ptr, key.len, &message);
	if (message)
		return embedded_index_err(message, err);
	if (!pinned)
		return STORE_ABSENT;
	size_t len;
	const char *value = rocksdb_pinnableslice_value(pinned, &len);
	buf_add(ret_value, value, len);
	rocksdb_pinnableslice_destroy(pinned);
	return ret_value->failed ? err_temporary(err, ERR_LIMIT, "a value of %zu bytes", len) : 0;
}

static int get_position(struct embedded_index *index, struct slice key,
	struct embedded_position *ret, struct err *err)
{
	char *message = NULL;
	rocksdb_pinnableslice_t *pinned =
		rocksdb_get_pinned(index->db, index->read, key.ptr, key.len, &message);
	if (message)
		return embedded_index_err(message, err);
	if (!pinned)
		return STORE_ABSENT;
	size_t len;
	const char *value = rocksdb_pinnableslice_value(pinned, &len);
	bool good = embedded_position_parse(slice(value, len), ret);
	rocksdb_pinnableslice_destroy(pinned);
	return good ? 0 : err_temporary(err, ERR_DAMAGED, "key index: bad place of %zu bytes", len);
}

int embedded_index_place(struct embedded_index *index, struct id blob,
	struct embedded_position *ret_place, struct err *err)
{
	char key[EMBEDDED_BLOB_KEY];
	embedded_blob_key('b', blob, key);
	return get_position(index, slice(key, sizeof(key)), ret_place, err);
}

int embedded_index_applied(
	struct embedded_index *index, struct embedded_position *ret_position, struct err *err)
{
	return get_position(index, SLICE("!p"), ret_position, err);
}

int embedded_index_write(struct embedded_index *index, rocksdb_writebatch_t *batch, struct err *err)
{
	char *message = NULL;
	rocksdb_write(index->db, index->write, batch, &message);
	return message ? embedded_index_err(message, err) : 0;
}

int embedded_index_flush(struct embedded_index *index, bool wait, struct err *err)
{
	rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
	rocksdb_flushoptions_set_wait(options, wait);
	char *message = NULL;
	rocksdb_flush(index->db, options, &message);
	rocksdb_flushoptions_destroy(options);
	return message ? embedded_index_err(message, err) : 0;
}

void embedded_blob_key(char kind, struct id blob, char to[EMBEDDED_BLOB_KEY])
{
	to[0] = EMBEDDED_OWN;
	to[1] = kind;
	memcpy(to + 2, blob.bytes, ID_SIZE);
}

_Static_assert(EMBEDDED_PLACE == 20 && EMBEDDED_POSITION == 20, "on disk");

static void put_position(
	rocksdb_writebatch_t *batch, const char *key, size_t len, struct embedded_position position)
{
	char value[EMBEDDED_POSITION];
	bytes_put_le32(value, position.segment);
	bytes_put_le64(value + 4, position.offset);
	bytes_put_le64(value + 12, position.number);
	rocksdb_writebatch_put(batch, key, len, value, sizeof(value));
}

void embedded_put_position(rocksdb_writebatch_t *batch, struct embedded_position position)
{
	put_position(batch, "!p", 2, position);
}

void embedded_put_place(rocksdb_writebatch_t *batch, struct id blob, struct embedded_position place)
{
	char key[EMBEDDED_BLOB_KEY];
	embedded_blob_key('b', blob, key);
	put_position(batch, key, sizeof(key), place);
}

void embedded_put_suspect(rocksdb_writebatch_t *batch, struct id blob)
{
	char key[EMBEDDED_BLOB_KEY];
	embedded_blob_key('d', blob, key);
	rocksdb_writebatch_put(batch, key, sizeof(key), "", 0);
}

void embedded_put_live(rocksdb_writebatch_t *batch, uint32_t segment, uint64_t live)
{
	char key[6] = {EMBEDDED_OWN, 's'}, value[8];
	bytes_put_be32(key + 2, segment);
	bytes_put_le64(value, live);
	rocksdb_writebatch_put(batch, key, sizeof(key), value, sizeof(value));
}

void embedded_delete_live(rocksdb_writebatch_t *batch, uint32_t segment)
{
	char key[6] = {EMBEDDED_OWN, 's'};
	bytes_put_be32(key + 2, segment);
	rocksdb_writebatch_delete(batch, key, sizeof(key));
}

bool embedded_position_parse(struct slice value, struct embedded_position *ret)
{
	if (value.len != EMBEDDED_POSITION)
		return false;
	ret->segment = bytes_get_le32(value.ptr);
	ret->offset = bytes_get_le64(value.ptr + 4);
	ret->number = bytes_get_le64(value.ptr + 12);
	return true;
}

void embedded_walk_init(struct embedded_walk *walk, struct embedded_index *index, struct slice from,
	struct slice to, bool backward, bool verify)
{
	*walk = (struct embedded_walk){.from = from, .to = to, .backward = backward};
	walk->read = rocksdb_readoptions_create();
	/* The slices themselves are kept by address: they live in *walk. */
	rocksdb_readoptions_set_iterate_lower_bound(walk->read, walk->from.ptr, walk->from.len);
	if (to.len)
		rocksdb_readoptions_set_iterate_upper_bound(walk->read, walk->to.ptr, walk->to.len);
	if (verify)
		rocksdb_readoptions_set_fill_cache(walk->read, 0);
	walk->it = rocksdb_create_iterator(index->db, walk->read);
}

bool embedded_walk_next(struct embedded_walk *walk, struct slice *ret_key, struct slice *ret_value)
{
	if (!walk->begun && walk->backward)
		rocksdb_iter_seek_to_last(walk->it);
	else if (!walk->begun)
		rocksdb_iter_seek_to_first(walk->it);
	else if (walk->backward)
		rocksdb_iter_prev(walk->it);
	else
		rocksdb_iter_next(walk->it);
	walk->begun = true;
	if (!rocksdb_iter_valid(walk->it))
		return false;
	ret_key->ptr = rocksdb_iter_key(walk->it, &ret_key->len);
	ret_value->ptr = rocksdb_iter_value(walk->it, &ret_value->len);
	return true;
}

int embedded_walk_free(struct embedded_walk *walk, struct err *err)
{
	char *message = NULL;
	rocksdb_iter_get_error(walk->it, &message);
	rocksdb_iter_destroy(walk->it);
	rocksdb_readoptions_destroy(walk->read);
	*walk = (struct embedded_walk){0};
	return message ? embedded_index_err(message, err) : 0;
}

void embedded_references_of(struct id blob, struct embedded_references *r)
{
	r->from[0] = STORE_KEY_BLOB_REF;
	memcpy(r->from + 1, blob.bytes, ID_SIZE);
	memcpy(r->to, r->from, sizeof(r->to));
	r->to_len = sizeof(r->to);
	while ((unsigned char)r->to[r->to_len - 1] == UINT8_MAX)
		r->to_len--;
	r->to[r->to_len - 1]++;
}

/* The walk has an end: else, where accounts have been deleted, it would go on over all that is left
 * of them to the next key that lives. */
int embedded_is_referred(struct embedded_index *index, struct id blob, struct err *err)
{
	struct embedded_references r;
	struct embedded_walk walk;
	struct slice key, value;
	embedded_references_of(blob, &r);
	embedded_walk_init(
		&walk, index, slice(r.from, sizeof(r.from)), slice(r.to, r.to_len), false, false);
	bool found = embedded_walk_next(&walk, &key, &value);
	return embedded_walk_free(&walk, err) < 0 ? -1 : found;
}

/* RocksDB and its C++ come from the system, not built with ThreadSanitizer, which then can't see
 * how they order their threads: what is called from inside them is left out. Nothing of ours is. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define BUILT_WITH_TSAN
#endif
#endif
#if defined(BUILT_WITH_TSAN) || defined(__SANITIZE_THREAD__)
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:librocksdb\n"
	       "called_from_lib:libstdc++\n";
}
#endif
