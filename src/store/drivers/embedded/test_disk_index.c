/* RocksDB's calls of the system, noted on a test disk. It is linked as a shared library, so its
 * calls come here first; those that are not about its files, and all of this program's own, just go
 * on. */
#include "store/drivers/embedded/test_disk.h"

#include "base/errno_here.h"
#include "base/must.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FDS = 1024, PATH = 256 };

/* A file of RocksDB's that is open. */
struct watched {
	char path[PATH]; /* "" when the descriptor is none */
	bool folder;
	uint64_t offset; /* of the next write() */
};

static struct {
	pthread_mutex_t lock;
	struct test_disk *disk;
	struct watched fds[FDS];
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER};

void test_disk_watch_index(struct test_disk *disk)
{
	(void)pthread_mutex_lock(&watch.lock);
	watch.disk = disk;
	memset(watch.fds, 0, sizeof(watch.fds));
	(void)pthread_mutex_unlock(&watch.lock);
}

#define REAL(name)                                                                                 \
	static __typeof__(name) *real;                                                             \
	if (!real) {                                                                               \
		void *found = dlsym(RTLD_NEXT, real_name);                                         \
		must(found);                                                                       \
		memcpy(&real, &found, sizeof(real));                                               \
	}

static bool is_of_index(const char *path)
{
	const char *keys = strstr(path, "/keys");
	if (!keys || strlen(path) >= PATH)
		return false;
	const char *name = keys + strlen("/keys");
	return *name == '\0' || (strncmp(name, "/LOG", 4) != 0 && strncmp(name, "/LOCK", 5) != 0);
}

/* The disk and the file, if this descriptor is watched. */
static struct test_disk *disk_of(int fd, struct watched *ret_file)
{
	if (fd < 0 || fd >= FDS)
		return NULL;
	(void)pthread_mutex_lock(&watch.lock);
	*ret_file = watch.fds[fd];
	struct test_disk *disk = ret_file->path[0] ? watch.disk : NULL;
	(void)pthread_mutex_unlock(&watch.lock);
	return disk;
}

static struct test_disk *disk_of_path(const char *path)
{
	if (!is_of_index(path))
		return NULL;
	(void)pthread_mutex_lock(&watch.lock);
	struct test_disk *disk = watch.disk;
	(void)pthread_mutex_unlock(&watch.lock);
	return disk;
}

static void begin(struct test_disk *disk, int fd, const char *path, int flags, bool was_there)
{
	struct stat st;
	must(fd < FDS && fstat(fd, &st) == 0);
	struct watched file = {.folder = S_ISDIR(st.st_mode),
		.offset = flags & O_APPEND ? (uint64_t)st.st_size : 0};
	(void)snprintf(file.path, sizeof(file.path), "%s", path);
	(void)pthread_mutex_lock(&watch.lock);
	watch.fds[fd] = file;
	(void)pthread_mutex_unlock(&watch.lock);
	if (flags & O_CREAT && !was_there)
		test_disk_note(disk, TEST_CREATE, path, NULL, 0, SLICE_NONE);
	if (flags & O_TRUNC && was_there)
		test_disk_note(disk, TEST_TRUNCATE, path, NULL, 0, SLICE_NONE);
}

/* The names below are the system's by their labels; in C they are others, since headers may rename
 * them. */
int index_open(const char *path, int flags, ...) __asm__("open");
int index_open(const char *path, int flags, ...)
{
	static const char real_name[] = "open";
	REAL(index_open)
	va_list arguments;
	va_start(arguments, flags);
	unsigned mode = flags & O_CREAT ? va_arg(arguments, unsigned) : 0;
	va_end(arguments);
	struct test_disk *disk = disk_of_path(path);
	bool was_there = disk && access(path, F_OK) == 0;
	int fd = real(path, flags, mode);
	if (disk && fd >= 0)
		begin(disk, fd, path, flags, was_there);
	return fd;
}

int index_close(int fd) __asm__("close");
int index_close(int fd)
{
	static const char real_name[] = "close";
	REAL(index_close)
	if (fd >= 0 && fd < FDS) {
		(void)pthread_mutex_lock(&watch.lock);
		watch.fds[fd].path[0] = '\0';
		(void)pthread_mutex_unlock(&watch.lock);
	}
	return real(fd);
}

ssize_t index_write(int fd, const void *bytes, size_t len) __asm__("write");
ssize_t index_write(int fd, const void *bytes, size_t len)
{
	static const char real_name[] = "write";
	REAL(index_write)
	struct watched file;
	struct test_disk *disk = disk_of(fd, &file);
	if (disk) {
		test_disk_note(disk, TEST_WRITE, file.path, NULL, file.offset, slice(bytes, len));
		(void)pthread_mutex_lock(&watch.lock);
		watch.fds[fd].offset += len;
		(void)pthread_mutex_unlock(&watch.lock);
	}
	return real(fd, bytes, len);
}

ssize_t index_pwrite(int fd, const void *bytes, size_t len, off_t offset) __asm__("pwrite");
ssize_t index_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	static const char real_name[] = "pwrite";
	REAL(index_pwrite)
	struct watched file;
	struct test_disk *disk = disk_of(fd, &file);
	if (disk)
		test_disk_note(
			disk, TEST_WRITE, file.path, NULL, (uint64_t)offset, slice(bytes, len));
	return real(fd, bytes, len, offset);
}

/* The system's sync is left out, as for the driver's own files. */
static bool note_sync(int fd)
{
	struct watched file;
	struct test_disk *disk = disk_of(fd, &file);
	if (disk)
		test_disk_note(disk, file.folder ? TEST_SYNC_FOLDER : TEST_SYNC, file.path, NULL, 0,
			SLICE_NONE);
	return disk != NULL;
}

int index_fsync(int fd) __asm__("fsync");
int index_fsync(int fd)
{
	static const char real_name[] = "fsync";
	REAL(index_fsync)
	return note_sync(fd) ? 0 : real(fd);
}

int index_fdatasync(int fd) __asm__("fdatasync");
int index_fdatasync(int fd)
{
	static const char real_name[] = "fdatasync";
	REAL(index_fdatasync)
	return note_sync(fd) ? 0 : real(fd);
}

int index_ftruncate(int fd, off_t len) __asm__("ftruncate");
int index_ftruncate(int fd, off_t len)
{
	static const char real_name[] = "ftruncate";
	REAL(index_ftruncate)
	struct watched file;
	struct test_disk *disk = disk_of(fd, &file);
	if (disk)
		test_disk_note(disk, TEST_TRUNCATE, file.path, NULL, (uint64_t)len, SLICE_NONE);
	return real(fd, len);
}

int index_rename(const char *from, const char *to) __asm__("rename");
int index_rename(const char *from, const char *to)
{
	static const char real_name[] = "rename";
	REAL(index_rename)
	struct test_disk *disk = disk_of_path(from);
	if (disk)
		test_disk_note(disk, TEST_RENAME, from, to, 0, SLICE_NONE);
	return real(from, to);
}

int index_unlink(const char *path) __asm__("unlink");
int index_unlink(const char *path)
{
	static const char real_name[] = "unlink";
	REAL(index_unlink)
	struct test_disk *disk = disk_of_path(path);
	if (disk)
		test_disk_note(disk, TEST_UNLINK, path, NULL, 0, SLICE_NONE);
	return real(path);
}

int index_mkdir(const char *path, mode_t mode) __asm__("mkdir");
int index_mkdir(const char *path, mode_t mode)
{
	static const char real_name[] = "mkdir";
	REAL(index_mkdir)
	struct test_disk *disk = disk_of_path(path);
	if (disk && access(path, F_OK) != 0)
		test_disk_note(disk, TEST_MKDIR, path, NULL, 0, SLICE_NONE);
	return real(path, mode);
}
