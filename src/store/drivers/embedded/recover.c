/* Start: from what is on disk to a store that serves.
 *
 * The index holds what the log says up to its applied position, since its own flushes keep order.
 * The records behind that position are replayed. The last group before a crash may be torn in any
 * way the disk likes: whole, missing, or any part of it. It was not acknowledged, so it ends the
 * log where its first bad record is. A bad record that some later record says was durable
 * (header.durable) is damage: the store does not open, rather than forget what it acknowledged. */
#include "store/drivers/embedded/db.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/errno_here.h"
#include "base/log.h"
#include "store/drivers/embedded/apply.h"
#include "store/drivers/embedded/reader.h"

#include <unistd.h>

/* Replayed records are written to the index in batches of about this many bytes of log. */
enum { REPLAY_BATCH = 4 << 20 };
/* After this many replayed records they are flushed, in the background. */
enum { FLUSH_AFTER = 1000 };

struct replay {
	struct store_db *db;
	struct embedded_position at; /* of the next record */
	struct embedded_segment *segment;
	struct embedded_reader reader;
	rocksdb_writebatch_t *batch;
	uint64_t pending, records; /* bytes in batch; records replayed */
	uint64_t live;             /* of this segment */
};

/* Sets the live bytes of every segment; forgets those of segments that are gone. */
static int load_live(struct store_db *db, struct err *err)
{
	rocksdb_writebatch_t *stale = rocksdb_writebatch_create();
	struct embedded_walk walk;
	struct slice key, value;
	embedded_walk_init(&walk, &db->index, SLICE("!s"), SLICE("!t"), false, false);
	while (embedded_walk_next(&walk, &key, &value)) {
		if (key.len != 6 || value.len != 8)
			continue;
		struct embedded_segment *segment =
			embedded_segments_find(&db->segments, bytes_get_be32(key.ptr + 2));
		if (!segment) {
			rocksdb_writebatch_delete(stale, key.ptr, key.len);
			continue;
		}
		atomic_store(&segment->live, bytes_get_le64(value.ptr));
		embedded_segments_unref(&db->segments, segment);
	}
	int rc = embedded_walk_free(&walk, err);
	if (rc == 0 && rocksdb_writebatch_count(stale) > 0)
		rc = embedded_index_write(&db->index, stale, err);
	rocksdb_writebatch_destroy(stale);
	return rc;
}

/* What lives in which segment can't be read: then all of it does, as far as is known. */
static int live_of_all(struct store_db *db)
{
	size_t count;
	struct embedded_segment **all = embedded_segments_all(&db->segments, &count);
	for (size_t i = 0; i < count; i++) {
		uint64_t size = atomic_load(&all[i]->size);
		atomic_store(&all[i]->live, size - MIN(size, (uint64_t)EMBEDDED_SEGMENT_HEADER));
		embedded_segments_unref(&db->segments, all[i]);
	}
	free(all);
	db->hurt = true;
	return 0;
}

static int find_live(struct store_db *db, struct err *err)
{
	int r = load_live(db, err);
	return r < 0 && err->kind == ERR_DAMAGED ? live_of_all(db) : r;
}

static int write_batch(struct replay *r, struct err *err)
{
	if (r->pending == 0)
		return 0;
	embedded_put_position(r->batch, r->at);
	embedded_put_live(r->batch, r->at.segment, r->live);
	atomic_store(&r->segment->live, r->live);
	int rc = embedded_index_write(&r->db->index, r->batch, err);
	rocksdb_writebatch_clear(r->batch);
	r->pending = 0;
	return rc;
}

static int damaged(const struct replay *r, struct err *err)
{
	return err_permanent(err, ERR_DAMAGED,
		"record %llu in segment %u at %llu was durable and is damaged",
		(unsigned long long)r->at.number, (unsigned)r->at.segment,
		(unsigned long long)r->at.offset);
}

/* Is there a record behind `offset` of this segment that says that the missing one was durable? */
static int look_for_later(struct replay *r, uint64_t offset, bool *ret_found, struct err *err)
{
	struct embedded_header header;
	int rc;
	*ret_found = false;
	while ((rc = embedded_reader_seek(&r->reader, offset, &offset, &header, err)) == 0) {
		if (header.durable >= r->at.number)
			*ret_found = true;
		if (*ret_found)
			return 0;
		offset += 8;
	}
	return rc < 0 ? rc : 0;
}

static int replay_record(struct replay *r, struct err *err)
{
	uint64_t live;
	if (!embedded_apply(r->batch, r->at.segment, 0, r->reader.batch, r->reader.places,
		    r->reader.header.blob_count, r->reader.header.flags, &live))
		return damaged(r, err);
	r->live += live;
	r->at.offset += r->reader.header.len;
	r->at.number++;
	r->pending += r->reader.header.len;
	r->records++;
	return r->pending >= REPLAY_BATCH ? write_batch(r, err) : 0;
}

/* Replays what is whole in the segment. */
static int replay_segment(struct replay *r, struct err *err)
{
	int rc;
	r->live = atomic_load(&r->segment->live);
	while ((rc = embedded_reader_record(&r->reader, r->at.offset, true, err)) == 0 &&
		r->reader.header.seq == r->at.number)
		if (replay_record(r, err) < 0)
			return -1;
	return rc < 0 ? rc : write_batch(r, err);
}

/* Opens the segment that r->at is in. STORE_ABSENT when there is none. */
static int enter(struct replay *r, struct err *err)
{
	struct store_db *db = r->db;
	*err = (struct err){0};
	r->segment = embedded_segments_get(&db->segments, r->at.segment, err);
	if (!r->segment)
		return err->class == ERR_NONE ? STORE_ABSENT : -1;
	embedded_reader_init(&r->reader, r->at.segment, db->tag, atomic_load(&r->segment->fd),
		atomic_load(&r->segment->size));
	return 0;
}

static void leave(struct replay *r)
{
	embedded_reader_free(&r->reader);
	embedded_segments_unref(&r->db->segments, r->segment);
	r->segment = NULL;
}

/* A segment whose header is torn was begun just before a crash: no record was written to it. */
static int header_good(struct replay *r, bool *ret_good, struct err *err)
{
	*err = (struct err){0};
	const char *head = embedded_reader_bytes(&r->reader, 0, EMBEDDED_SEGMENT_HEADER, err);
	*ret_good = head && embedded_segment_header_check(head, r->at.segment, r->db->tag);
	return err->class == ERR_NONE ? 0 : -1;
}

/* Do segments behind the one of r->at say that the record there was durable? */
static int look_further(struct replay *r, bool *ret_found, struct err *err)
{
	size_t count;
	struct embedded_segment **all = embedded_segments_all(&r->db->segments, &count);
	int rc = 0;
	*ret_found = false;
	for (size_t i = 0; i < count; i++) {
		struct replay later = {.db = r->db, .at = r->at};
		if (rc == 0 && !*ret_found && all[i]->number > r->at.segment) {
			later.at.segment = all[i]->number;
			rc = enter(&later, err);
			if (rc == 0) {
				rc = look_for_later(
					&later, EMBEDDED_SEGMENT_HEADER, ret_found, err);
				leave(&later);
			}
		}
		embedded_segments_unref(&r->db->segments, all[i]);
	}
	free(all);
	return rc;
}

/* Cuts the segment at r->at, and makes sure that all before is on the disk: what was replayed is
 * seen from now on, whether or not it had been synced. */
static int end_log(struct replay *r, struct err *err)
{
	const struct embedded_files *files = r->db->files;
	int fd = atomic_load(&r->segment->fd);
	uint64_t size = atomic_load(&r->segment->size);
	if (files->ftruncate(files->context, fd, r->at.offset) < 0 ||
		files->fsync(files->context, fd) < 0)
		return err_errno(err, errno, "segment %u", (unsigned)r->at.segment);
	if (r->records || size > r->at.offset)
		log_info(NULL, "journal replayed", F_UINT("records", r->records),
			F_UINT("segment", r->at.segment), F_UINT("offset", r->at.offset),
			F_UINT("cut", size - r->at.offset));
	atomic_store(&r->segment->size, r->at.offset);
	return 0;
}

/* Removes what was begun behind the end of the log; newest first, so that a crash leaves no gap. */
static int remove_behind(struct replay *r, struct err *err)
{
	size_t count;
	struct embedded_segment **all = embedded_segments_all(&r->db->segments, &count);
	int rc = 0;
	for (size_t i = count; i-- > 0;) {
		uint32_t number = all[i]->number;
		embedded_segments_unref(&r->db->segments, all[i]);
		if (rc == 0 && number > r->at.segment)
			rc = embedded_segments_remove(&r->db->segments, number, err);
	}
	free(all);
	return rc;
}

/* From r->at to the end of the log; ends inside the last segment. */
static int replay_all(struct replay *r, struct err *err)
{
	for (;;) {
		bool good, later = false;
		if (header_good(r, &good, err) < 0)
			return -1;
		if (!good)
			return damaged(r, err);
		if (replay_segment(r, err) < 0)
			return -1;
		/* Does the log go on in the next segment? */
		struct replay next = {.db = r->db, .at = r->at};
		next.at.segment++;
		next.at.offset = EMBEDDED_SEGMENT_HEADER;
		int rc = enter(&next, err), record = EMBEDDED_NO_RECORD;
		if (rc < 0)
			return rc;
		if (rc == 0) {
			record = embedded_reader_record(&next.reader, next.at.offset, false, err);
			bool goes_on = record == 0 && next.reader.header.seq == r->at.number;
			leave(&next);
			if (record < 0)
				return record;
			if (goes_on) {
				/* Cut to its length, as a closed segment is. */
				if (end_log(r, err) < 0)
					return -1;
				leave(r);
				r->at = next.at;
				if (enter(r, err) != 0)
					return -1;
				continue;
			}
		}
		if (look_for_later(r, r->at.offset, &later, err) < 0 ||
			(!later && look_further(r, &later, err) < 0))
			return -1;
		return later ? damaged(r, err) : 0;
	}
}

/* Where an index that knows nothing begins: at the first segment, made if need be. */
static int begin(struct store_db *db, struct embedded_position *ret, struct err *err)
{
	size_t count;
	struct embedded_segment *first = NULL;
	struct embedded_segment **all = embedded_segments_all(&db->segments, &count);
	for (size_t i = 0; i < count; i++)
		embedded_segments_unref(&db->segments, all[i]);
	*ret = (struct embedded_position){1, EMBEDDED_SEGMENT_HEADER, 1};
	bool empty = count == 0;
	uint32_t number = empty ? 0 : all[0]->number;
	/* A first segment without even its header: a first start that was cut off. */
	if (count == 1 && number == 1 && atomic_load(&all[0]->size) < EMBEDDED_SEGMENT_HEADER + 8) {
		if (embedded_segments_remove(&db->segments, 1, err) < 0) {
			free(all);
			return -1;
		}
		empty = true;
	}
	free(all);
	if (!empty && number != 1)
		return err_permanent(err, ERR_DAMAGED,
			"the key index is empty, and segment %u is the first: keys are missing",
			(unsigned)number);
	if (empty) {
		if (embedded_segments_create(&db->segments, 1, &first, err) < 0)
			return -1;
		embedded_segments_unref(&db->segments, first);
	}
	return 0;
}

int embedded_recover(struct store_db *db, struct embedded_segment **ret_current,
	struct embedded_position *ret_applied, struct err *err)
{
	struct replay r = {.db = db};
	int rc = embedded_index_applied(&db->index, &r.at, err);
	if (rc == STORE_ABSENT)
		rc = begin(db, &r.at, err);
	if (rc < 0 || find_live(db, err) < 0)
		return -1;
	rc = enter(&r, err);
	if (rc == STORE_ABSENT)
		return err_permanent(
			err, ERR_DAMAGED, "segment %u is missing", (unsigned)r.at.segment);
	if (rc < 0)
		return rc;
	r.batch = rocksdb_writebatch_create();
	if (r.at.offset > atomic_load(&r.segment->size))
		rc = err_permanent(err, ERR_DAMAGED,
			"segment %u is shorter than what was read from it before: %llu bytes are "
			"missing",
			(unsigned)r.at.segment,
			(unsigned long long)(r.at.offset - atomic_load(&r.segment->size)));
	else
		rc = replay_all(&r, err);
	if (rc == 0)
		rc = end_log(&r, err);
	if (rc == 0)
		rc = remove_behind(&r, err);
	/* What was replayed is in memory only: without this the next crash would replay it again,
	 * and each start of several would take longer than the one before. */
	if (rc == 0 && r.records > FLUSH_AFTER)
		rc = embedded_index_flush(&db->index, false, err);
	rocksdb_writebatch_destroy(r.batch);
	embedded_reader_free(&r.reader);
	if (rc < 0) {
		embedded_segments_unref(&db->segments, r.segment);
		return rc;
	}
	*ret_current = r.segment;
	*ret_applied = r.at;
	return 0;
}
