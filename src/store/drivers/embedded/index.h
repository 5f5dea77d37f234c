/* RocksDB as the embedded driver uses it: no log of its own, one column family, so that what it
 * holds is always what a prefix of the journal says.
 *
 * Keys of the driver's own, all in the '!' range:
 *     !b blob-id      place of a blob: segment u32, offset u64, length u64
 *     !d blob-id      this blob may have lost its last reference; the sweep looks
 *     !p              applied position: segment u32, offset u64, next sequence number u64
 *     !s segment(be)  live bytes in a segment, u64
 *     !g number(be)   a gap: gaps.h */
#ifndef STORE_DRIVERS_EMBEDDED_INDEX_H
#define STORE_DRIVERS_EMBEDDED_INDEX_H

#include "store/driver.h"

#include <rocksdb/c.h>

struct embedded_index {
	rocksdb_t *_Atomic db;
	rocksdb_options_t *options;
	rocksdb_block_based_table_options_t *table;
	rocksdb_cache_t *cache;
	rocksdb_readoptions_t *read; /* for single keys */
	rocksdb_writeoptions_t *write;
	struct embedded_index *left; /* one that this one took the place of: see there */
};

enum { EMBEDDED_OWN = '!' }; /* first byte of the driver's keys */
enum { EMBEDDED_BLOB_KEY = 2 + ID_SIZE, EMBEDDED_PLACE = 20, EMBEDDED_POSITION = 20 };

/* Where a record or blob is. */
struct embedded_position {
	uint32_t segment;
	uint64_t offset;
	uint64_t number; /* a blob's length; the next record's sequence number */
};

int embedded_index_open(struct embedded_index *index, const char *path, uint64_t cache_bytes,
	struct err *err) WARN_UNUSED;
void embedded_index_close(struct embedded_index *index);
/* `by` (which is taken over) is used from now on. Who reads meanwhile may be in the one before,
 * which stays open until this one is closed. Nobody writes. */
void embedded_index_replace(struct embedded_index *index, struct embedded_index *by);
/* Turns a message of RocksDB, which it frees, into an err: damage, or temporary. */
int embedded_index_err(char *message, struct err *err);

/* STORE_ABSENT. */
int embedded_index_get(struct embedded_index *index, struct slice key, struct buf *ret_value,
	struct err *err) WARN_UNUSED;
int embedded_index_place(struct embedded_index *index, struct id blob,
	struct embedded_position *ret_place, struct err *err) WARN_UNUSED;
int embedded_index_applied(struct embedded_index *index, struct embedded_position *ret_position,
	struct err *err) WARN_UNUSED;
/* All or none; visible at once, durable with the next flush. */
int embedded_index_write(
	struct embedded_index *index, rocksdb_writebatch_t *batch, struct err *err) WARN_UNUSED;
/* Makes all that was written before durable. If not `wait`, only sets it going. */
int embedded_index_flush(struct embedded_index *index, bool wait, struct err *err) WARN_UNUSED;

/* Parts of the keys and values above. */
void embedded_blob_key(char kind, struct id blob, char to[EMBEDDED_BLOB_KEY]);
void embedded_put_position(rocksdb_writebatch_t *batch, struct embedded_position position);
void embedded_put_place(
	rocksdb_writebatch_t *batch, struct id blob, struct embedded_position place);
void embedded_put_suspect(rocksdb_writebatch_t *batch, struct id blob);
void embedded_put_live(rocksdb_writebatch_t *batch, uint32_t segment, uint64_t live);
void embedded_delete_live(rocksdb_writebatch_t *batch, uint32_t segment);
/* False when these are no such bytes. */
bool embedded_position_parse(struct slice value, struct embedded_position *ret) WARN_UNUSED;

/* An ordered walk over from <= key < to (`to` empty: to the end) on the state at its making. */
struct embedded_walk {
	rocksdb_iterator_t *it;
	rocksdb_readoptions_t *read;
	struct slice from, to; /* borrowed */
	bool backward, begun;
};
void embedded_walk_init(struct embedded_walk *walk, struct embedded_index *index, struct slice from,
	struct slice to, bool backward, bool verify);
/* False at the end, and after a failure, which embedded_walk_free reports. */
bool embedded_walk_next(
	struct embedded_walk *walk, struct slice *ret_key, struct slice *ret_value) WARN_UNUSED;
int embedded_walk_free(struct embedded_walk *walk, struct err *err);
/* All keys that refer to a blob, those that begin with 'r' and its id: from <= key < to. */
struct embedded_references {
	char from[1 + ID_SIZE], to[1 + ID_SIZE];
	size_t to_len;
};
void embedded_references_of(struct id blob, struct embedded_references *ret_references);
/* Is there any? 1 yes, 0 no. */
int embedded_is_referred(struct embedded_index *index, struct id blob, struct err *err) WARN_UNUSED;

#endif
