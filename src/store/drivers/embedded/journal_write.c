/* Putting a group on disk and into the index, and what is done when either refuses.
 *
 * A disk that is full: nothing of the group stays in the log, later groups may succeed. A failed
 * write or sync for another reason is final: what the kernel still holds may be lost without
 * another word, so nothing more is written until a restart has read back what is really there. */
#include "store/drivers/embedded/journal_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/log.h"
#include "base/must.h"
#include "store/drivers/embedded/apply.h"

enum {
	STEP_MAX = 32 << 20,
	/* Bounds the replay after a crash. RocksDB flushes by itself too, by its own size. */
	FLUSH_AFTER = 128 << 20,
};

static bool out_of_space(int number)
{
	return number == ENOSPC || number == EDQUOT;
}

static int failed_before(struct err *err)
{
	return err_temporary(err, ERR_UNAVAILABLE,
		"the store is read-only since a write to its disk failed; a restart is needed");
}

static int not_applied(struct err *err)
{
	return err_temporary(err, ERR_UNAVAILABLE, "the key index can't be written to");
}

/* No more writes: says why, once. */
static int fail(struct embedded_journal *j, struct err *err)
{
	if (!atomic_exchange(&j->failed, true))
		log_error(NULL, "store turns read-only until restart", F_ERR(err));
	return -1;
}

/* Nothing of this group; the next one may be taken. */
static int refuse(struct embedded_journal *j)
{
	atomic_store(&j->refused_ms, clock_mono_ms());
	return -1;
}

static int cut_file(struct embedded_journal *j, uint64_t end)
{
	const struct embedded_files *files = j->segments->files;
	int fd = atomic_load(&j->current->fd);
	if (files->ftruncate(files->context, fd, end) < 0 || files->fsync(files->context, fd) < 0)
		return -1;
	j->end = j->allocated = end;
	return 0;
}

/* A group could not be written or synced. Takes what there is of it off the log again. */
static int undo(struct embedded_journal *j, int number, const char *what, struct err *err)
{
	int cut = cut_file(j, j->end);
	(void)err_errno(err, number, "%s segment %u at %llu", what, (unsigned)j->current->number,
		(unsigned long long)j->end);
	return cut == 0 && out_of_space(number) ? refuse(j) : fail(j, err);
}

/* Begins the next segment; the one before gets its final length. */
static int rotate(struct embedded_journal *j, struct err *err)
{
	const struct embedded_files *files = j->segments->files;
	struct embedded_segment *next;
	if (embedded_segments_create(j->segments, j->current->number + 1, &next, err) < 0)
		return -1;
	int fd = atomic_load(&j->current->fd);
	if (files->ftruncate(files->context, fd, j->end) < 0 ||
		files->fsync(files->context, fd) < 0) {
		(void)err_errno(err, errno, "closing segment %u", (unsigned)j->current->number);
		embedded_segments_unref(j->segments, next);
		return fail(j, err);
	}
	embedded_segments_unref(j->segments, j->current);
	j->current = next;
	j->end = j->allocated = EMBEDDED_SEGMENT_HEADER;
	return 0;
}

int embedded_journal_rotate(struct embedded_journal *j, struct err *err)
{
	if (atomic_load(&j->failed))
		return failed_before(err);
	if (atomic_load(&j->broken))
		return not_applied(err);
	if (rotate(j, err) < 0)
		return -1;
	struct embedded_position applied = {j->current->number, j->end, j->next_seq};
	rocksdb_writebatch_clear(j->batch);
	embedded_put_position(j->batch, applied);
	int rc = embedded_index_write(j->index, j->batch, err);
	if (rc == 0)
		j->applied = applied;
	return rc;
}

/* Gives the group its place on the disk before it is written: then a sync needs to write less, and
 * a full disk is found before anything is half done. */
static int make_room(struct embedded_journal *j, uint64_t bytes, struct err *err)
{
	const struct embedded_files *files = j->segments->files;
	if (j->end > EMBEDDED_SEGMENT_HEADER && j->end + bytes > j->segment_bytes &&
		rotate(j, err) < 0)
		return -1;
	if (j->end + bytes <= j->allocated)
		return 0;
	uint64_t need = j->end + bytes, ahead = MIN(j->allocated + j->step, j->segment_bytes);
	int fd = atomic_load(&j->current->fd);
	for (uint64_t to = MAX(need, ahead);;) {
		if (files->fallocate(files->context, fd, j->allocated, to - j->allocated) == 0) {
			j->allocated = to;
			j->step = MIN(j->step * 2, (uint64_t)STEP_MAX);
			return 0;
		}
		if (errno == EOPNOTSUPP)
			return 0; /* the file grows as it is written */
		if (out_of_space(errno) && to > need)
			to = need;
		else if (errno != EINTR)
			return err_errno(
				err, errno, "no room in segment %u", (unsigned)j->current->number);
	}
}

/* Places and headers of all records; fills the journal's iov. */
static size_t prepare(struct embedded_journal *j, struct embedded_group *g)
{
	if (g->iov_count > j->iov_cap) {
		j->iov_cap = g->iov_count * 2;
		j->iov = alloc_resize(j->iov, j->iov_cap, sizeof(*j->iov));
	}
	uint64_t offset = j->end, seq = j->next_seq;
	uint64_t durable = j->no_sync ? 0 : j->next_seq - 1;
	size_t n = 0;
	for (struct embedded_member *m = g->first; m; m = m->next) {
		struct embedded_record *r = m->record;
		m->offset = offset;
		r->header.seq = seq++;
		r->header.durable = durable;
		r->header.tag = j->segments->tag;
		r->header.segment = j->current->number;
		embedded_header_write(&r->header, r->scratch);
		memcpy(j->iov + n, r->iov, r->iov_count * sizeof(*r->iov));
		n += r->iov_count;
		offset += r->header.len;
	}
	must(offset == j->end + g->bytes && n == g->iov_count);
	return n;
}

int embedded_group_write(struct embedded_journal *j, struct embedded_group *g, struct err *err)
{
	const struct embedded_files *files = j->segments->files;
	if (atomic_load(&j->failed))
		return failed_before(err);
	if (atomic_load(&j->broken))
		return not_applied(err);
	if (make_room(j, g->bytes, err) < 0)
		return refuse(j);
	size_t n = prepare(j, g);
	int fd = atomic_load(&j->current->fd);
	if (embedded_files_write(files, fd, j->iov, n, j->end) < 0)
		return undo(j, errno, "write to", err);
	if (!j->no_sync) {
		if (files->fdatasync(files->context, fd) < 0) {
			int number = errno;
			(void)undo(j, number, "sync of", err);
			return fail(j, err);
		}
		atomic_fetch_add_explicit(&j->syncs, 1, memory_order_relaxed);
	}
	g->segment = j->current;
	g->start = (struct embedded_position){j->current->number, j->end, j->next_seq};
	j->end += g->bytes;
	j->allocated = MAX(j->allocated, j->end);
	j->next_seq += g->count;
	return 0;
}

int embedded_group_apply(struct embedded_journal *j, struct embedded_group *g, struct err *err)
{
	if (atomic_load(&j->broken))
		return not_applied(err);
	uint64_t live = 0;
	rocksdb_writebatch_clear(j->batch);
	for (struct embedded_member *m = g->first; m; m = m->next) {
		struct embedded_record *r = m->record;
		uint64_t more;
		must(embedded_apply(j->batch, g->start.segment, m->offset, r->batch, r->places,
			r->header.blob_count, r->header.flags, &more));
		live += more;
	}
	struct embedded_position applied = {
		g->start.segment, g->start.offset + g->bytes, g->start.number + g->count};
	embedded_put_position(j->batch, applied);
	live += atomic_load(&g->segment->live);
	embedded_put_live(j->batch, g->start.segment, live);
	if (embedded_index_write(j->index, j->batch, err) < 0) {
		j->rollback = g->start;
		atomic_store(&j->broken, true);
		if (err->kind == ERR_DAMAGED)
			atomic_store(&j->index_damaged, true);
		return refuse(j);
	}
	j->applied = applied;
	atomic_store(&j->refused_ms, 0);
	atomic_store(&g->segment->live, live);
	atomic_store(&g->segment->size, applied.offset);
	atomic_fetch_add_explicit(&j->commits, g->count, memory_order_relaxed);
	atomic_fetch_add_explicit(&j->bytes_written, g->bytes, memory_order_relaxed);
	j->unflushed += g->bytes;
	if (j->unflushed >= FLUSH_AFTER) {
		j->unflushed = 0;
		/* If it fails for good the next write does too; until then replay takes longer. */
		struct err later = {0};
		if (embedded_index_flush(j->index, false, &later) < 0)
			log_warn(NULL, "key index not flushed", F_ERR(&later));
	}
	return 0;
}

void embedded_journal_cut(struct embedded_journal *j)
{
	struct err err = {0};
	uint32_t last = j->current->number;
	if (atomic_load(&j->failed))
		return;
	if (last != j->rollback.segment) {
		struct embedded_segment *to =
			embedded_segments_get(j->segments, j->rollback.segment, &err);
		if (!to) {
			(void)err_prefix(
				&err, "going back to segment %u", (unsigned)j->rollback.segment);
			(void)fail(j, &err);
			return;
		}
		embedded_segments_unref(j->segments, j->current);
		j->current = to;
		for (uint32_t number = last; number > j->rollback.segment; number--)
			if (embedded_segments_remove(j->segments, number, &err) < 0) {
				(void)fail(j, &err);
				return;
			}
	}
	if (cut_file(j, j->rollback.offset) < 0) {
		(void)err_errno(&err, errno, "cutting segment %u", (unsigned)j->current->number);
		(void)fail(j, &err);
		return;
	}
	j->next_seq = j->rollback.number;
	atomic_store(&j->broken, false);
}
