/* Giving space back. A closed segment that is mostly dead is read through; what lives in it is
 * committed again, as a record of blobs without a batch. When the new places are durable in the
 * index, and with them a position behind the old segment, its file goes. Readers that have it open
 * finish first. */
#include "store/drivers/embedded/db.h"

#include "base/alloc.h"
#include "base/log.h"
#include "store/drivers/embedded/reader.h"

enum {
	MOVE_BYTES = 4 << 20, /* committed at once */
	MOVE_BLOBS = 1024,
	BLOB_MAX_LEN = 1 << 30, /* of one that is moved: longer ones stay where they are */
};

struct moving {
	struct store_db *db;
	struct buf bytes;
	struct store_new_blob blobs[MOVE_BLOBS]; /* bytes.len is right, bytes.ptr set at commit */
	size_t count;
	uint64_t stored; /* what they take */
	uint64_t moved;  /* in all */
};

static int move_out(struct moving *m, struct embedded_segment *segment, struct err *err)
{
	if (m->count == 0)
		return 0;
	struct embedded_record record;
	const char *at = m->bytes.data;
	for (size_t i = 0; i < m->count; i++) {
		m->blobs[i].bytes.ptr = at;
		at += m->blobs[i].bytes.len;
	}
	if (embedded_record_init(&record, SLICE_NONE, m->blobs, m->count, EMBEDDED_MOVED, err) < 0)
		return -1;
	int rc = embedded_journal_commit(&m->db->journal, &record, err);
	embedded_record_free(&record);
	if (rc == 0) {
		(void)pthread_mutex_lock(&m->db->journal.apply_lock);
		atomic_fetch_sub(&segment->live, m->stored);
		(void)pthread_mutex_unlock(&m->db->journal.apply_lock);
		m->moved += m->stored;
	}
	buf_clear(&m->bytes);
	m->count = 0;
	m->stored = 0;
	return rc;
}

/* Takes the blob along if it lives here. */
static int take(struct moving *m, struct embedded_segment *segment,
	const struct embedded_place *place, struct err *err)
{
	struct embedded_position now;
	int rc = embedded_index_place(&m->db->index, place->id, &now, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (now.segment != segment->number || now.offset != place->offset)
		return 0;
	if (place->len > BLOB_MAX_LEN)
		return err_temporary(err, ERR_LIMIT, "segment %u stays for one long blob",
			(unsigned)segment->number);
	if (m->count == MOVE_BLOBS || m->bytes.len + place->len > MOVE_BYTES)
		if (move_out(m, segment, err) < 0)
			return -1;
	if (embedded_blob_read(m->db, place->id, 0, place->len, &m->bytes, err) != 0)
		return -1;
	m->blobs[m->count++] = (struct store_new_blob){place->id, slice(NULL, (size_t)place->len)};
	m->stored += embedded_blob_stored(place->len);
	return 0;
}

/* Moves everything that lives in the segment out of it. A segment with damage stays as it is. */
static int evacuate(struct moving *m, struct embedded_segment *segment, struct err *err)
{
	struct embedded_reader reader;
	uint64_t end = atomic_load(&segment->size);
	int rc = embedded_segments_open_file(&m->db->segments, segment, err);
	if (rc < 0)
		return rc;
	embedded_reader_init(&reader, segment->number, m->db->tag, atomic_load(&segment->fd), end);
	for (uint64_t at = EMBEDDED_SEGMENT_HEADER; rc == 0 && at < end;) {
		rc = embedded_reader_record(&reader, at, false, err);
		if (rc == EMBEDDED_NO_RECORD)
			rc = err_permanent(err, ERR_DAMAGED, "record in segment %u at %llu",
				(unsigned)segment->number, (unsigned long long)at);
		for (uint32_t i = 0; rc == 0 && i < reader.header.blob_count; i++)
			rc = take(m, segment, &reader.places[i], err);
		at += rc == 0 ? reader.header.len : 0;
	}
	embedded_reader_free(&reader);
	return rc == 0 ? move_out(m, segment, err) : rc;
}

static bool worth_it(const struct embedded_segment *segment, bool all)
{
	uint64_t size = atomic_load(&segment->size), live = atomic_load(&segment->live);
	uint64_t dead = size > live ? size - live : 0;
	return all ? dead > 4096 && dead > size / 256 : dead >= size - size / 2;
}

/* Drops the files of segments that nothing points into any more. */
static int drop(struct store_db *db, const uint32_t *numbers, size_t count, struct err *err)
{
	rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
	int rc = embedded_index_flush(&db->index, true, err);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = embedded_segments_remove(&db->segments, numbers[i], err);
		embedded_delete_live(batch, numbers[i]);
	}
	if (rc == 0)
		rc = embedded_index_write(&db->index, batch, err);
	rocksdb_writebatch_destroy(batch);
	return rc == 0 ? embedded_files_sync_folder(db->files, db->segments.folder, err) : rc;
}

/* Evacuates one after the other until `progress` says stop; empty ones are written to `empty`. */
static int evacuate_all(struct moving *m, struct embedded_segment **chosen, size_t count,
	store_progress *progress, void *context, uint32_t *empty, size_t *ret_empty,
	uint64_t *ret_bytes, struct err *err)
{
	int rc = 0;
	*ret_empty = 0;
	*ret_bytes = 0;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (progress && !progress(context, "compacting segments", i, count))
			break;
		rc = evacuate(m, chosen[i], err);
		if (rc == 0) {
			empty[(*ret_empty)++] = chosen[i]->number;
			*ret_bytes += atomic_load(&chosen[i]->size);
		} else if (err->kind == ERR_DAMAGED || err->kind == ERR_LIMIT) {
			log_warn(NULL, "segment not compacted",
				F_UINT("segment", chosen[i]->number), F_ERR(err));
			buf_clear(&m->bytes);
			m->count = 0;
			m->stored = 0;
			rc = 0;
		}
	}
	return rc;
}

static int compact(struct store_db *db, bool all, store_progress *progress, void *context,
	uint64_t *ret_freed, struct err *err)
{
	if (embedded_sweep(db, err) < 0)
		return -1;
	if (all && embedded_journal_seal(&db->journal, err) < 0)
		return -1;
	uint32_t applied = embedded_journal_applied(&db->journal).segment;
	size_t count, chosen = 0, emptied;
	uint64_t bytes;
	struct embedded_segment **list = embedded_segments_all(&db->segments, &count);
	AUTO_FREE uint32_t *empty = alloc((count + 1) * sizeof(*empty));
	struct moving *m = ALLOC(struct moving);
	m->db = db;
	m->bytes = BUF((size_t)BLOB_MAX_LEN + MOVE_BYTES);
	for (size_t i = 0; i < count; i++) {
		if (list[i]->number < applied && worth_it(list[i], all))
			list[chosen++] = list[i];
		else
			embedded_segments_unref(&db->segments, list[i]);
	}
	int rc = evacuate_all(m, list, chosen, progress, context, empty, &emptied, &bytes, err);
	if (emptied && drop(db, empty, emptied, rc < 0 ? NULL : err) < 0)
		rc = -1;
	else
		*ret_freed = bytes > m->moved ? bytes - m->moved : 0;
	for (size_t i = 0; i < chosen; i++)
		embedded_segments_unref(&db->segments, list[i]);
	buf_free(&m->bytes);
	free(m);
	free(list);
	return rc;
}

int embedded_compact(struct store_db *db, bool all, store_progress *progress, void *context,
	uint64_t *ret_freed, struct err *err)
{
	struct err own = {0};
	*ret_freed = 0;
	err = err ? err : &own;
	if (db->read_only)
		return err_temporary(err, ERR_UNAVAILABLE, "the store is open for reading only");
	/* Its own compaction came to what can't be read. */
	if (atomic_load(&db->journal.index_damaged) && embedded_salvage(db, err) < 0)
		return -1;
	(void)pthread_mutex_lock(&db->upkeep);
	int rc = compact(db, all, progress, context, ret_freed, err);
	(void)pthread_mutex_unlock(&db->upkeep);
	return rc;
}
