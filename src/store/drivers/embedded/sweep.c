/* Which blobs are dead: those that may have lost their last reference carry a '!d' key, written
 * with the batch that took the reference away. The sweep looks whether one is left, and if not,
 * drops the blob's place; from then on its bytes are dead.
 *
 * Nobody can refer to such a blob again: a batch that adds a reference is made under the lock of an
 * account that holds one. */
#include "store/drivers/embedded/db.h"

#include "store/drivers/embedded/record.h"

enum { CHUNK = 256 }; /* looked at under one taking of the journal's apply_lock */

struct loss {
	struct embedded_segment *segment; /* a reference */
	uint64_t bytes;
};

struct sweep {
	struct store_db *db;
	rocksdb_writebatch_t *batch;
	struct loss loss[CHUNK];
	size_t losses;
};

/* Adds to what a segment loses. */
static void lose(struct sweep *s, const struct embedded_position *place)
{
	uint64_t bytes = embedded_blob_stored(place->number);
	for (size_t i = 0; i < s->losses; i++)
		if (s->loss[i].segment->number == place->segment) {
			s->loss[i].bytes += bytes;
			return;
		}
	struct embedded_segment *segment = embedded_segments_find(&s->db->segments, place->segment);
	if (segment)
		s->loss[s->losses++] = (struct loss){segment, bytes};
}

static bool has_unread_references(struct store_db *db, struct id blob)
{
	struct embedded_gap gap;
	struct embedded_references r;
	embedded_references_of(blob, &r);
	return embedded_gaps_find(
		&db->gaps, slice(r.from, sizeof(r.from)), slice(r.to, r.to_len), false, &gap);
}

static int look(struct sweep *s, struct id blob, struct err *err)
{
	char suspect[EMBEDDED_BLOB_KEY], key[EMBEDDED_BLOB_KEY];
	struct embedded_position place;
	embedded_blob_key('d', blob, suspect);
	embedded_blob_key('b', blob, key);
	if (has_unread_references(s->db, blob))
		return 0; /* looked at again when they are known */
	rocksdb_writebatch_delete(s->batch, suspect, sizeof(suspect));
	int rc = embedded_is_referred(&s->db->index, blob, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = embedded_index_place(&s->db->index, blob, &place, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rocksdb_writebatch_delete(s->batch, key, sizeof(key));
	embedded_places_forget(&s->db->places, blob);
	lose(s, &place);
	return 0;
}

/* The next suspects behind `from`, which moves on. *ret_count 0: none is left. */
static int next_suspects(struct store_db *db, char from[EMBEDDED_BLOB_KEY + 1],
	struct id blobs[CHUNK], size_t *ret_count, struct err *err)
{
	struct embedded_walk walk;
	struct slice key, value;
	size_t count = 0;
	embedded_walk_init(
		&walk, &db->index, slice(from, EMBEDDED_BLOB_KEY + 1), SLICE("!e"), false, false);
	while (count < CHUNK && embedded_walk_next(&walk, &key, &value))
		if (key.len == EMBEDDED_BLOB_KEY)
			memcpy(blobs[count++].bytes, key.ptr + 2, ID_SIZE);
	if (count)
		embedded_blob_key('d', blobs[count - 1], from); /* and a zero behind it */
	*ret_count = count;
	return embedded_walk_free(&walk, err);
}

/* apply_lock is held: no reference comes or goes. */
static int sweep_chunk(struct sweep *s, const struct id *blobs, size_t count, struct err *err)
{
	int rc = 0;
	rocksdb_writebatch_clear(s->batch);
	s->losses = 0;
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = look(s, blobs[i], err);
	for (size_t i = 0; i < s->losses; i++)
		embedded_put_live(s->batch, s->loss[i].segment->number,
			atomic_load(&s->loss[i].segment->live) - s->loss[i].bytes);
	if (rc == 0)
		rc = embedded_index_write(&s->db->index, s->batch, err);
	for (size_t i = 0; i < s->losses; i++) {
		if (rc == 0)
			atomic_fetch_sub(&s->loss[i].segment->live, s->loss[i].bytes);
		embedded_segments_unref(&s->db->segments, s->loss[i].segment);
	}
	return rc;
}

int embedded_sweep(struct store_db *db, struct err *err)
{
	struct sweep s = {.db = db, .batch = rocksdb_writebatch_create()};
	char from[EMBEDDED_BLOB_KEY + 1] = {EMBEDDED_OWN, 'd'};
	struct id blobs[CHUNK];
	size_t count = CHUNK;
	int rc = 0;
	while (rc == 0 && count == CHUNK) {
		rc = next_suspects(db, from, blobs, &count, err);
		if (rc < 0 || count == 0)
			break;
		(void)pthread_mutex_lock(&db->journal.apply_lock);
		rc = sweep_chunk(&s, blobs, count, err);
		(void)pthread_mutex_unlock(&db->journal.apply_lock);
	}
	rocksdb_writebatch_destroy(s.batch);
	return rc;
}
