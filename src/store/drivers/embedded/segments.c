/* The set of segment files: found at start, opened when first used, removed when nothing in them is
 * needed and nobody reads them. */
#include "store/drivers/embedded/segments.h"

#include "base/alloc.h"
#include "base/errno_here.h"
#include "base/must.h"
#include "store/drivers/embedded/record.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

void embedded_segment_name(uint32_t number, char to[EMBEDDED_SEGMENT_NAME])
{
	(void)snprintf(to, EMBEDDED_SEGMENT_NAME, "%010u.seg", (unsigned)number);
}

char *embedded_segment_path(const char *folder, uint32_t number)
{
	char name[EMBEDDED_SEGMENT_NAME];
	embedded_segment_name(number, name);
	size_t size = strlen(folder) + sizeof(name) + 2;
	char *path = alloc(size);
	(void)snprintf(path, size, "%s/%s", folder, name);
	return path;
}

/* 0 when the name is not one of a segment's. */
static uint32_t number_of(const char *name)
{
	char own[EMBEDDED_SEGMENT_NAME];
	uint64_t number;
	struct slice digits = slice_str(name);
	if (!slice_ends(digits, SLICE(".seg")))
		return 0;
	digits.len -= 4;
	if (!slice_to_u64(digits, UINT32_MAX, &number))
		return 0;
	embedded_segment_name((uint32_t)number, own);
	return slice_eq(slice_str(own), slice_str(name)) ? (uint32_t)number : 0;
}

/* Inserts in order; the set's reference is the first one. The lock is held or not needed yet. */
static struct embedded_segment *insert(
	struct embedded_segments *set, uint32_t number, int fd, uint64_t size)
{
	struct embedded_segment *segment = ALLOC(struct embedded_segment);
	segment->number = number;
	atomic_init(&segment->fd, fd);
	atomic_init(&segment->refs, 1);
	atomic_init(&segment->size, size);
	atomic_init(&segment->live, 0);
	if (set->count == set->cap) {
		set->cap = set->cap ? set->cap * 2 : 16;
		set->list = alloc_resize(set->list, set->cap, sizeof(*set->list));
	}
	size_t at = set->count;
	while (at > 0 && set->list[at - 1]->number > number) {
		set->list[at] = set->list[at - 1];
		at--;
	}
	set->list[at] = segment;
	set->count++;
	return segment;
}

/* Position of a segment in the list, or -1. The lock is held. */
static ssize_t position(const struct embedded_segments *set, uint32_t number)
{
	size_t low = 0, high = set->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->list[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && set->list[low]->number == number ? (ssize_t)low : -1;
}

int embedded_segments_init(struct embedded_segments *set, const struct embedded_files *files,
	const char *folder, uint64_t tag, struct err *err)
{
	*set = (struct embedded_segments){.files = files, .tag = tag};
	DIR *dir = opendir(folder);
	if (!dir)
		return err_errno(err, errno, "%s", folder);
	int rc = 0;
	(void)pthread_rwlock_init(&set->lock, NULL);
	set->folder = slice_dup(slice_str(folder));
	for (struct dirent *entry; rc == 0 && (entry = readdir(dir));) {
		uint32_t number = number_of(entry->d_name);
		struct stat st;
		if (number == 0)
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, 0) < 0)
			rc = err_errno(err, errno, "%s/%s", folder, entry->d_name);
		else
			(void)insert(set, number, -1, (uint64_t)st.st_size);
	}
	(void)closedir(dir);
	if (rc < 0)
		embedded_segments_free(set);
	return rc;
}

void embedded_segments_free(struct embedded_segments *set)
{
	if (!set->folder)
		return;
	for (size_t i = 0; i < set->count; i++) {
		must(atomic_load(&set->list[i]->refs) == 1);
		embedded_segments_unref(set, set->list[i]);
	}
	free(set->list);
	free(set->folder);
	(void)pthread_rwlock_destroy(&set->lock);
	*set = (struct embedded_segments){0};
}

int embedded_segments_open_file(
	struct embedded_segments *set, struct embedded_segment *segment, struct err *err)
{
	if (atomic_load_explicit(&segment->fd, memory_order_acquire) >= 0)
		return 0;
	AUTO_FREE char *path = embedded_segment_path(set->folder, segment->number);
	int fd = set->files->open(set->files->context, path, O_RDWR, 0), none = -1;
	if (fd < 0)
		return err_errno(err, errno, "%s", path);
	if (!atomic_compare_exchange_strong(&segment->fd, &none, fd))
		(void)set->files->close(set->files->context, fd);
	return 0;
}

struct embedded_segment *embedded_segments_find(struct embedded_segments *set, uint32_t number)
{
	(void)pthread_rwlock_rdlock(&set->lock);
	ssize_t at = position(set, number);
	struct embedded_segment *segment = at < 0 ? NULL : set->list[at];
	if (segment)
		atomic_fetch_add(&segment->refs, 1);
	(void)pthread_rwlock_unlock(&set->lock);
	return segment;
}

struct embedded_segment *embedded_segments_get(
	struct embedded_segments *set, uint32_t number, struct err *err)
{
	struct embedded_segment *segment = embedded_segments_find(set, number);
	if (segment && embedded_segments_open_file(set, segment, err) < 0) {
		embedded_segments_unref(set, segment);
		segment = NULL;
	}
	return segment;
}

void embedded_segments_unref(struct embedded_segments *set, struct embedded_segment *segment)
{
	if (atomic_fetch_sub(&segment->refs, 1) > 1)
		return;
	int fd = atomic_load(&segment->fd);
	if (fd >= 0)
		(void)set->files->close(set->files->context, fd);
	free(segment);
}

int embedded_segments_create(struct embedded_segments *set, uint32_t number,
	struct embedded_segment **ret_segment, struct err *err)
{
	char header[EMBEDDED_SEGMENT_HEADER];
	embedded_segment_header_write(number, set->tag, header);
	AUTO_FREE char *path = embedded_segment_path(set->folder, number);
	if (embedded_files_create(set->files, path, slice(header, sizeof(header)), err) < 0 ||
		embedded_files_sync_folder(set->files, set->folder, err) < 0) {
		/* Without records it means nothing: the next start removes it. */
		(void)set->files->unlink(set->files->context, path);
		return -1;
	}
	(void)pthread_rwlock_wrlock(&set->lock);
	struct embedded_segment *segment = insert(set, number, -1, sizeof(header));
	atomic_fetch_add(&segment->refs, 1);
	(void)pthread_rwlock_unlock(&set->lock);
	int rc = embedded_segments_open_file(set, segment, err);
	if (rc < 0) {
		embedded_segments_unref(set, segment);
		if (embedded_segments_remove(set, number, NULL) < 0)
			(void)err_prefix(err, "and segment %u stays, empty", (unsigned)number);
		return rc;
	}
	*ret_segment = segment;
	return 0;
}

int embedded_segments_remove(struct embedded_segments *set, uint32_t number, struct err *err)
{
	AUTO_FREE char *path = embedded_segment_path(set->folder, number);
	if (set->files->unlink(set->files->context, path) < 0 && errno != ENOENT)
		return err_errno(err, errno, "%s", path);
	(void)pthread_rwlock_wrlock(&set->lock);
	ssize_t at = position(set, number);
	struct embedded_segment *segment = at < 0 ? NULL : set->list[at];
	if (segment) {
		set->count--;
		memmove(set->list + at, set->list + at + 1,
			(set->count - (size_t)at) * sizeof(*set->list));
	}
	(void)pthread_rwlock_unlock(&set->lock);
	if (segment)
		embedded_segments_unref(set, segment);
	return 0;
}

struct embedded_segment **embedded_segments_all(struct embedded_segments *set, size_t *ret_count)
{
	(void)pthread_rwlock_rdlock(&set->lock);
	struct embedded_segment **all =
		alloc((set->count ? set->count : 1) * sizeof(struct embedded_segment *));
	for (size_t i = 0; i < set->count; i++) {
		all[i] = set->list[i];
		atomic_fetch_add(&all[i]->refs, 1);
	}
	*ret_count = set->count;
	(void)pthread_rwlock_unlock(&set->lock);
	return all;
}
