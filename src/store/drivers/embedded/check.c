/* Reads everything: every record of every segment, every key of the index, every blob that has a
 * place, and whether every reference has its blob. What is being written meanwhile is left for the
 * next time. */
#include "store/drivers/embedded/db.h"

#include "base/alloc.h"
#include "store/drivers/embedded/reader.h"

#include <stdarg.h>

enum { TEXT = 256, STEP = 1 << 20, PROGRESS_EVERY = 1024 };

struct check {
	struct store_db *db;
	store_report *report;
	store_progress *progress;
	void *context;
	struct embedded_segment **segments;
	size_t count;
	uint64_t *live; /* of each segment, as counted */
	struct embedded_position applied;
	uint64_t unreferred;
	struct buf bytes; /* of the blob being read */
};

static void PRINTF_LIKE(4, 5)
	found(struct check *c, bool damage, const char *text, const char *format, ...)
{
	char object[TEXT];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(object, sizeof(object), format, args);
	va_end(args);
	struct store_finding finding = {.damage = damage, .object = object, .text = text};
	c->report(c->context, &finding);
}

static int tell(struct check *c, const char *what, uint64_t done, uint64_t total, struct err *err)
{
	if (c->progress && !c->progress(c->context, what, done, total))
		return err_temporary(err, ERR_OTHER, "stopped");
	return 0;
}

/* The records of one segment: headers, batches, headers of blobs. Goes on behind damage. */
static int check_segment(struct check *c, struct embedded_segment *segment, struct err *err)
{
	struct embedded_reader reader;
	struct embedded_header header;
	uint64_t end = segment->number == c->applied.segment ? c->applied.offset
							     : atomic_load(&segment->size);
	if (embedded_segments_open_file(&c->db->segments, segment, err) < 0) {
		found(c, true, err->text, "segment %u", (unsigned)segment->number);
		return 0;
	}
	embedded_reader_init(&reader, segment->number, c->db->tag, atomic_load(&segment->fd), end);
	const char *head = embedded_reader_bytes(&reader, 0, EMBEDDED_SEGMENT_HEADER, err);
	if (!head || !embedded_segment_header_check(head, segment->number, c->db->tag))
		found(c, true, "its header is damaged", "segment %u", (unsigned)segment->number);
	int rc = 0;
	for (uint64_t at = EMBEDDED_SEGMENT_HEADER; rc == 0 && at < end;) {
		rc = embedded_reader_record(&reader, at, false, err);
		if (rc == 0) {
			at += reader.header.len;
			continue;
		}
		found(c, true, rc < 0 ? err->text : "a checksum does not match",
			"record in segment %u at %llu", (unsigned)segment->number,
			(unsigned long long)at);
		rc = embedded_reader_seek(&reader, at + 8, &at, &header, err);
	}
	embedded_reader_free(&reader);
	return 0;
}

static int check_segments(struct check *c, struct err *err)
{
	for (size_t i = 0; i < c->count; i++)
		if (tell(c, "segments", i, c->count, err) < 0 ||
			(c->segments[i]->number <= c->applied.segment &&
				check_segment(c, c->segments[i], err) < 0))
			return -1;
	return 0;
}

/* All of a blob, in steps. */
static void check_blob(
	struct check *c, struct id blob, const struct embedded_position *place, struct err *err)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->segments[i]->number == place->segment)
			c->live[i] += embedded_blob_stored(place->number);
	uint64_t at = 0;
	do {
		buf_clear(&c->bytes);
		int rc = embedded_blob_read(c->db, blob, at, STEP, &c->bytes, err);
		at += STEP;
		if (rc == 0)
			continue;
		char text[ID_TEXT_SIZE + 1];
		id_to_text(blob, text);
		found(c, true, rc < 0 ? err->text : "its place is gone",
			"blob %s in segment %u at %llu", text, (unsigned)place->segment,
			(unsigned long long)place->offset);
		return;
	} while (at < place->number);
}

/* The next distinct blob that is referred to. False at the end. */
static bool next_reference(struct embedded_walk *walk, struct id *blob)
{
	struct slice key, value;
	struct id before = *blob;
	while (embedded_walk_next(walk, &key, &value)) {
		if (key.len < 1 + ID_SIZE)
			continue;
		memcpy(blob->bytes, key.ptr + 1, ID_SIZE);
		if (!id_eq(*blob, before))
			return true;
	}
	return false;
}

static void missing(struct check *c, struct id blob)
{
	char text[ID_TEXT_SIZE + 1];
	id_to_text(blob, text);
	found(c, true, "is referred to and is missing", "blob %s", text);
}

/* Walks places and references side by side: both are sorted by blob. */
static int check_blobs(struct check *c, struct err *err)
{
	struct embedded_walk places, references;
	struct slice key, value;
	struct id referred = ID_NONE;
	uint64_t done = 0;
	int rc = 0;
	(void)pthread_mutex_lock(&c->db->journal.apply_lock); /* one moment for both */
	embedded_walk_init(&places, &c->db->index, SLICE("!b"), SLICE("!c"), false, true);
	embedded_walk_init(&references, &c->db->index, SLICE("r"), SLICE("s"), false, true);
	(void)pthread_mutex_unlock(&c->db->journal.apply_lock);
	bool more = next_reference(&references, &referred);
	while (rc == 0 && embedded_walk_next(&places, &key, &value)) {
		struct embedded_position place;
		struct id blob;
		if (key.len != EMBEDDED_BLOB_KEY || !embedded_position_parse(value, &place)) {
			found(c, true, "a place of a blob is malformed", "key index");
			continue;
		}
		memcpy(blob.bytes, key.ptr + 2, ID_SIZE);
		for (; more && id_cmp(referred, blob) < 0;
			more = next_reference(&references, &referred))
			missing(c, referred);
		if (more && id_eq(referred, blob))
			more = next_reference(&references, &referred);
		else
			c->unreferred++;
		check_blob(c, blob, &place, err);
		if (++done % PROGRESS_EVERY == 0)
			rc = tell(c, "blobs", done, 0, err);
	}
	for (; rc == 0 && more; more = next_reference(&references, &referred))
		missing(c, referred);
	struct err bad = {0};
	if (embedded_walk_free(&places, &bad) < 0)
		found(c, true, bad.text, "key index");
	if (embedded_walk_free(&references, &bad) < 0)
		found(c, true, bad.text, "key index");
	return rc;
}

/* Every block of RocksDB's is read, and its checksum with it. */
static int check_keys(struct check *c, struct err *err)
{
	struct embedded_walk walk;
	struct slice key, value;
	uint64_t done = 0;
	int rc = 0;
	struct err bad = {0};
	embedded_walk_init(&walk, &c->db->index, SLICE(""), SLICE_NONE, false, true);
	while (rc == 0 && embedded_walk_next(&walk, &key, &value))
		if (++done % PROGRESS_EVERY == 0)
			rc = tell(c, "keys", done, 0, err);
	if (embedded_walk_free(&walk, &bad) < 0)
		found(c, true, bad.text, "key index");
	return rc;
}

static void check_gaps(struct check *c)
{
	struct embedded_gap gap;
	if (embedded_gaps_find(&c->db->gaps, SLICE(""), SLICE("\xff"), false, &gap))
		found(c, true, "rows could not be read, and are not there yet from elsewhere",
			"key index");
}

/* Only closed segments: nothing but upkeep, which waits for us, changes what lives in them. */
static void compare_live(struct check *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->segments[i]->number < c->applied.segment &&
			atomic_load(&c->segments[i]->live) != c->live[i])
			found(c, false, "its count of live bytes is wrong", "segment %u",
				(unsigned)c->segments[i]->number);
	if (c->unreferred) {
		char text[TEXT];
		(void)snprintf(text, sizeof(text),
			"%llu blobs have no reference; compaction frees them",
			(unsigned long long)c->unreferred);
		found(c, false, text, "blobs");
	}
}

int embedded_check(struct store_db *db, store_report *report, store_progress *progress,
	void *context, struct err *err)
{
	struct err own = {0};
	struct check c = {.db = db, .report = report, .progress = progress, .context = context};
	err = err ? err : &own;
	c.bytes = BUF(2 * STEP);
	(void)pthread_mutex_lock(&db->upkeep);
	c.applied = embedded_journal_applied(&db->journal);
	c.segments = embedded_segments_all(&db->segments, &c.count);
	c.live = alloc_zero(c.count + 1, sizeof(*c.live));
	int rc = check_segments(&c, err);
	check_gaps(&c);
	if (rc == 0)
		rc = check_keys(&c, err);
	if (rc == 0)
		rc = check_blobs(&c, err);
	if (rc == 0)
		compare_live(&c);
	for (size_t i = 0; i < c.count; i++)
		embedded_segments_unref(&db->segments, c.segments[i]);
	(void)pthread_mutex_unlock(&db->upkeep);
	free(c.segments);
	free(c.live);
	buf_free(&c.bytes);
	return rc;
}
