/* A copy while serving. The index is taken as RocksDB's checkpoint, which is one moment; the
 * position in it says how much of the log belongs to it. Closed segments are never written again,
 * so they are linked where the file system can; the one that the position is in is copied up to
 * there. FORMAT comes last: without it a copy that was cut off is no store. */
#include "store/drivers/embedded/db.h"

#include "base/alloc.h"
#include "base/errno_here.h"
#include "store/drivers/embedded/record.h"

#include <sys/stat.h>
#include <unistd.h>

static int checkpoint(struct store_db *db, const char *keys, struct err *err)
{
	char *message = NULL;
	rocksdb_checkpoint_t *c = rocksdb_checkpoint_object_create(db->index.db, &message);
	if (message)
		return embedded_index_err(message, err);
	rocksdb_checkpoint_create(c, keys, 0, &message);
	rocksdb_checkpoint_object_destroy(c);
	return message ? embedded_index_err(message, err) : 0;
}

/* What the copied index says. */
static int position_of(const char *keys, struct embedded_position *ret, struct err *err)
{
	struct embedded_index copy;
	if (embedded_index_open(&copy, keys, 1 << 20, err) < 0)
		return -1;
	int rc = embedded_index_applied(&copy, ret, err);
	embedded_index_close(&copy);
	if (rc == STORE_ABSENT) /* nothing was ever committed */
		*ret = (struct embedded_position){1, EMBEDDED_SEGMENT_HEADER, 1};
	return rc < 0 ? rc : 0;
}

static int copy_segment(struct store_db *db, const struct embedded_segment *segment,
	const char *folder, const struct embedded_position *applied, struct err *err)
{
	AUTO_FREE char *from = embedded_segment_path(db->segments.folder, segment->number);
	AUTO_FREE char *to = embedded_segment_path(folder, segment->number);
	if (segment->number == applied->segment)
		return embedded_files_copy(db->files, from, to, applied->offset, err);
	if (link(from, to) == 0)
		return 0;
	if (errno != EXDEV && errno != EPERM && errno != EMLINK && errno != EOPNOTSUPP)
		return err_errno(err, errno, "%s", to);
	return embedded_files_copy(db->files, from, to, atomic_load(&segment->size), err);
}

static int copy_segments(struct store_db *db, const char *folder,
	const struct embedded_position *applied, store_progress *progress, void *context,
	struct err *err)
{
	size_t count;
	struct embedded_segment **all = embedded_segments_all(&db->segments, &count);
	int rc = 0;
	for (size_t i = 0; i < count; i++) {
		if (rc == 0 && progress && !progress(context, "copying segments", i, count))
			rc = err_temporary(err, ERR_OTHER, "stopped");
		if (rc == 0 && all[i]->number <= applied->segment)
			rc = copy_segment(db, all[i], folder, applied, err);
		embedded_segments_unref(&db->segments, all[i]);
	}
	free(all);
	return rc;
}

static int backup(struct store_db *db, const char *path, store_progress *progress, void *context,
	struct err *err)
{
	AUTO_FREE char *keys = embedded_path(path, "keys");
	AUTO_FREE char *segments = embedded_path(path, "segments");
	struct embedded_position applied;
	if (mkdir(path, 0700) < 0) {
		int number = errno;
		return number == EEXIST
			       ? err_permanent(err, ERR_EXISTS, "%s is there already", path)
			       : err_errno(err, number, "%s", path);
	}
	if (mkdir(segments, 0700) < 0)
		return err_errno(err, errno, "%s", segments);
	if (checkpoint(db, keys, err) < 0 || position_of(keys, &applied, err) < 0 ||
		copy_segments(db, segments, &applied, progress, context, err) < 0 ||
		embedded_files_sync_folder(db->files, segments, err) < 0)
		return -1;
	return embedded_folder_create(db->files, path, db->tag, err);
}

int embedded_backup(struct store_db *db, const char *path, store_progress *progress, void *context,
	struct err *err)
{
	(void)pthread_mutex_lock(&db->upkeep);
	int rc = backup(db, path, progress, context, err);
	(void)pthread_mutex_unlock(&db->upkeep);
	return rc;
}
