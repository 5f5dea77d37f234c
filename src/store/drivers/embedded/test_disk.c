/* A recording disk. Names follow the calls when they are synced with their folder or, with
 * TEST_KEPT, at once. A torn write leaves any of its 512-byte sectors where the file had its space
 * already (segments), and a file that grew while it was written (RocksDB's) ends somewhere. */
#include "store/drivers/embedded/test_disk.h"

#include "base/alloc.h"
#include "base/errno_here.h"
#include "base/must.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FDS = 1024, SECTOR = 512, CUT_MAX = 64 };

struct call {
	enum test_call kind;
	char *path, *to;
	uint64_t offset; /* or length */
	char *bytes;
	size_t len;
	size_t synced_by; /* the first call that makes it sure; SIZE_MAX: none */
};

struct test_disk {
	struct embedded_files files;
	pthread_mutex_t lock;
	struct call *calls;
	size_t count, cap;
	char *path_of[FDS];
	bool folder[FDS];
	size_t settled; /* calls whose synced_by is known: all, once nothing is recorded any more */
};

static void note(struct test_disk *d, struct call call)
{
	if (d->count == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 256;
		d->calls = alloc_resize(d->calls, d->cap, sizeof(*d->calls));
	}
	d->calls[d->count++] = call;
}

static char *copy(const char *text)
{
	return slice_dup(slice_str(text));
}

void test_disk_note(struct test_disk *d, enum test_call kind, const char *path, const char *to,
	uint64_t number, struct slice bytes)
{
	(void)pthread_mutex_lock(&d->lock);
	note(d, (struct call){.kind = kind,
			.path = copy(path),
			.to = to ? copy(to) : NULL,
			.offset = number,
			.bytes = bytes.len ? slice_dup(bytes) : NULL,
			.len = bytes.len});
	(void)pthread_mutex_unlock(&d->lock);
}

static int disk_open(void *context, const char *path, int flags, unsigned mode)
{
	struct test_disk *d = context;
	(void)pthread_mutex_lock(&d->lock);
	int fd = embedded_files_system.open(NULL, path, flags, mode), why = errno;
	if (fd >= 0) {
		must(fd < FDS);
		d->path_of[fd] = copy(path);
		d->folder[fd] = (flags & O_DIRECTORY) != 0;
		if (flags & O_CREAT)
			note(d, (struct call){.kind = TEST_CREATE, .path = copy(path)});
	}
	(void)pthread_mutex_unlock(&d->lock);
	errno = why;
	return fd;
}

static int disk_close(void *context, int fd)
{
	struct test_disk *d = context;
	(void)pthread_mutex_lock(&d->lock);
	free(d->path_of[fd]);
	d->path_of[fd] = NULL;
	int rc = close(fd);
	(void)pthread_mutex_unlock(&d->lock);
	return rc;
}

static ssize_t disk_pwritev(
	void *context, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	struct test_disk *d = context;
	size_t len = 0, at = 0;
	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	struct call call = {
		.kind = TEST_WRITE, .offset = offset, .len = len, .bytes = alloc(len + 1)};
	for (int i = 0; i < count; i++) {
		memcpy(call.bytes + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	(void)pthread_mutex_lock(&d->lock);
	call.path = copy(d->path_of[fd]);
	note(d, call);
	(void)pthread_mutex_unlock(&d->lock);
	return embedded_files_system.pwritev(NULL, fd, iov, count, offset);
}

static int note_on_fd(struct test_disk *d, int fd, enum test_call kind, uint64_t number)
{
	(void)pthread_mutex_lock(&d->lock);
	if (kind == TEST_SYNC && d->folder[fd])
		kind = TEST_SYNC_FOLDER;
	note(d, (struct call){.kind = kind, .path = copy(d->path_of[fd]), .offset = number});
	(void)pthread_mutex_unlock(&d->lock);
	return 0;
}

/* The system's sync is left out: nothing is lost while the machine runs, and tests are many. */
static int disk_sync(void *context, int fd)
{
	return note_on_fd(context, fd, TEST_SYNC, 0);
}

static int disk_fallocate(void *context, int fd, uint64_t offset, uint64_t len)
{
	(void)note_on_fd(context, fd, TEST_ALLOCATE, offset + len);
	return embedded_files_system.fallocate(NULL, fd, offset, len);
}

static int disk_ftruncate(void *context, int fd, uint64_t len)
{
	(void)note_on_fd(context, fd, TEST_TRUNCATE, len);
	return ftruncate(fd, (off_t)len);
}

static int disk_rename(void *context, const char *from, const char *to)
{
	struct test_disk *d = context;
	(void)pthread_mutex_lock(&d->lock);
	note(d, (struct call){.kind = TEST_RENAME, .path = copy(from), .to = copy(to)});
	(void)pthread_mutex_unlock(&d->lock);
	return rename(from, to);
}

static int disk_unlink(void *context, const char *path)
{
	struct test_disk *d = context;
	(void)pthread_mutex_lock(&d->lock);
	note(d, (struct call){.kind = TEST_UNLINK, .path = copy(path)});
	(void)pthread_mutex_unlock(&d->lock);
	return unlink(path);
}

struct test_disk *test_disk_new(void)
{
	struct test_disk *d = ALLOC(struct test_disk);
	(void)pthread_mutex_init(&d->lock, NULL);
	d->files = (struct embedded_files){
		.context = d,
		.open = disk_open,
		.close = disk_close,
		.pwritev = disk_pwritev,
		.fdatasync = disk_sync,
		.fsync = disk_sync,
		.fallocate = disk_fallocate,
		.ftruncate = disk_ftruncate,
		.rename = disk_rename,
		.unlink = disk_unlink,
	};
	return d;
}

void test_disk_free(struct test_disk *d)
{
	for (size_t i = 0; i < d->count; i++) {
		free(d->calls[i].path);
		free(d->calls[i].to);
		free(d->calls[i].bytes);
	}
	free(d->calls);
	(void)pthread_mutex_destroy(&d->lock);
	free(d);
}

const struct embedded_files *test_disk_files(struct test_disk *d)
{
	return &d->files;
}

size_t test_disk_calls(struct test_disk *d)
{
	(void)pthread_mutex_lock(&d->lock);
	size_t count = d->count;
	(void)pthread_mutex_unlock(&d->lock);
	return count;
}

struct building {
	struct test_disk *disk;
	size_t calls;
	enum test_crash crash;
	uint64_t random;
	const char *root, *folder;
	const char *cut[CUT_MAX]; /* files that end where a write was torn */
	size_t cut_count;
};

static bool coin(struct building *b)
{
	b->random = b->random * 6364136223846793005u + 1442695040888963407u;
	return b->random >> 40 & 1;
}

static char *moved_path(const struct building *b, const char *path)
{
	struct slice rest = slice_str(path);
	must(slice_starts(rest, slice_str(b->root)));
	rest = slice_from(rest, strlen(b->root));
	size_t size = strlen(b->folder) + rest.len + 1;
	char *moved = alloc(size);
	(void)snprintf(moved, size, "%s%.*s", b->folder, SLICE_ARG(rest));
	return moved;
}

static bool in_folder(const char *path, const char *folder)
{
	size_t len = strlen(folder);
	return strncmp(path, folder, len) == 0 && path[len] == '/' && !strchr(path + len + 1, '/');
}

/* The call that makes call i certain to be on the disk. */
static size_t synced_by(const struct test_disk *d, size_t i)
{
	const struct call *c = &d->calls[i];
	bool names = c->kind == TEST_CREATE || c->kind == TEST_RENAME || c->kind == TEST_UNLINK;
	for (size_t k = i + 1; k < d->count; k++) {
		const struct call *s = &d->calls[k];
		if (names ? s->kind == TEST_SYNC_FOLDER && in_folder(c->path, s->path)
			  : s->kind == TEST_SYNC && strcmp(s->path, c->path) == 0)
			return k;
	}
	return SIZE_MAX;
}

static void settle(struct test_disk *d)
{
	for (; d->settled < d->count; d->settled++)
		d->calls[d->settled].synced_by = synced_by(d, d->settled);
}

/* Of a file that grew while it was written, the disk has a beginning. */
static bool grew(const char *path)
{
	return strstr(path, "/keys/") != NULL;
}

static bool is_cut(struct building *b, const char *path)
{
	for (size_t i = 0; i < b->cut_count; i++)
		if (strcmp(b->cut[i], path) == 0)
			return true;
	return false;
}

/* A write to such a file that was not synced: whole, in part, or not at all; behind the first that
 * is not whole there is nothing. */
static size_t torn_len(struct building *b, const struct call *c)
{
	if (is_cut(b, c->path))
		return 0;
	if (coin(b))
		return c->len;
	must(b->cut_count < CUT_MAX);
	b->cut[b->cut_count++] = c->path;
	return coin(b) ? c->len / 2 : 0;
}

static void write_sectors(struct building *b, int fd, const struct call *c, bool whole)
{
	size_t len = whole || !grew(c->path) ? c->len : torn_len(b, c);
	whole = whole || grew(c->path);
	for (size_t at = 0; at < len;) {
		size_t step = MIN(SECTOR - (c->offset + at) % SECTOR, len - at);
		if (whole || coin(b))
			must(pwrite(fd, c->bytes + at, step, (off_t)(c->offset + at)) ==
				(ssize_t)step);
		at += step;
	}
}

static void grow(int fd, uint64_t len)
{
	off_t now = lseek(fd, 0, SEEK_END);
	if ((uint64_t)now < len)
		must(ftruncate(fd, (off_t)len) == 0);
}

static void redo(struct building *b, const struct call *c, bool whole)
{
	char *path = moved_path(b, c->path);
	int fd = -1;
	if (c->kind == TEST_RENAME) {
		char *to = moved_path(b, c->to);
		(void)rename(path, to);
		free(to);
	} else if (c->kind == TEST_UNLINK) {
		(void)unlink(path);
	} else if (c->kind == TEST_MKDIR) {
		(void)mkdir(path, 0700);
	} else {
		/* Without its name the file is not there. */
		fd = open(path, O_RDWR | (c->kind == TEST_CREATE ? O_CREAT : 0), 0600);
	}
	if (fd >= 0 && c->kind == TEST_WRITE)
		write_sectors(b, fd, c, whole);
	if (fd >= 0 && c->kind == TEST_ALLOCATE)
		grow(fd, c->offset);
	if (fd >= 0 && c->kind == TEST_TRUNCATE)
		must(ftruncate(fd, (off_t)c->offset) == 0);
	if (fd >= 0)
		(void)close(fd);
	free(path);
}

void test_disk_build(struct test_disk *d, size_t calls, enum test_crash crash, uint64_t seed,
	const char *root, const char *folder)
{
	struct building b = {.disk = d,
		.calls = calls,
		.crash = crash,
		.random = seed * 2 + 1,
		.root = root,
		.folder = folder};
	settle(d);
	for (size_t i = 0; i < calls; i++) {
		const struct call *c = &d->calls[i];
		if (c->kind == TEST_SYNC || c->kind == TEST_SYNC_FOLDER)
			continue;
		if (c->synced_by < calls || crash == TEST_KEPT || c->kind == TEST_MKDIR)
			redo(&b, c, true);
		else if (crash == TEST_TORN && (c->kind == TEST_WRITE || coin(&b)))
			redo(&b, c, false);
	}
}
