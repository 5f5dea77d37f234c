/* A bad disk and a jumping clock, put between a program and libc by LD_PRELOAD.
 *
 * Orders are a file that is mapped when the program is loaded, since it may open nothing later:
 * whoever runs the test changes them while the program runs (tests/lib/faults.py knows the same
 * layout). Calls on files whose path begins with `below` fail as ordered; all others, and every
 * call without an order, go straight to the kernel. Only programs of the given name are meant, so
 * that the shell and the interpreter between test and program stay whole. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind {
	CREATE = 1 << 0, /* open that makes a file */
	WRITE = 1 << 1,
	ALLOCATE = 1 << 2,
	SYNC = 1 << 3,
	RENAME = 1 << 4,
	TRUNCATE = 1 << 5,
	HINT = 1 << 6, /* sync_file_range, which promises nothing */
};

enum { BELOW_SIZE = 512, LONG_AFTER = 10 * 365 * 86400 };

struct orders {
	_Atomic int64_t shift; /* seconds that the wall clock is off */
	_Atomic uint64_t hits; /* calls that were made to fail */
	_Atomic uint32_t kinds;
	_Atomic int32_t number; /* the errno; 0: a write does not fail but ends short */
	_Atomic int32_t left;   /* calls to fail; negative: until told otherwise */
	_Atomic int32_t skip;   /* calls that still succeed before */
	char below[BELOW_SIZE];
};
_Static_assert(sizeof(struct orders) == 32 + BELOW_SIZE, "as tests/lib/faults.py writes it");

static struct orders nothing, *orders = &nothing;
static int (*real_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

__attribute__((constructor)) static void map_orders(void)
{
	const char *path = getenv("ROOKERY_FAULTS");
	*(void **)&real_timedwait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
	if (!path || strcmp(program_invocation_short_name, "rookery") != 0)
		return;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		abort();
	void *map = mmap(NULL, sizeof(*orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		abort();
	(void)close(fd);
	orders = map;
}

static bool is_below(const char *path)
{
	return strncmp(path, orders->below, strlen(orders->below)) == 0;
}

/* Is it one of the calls that fail? Counts it then, and sets errno. */
static bool refuse(void)
{
	int32_t left = atomic_load(&orders->left), skip = atomic_load(&orders->skip);
	while (skip > 0)
		if (atomic_compare_exchange_weak(&orders->skip, &skip, skip - 1))
			return false;
	while (left != 0) {
		if (left > 0 && !atomic_compare_exchange_weak(&orders->left, &left, left - 1))
			continue;
		atomic_fetch_add(&orders->hits, 1);
		errno = atomic_load(&orders->number);
		return true;
	}
	return false;
}

static bool wanted(enum kind kind)
{
	return (atomic_load(&orders->kinds) & kind) && atomic_load(&orders->left) != 0;
}

static bool file_fails(enum kind kind, int fd)
{
	char link[64], path[BELOW_SIZE];
	if (!wanted(kind))
		return false;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = '\0';
	return is_below(path) && refuse();
}

static bool path_fails(enum kind kind, int folder, const char *path)
{
	if (!wanted(kind))
		return false;
	if (path[0] == '/' || folder == AT_FDCWD)
		return is_below(path) && refuse();
	return file_fails(kind, folder);
}

static int open_at(int folder, const char *path, int flags, va_list args)
{
	bool unnamed = (flags & O_TMPFILE) == O_TMPFILE, may_make = unnamed || (flags & O_CREAT);
	unsigned mode = may_make ? va_arg(args, unsigned) : 0;
	bool makes = unnamed || (may_make && faccessat(folder, path, F_OK, 0) < 0);
	if (makes && path_fails(CREATE, folder, path))
		return -1;
	return (int)syscall(SYS_openat, folder, path, flags, mode);
}

#define OPEN(name)                                                                                 \
	int name(const char *path, int flags, ...);                                                \
	int name(const char *path, int flags, ...)                                                 \
	{                                                                                          \
		va_list args;                                                                      \
		va_start(args, flags);                                                             \
		int fd = open_at(AT_FDCWD, path, flags, args);                                     \
		va_end(args);                                                                      \
		return fd;                                                                         \
	}
#define OPENAT(name)                                                                               \
	int name(int folder, const char *path, int flags, ...);                                    \
	int name(int folder, const char *path, int flags, ...)                                     \
	{                                                                                          \
		va_list args;                                                                      \
		va_start(args, flags);                                                             \
		int fd = open_at(folder, path, flags, args);                                       \
		va_end(args);                                                                      \
		return fd;                                                                         \
	}
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* A write: fails as ordered, or writes the first half, or is the system call of that name. Of
 * several pieces the half is that of the first which is not empty. */
#define WRITING(name, number, parameters, ...)                                                     \
	ssize_t name parameters;                                                                   \
	ssize_t name parameters                                                                    \
	{                                                                                          \
		if (!file_fails(WRITE, fd))                                                        \
			return syscall(number, fd, data, len, ##__VA_ARGS__);                      \
		return errno ? -1 : syscall(number, fd, data, (len + 1) / 2, ##__VA_ARGS__);       \
	}
#define WRITING_PIECES(name, number, parameters, ...)                                              \
	ssize_t name parameters;                                                                   \
	ssize_t name parameters                                                                    \
	{                                                                                          \
		struct iovec half;                                                                 \
		if (!file_fails(WRITE, fd))                                                        \
			return syscall(number, fd, pieces, count, ##__VA_ARGS__);                  \
		if (errno)                                                                         \
			return -1;                                                                 \
		for (; count > 1 && pieces->iov_len == 0; count--)                                 \
			pieces++;                                                                  \
		half = (struct iovec){pieces->iov_base, (pieces->iov_len + 1) / 2};                \
		return syscall(number, fd, &half, 1, ##__VA_ARGS__);                               \
	}
WRITING(write, SYS_write, (int fd, const void *data, size_t len))
WRITING(pwrite, SYS_pwrite64, (int fd, const void *data, size_t len, off_t at), at)
WRITING(pwrite64, SYS_pwrite64, (int fd, const void *data, size_t len, off_t at), at)
WRITING_PIECES(writev, SYS_writev, (int fd, const struct iovec *pieces, int count))
WRITING_PIECES(
	pwritev, SYS_pwritev, (int fd, const struct iovec *pieces, int count, off_t at), at, 0)
WRITING_PIECES(
	pwritev64, SYS_pwritev, (int fd, const struct iovec *pieces, int count, off_t at), at, 0)

/* Another call on one open file: fails as ordered, or is the system call of that name. */
#define ON_FILE(kind, type, name, number, parameters, ...)                                         \
	type name parameters;                                                                      \
	type name parameters                                                                       \
	{                                                                                          \
		return file_fails(kind, fd) ? -1 : (type)syscall(number, fd, ##__VA_ARGS__);       \
	}
ON_FILE(ALLOCATE, int, fallocate, SYS_fallocate, (int fd, int mode, off_t at, off_t len), mode, at,
	len)
ON_FILE(ALLOCATE, int, fallocate64, SYS_fallocate, (int fd, int mode, off_t at, off_t len), mode,
	at, len)
ON_FILE(SYNC, int, fsync, SYS_fsync, (int fd))
ON_FILE(SYNC, int, fdatasync, SYS_fdatasync, (int fd))
ON_FILE(HINT, int, sync_file_range, SYS_sync_file_range,
	(int fd, off_t at, off_t len, unsigned flags), at, len, flags)
ON_FILE(TRUNCATE, int, ftruncate, SYS_ftruncate, (int fd, off_t len), len)
ON_FILE(TRUNCATE, int, ftruncate64, SYS_ftruncate, (int fd, off_t len), len)

int rename(const char *from, const char *to)
{
	if (path_fails(RENAME, AT_FDCWD, to))
		return -1;
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int clock_gettime(clockid_t which, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, which, ret);
	if (r == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
		ret->tv_sec += atomic_load_explicit(&orders->shift, memory_order_relaxed);
	return r;
}

time_t time(time_t *ret)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	ret->tv_sec = now.tv_sec;
	ret->tv_usec = now.tv_nsec / 1000;
	return 0;
}

/* The kernel knows nothing of the shift: a moment of the wall clock is turned back into its own.
 * Which clock a condition uses can't be asked; a machine that is up for ten years less than the
 * years since 1970 tells them apart. */
int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict lock,
	const struct timespec *restrict until)
{
	struct timespec end = *until, up;
	(void)clock_gettime(CLOCK_MONOTONIC, &up);
	if (end.tv_sec > up.tv_sec + LONG_AFTER)
		end.tv_sec -= atomic_load(&orders->shift);
	return real_timedwait(cond, lock, &end);
}
