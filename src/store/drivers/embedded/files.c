/* The system's file calls, and what is built from them: whole writes, durable names, copies. */
#include "store/drivers/embedded/files.h"

#include "base/alloc.h"
#include "base/errno_here.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { COPY_STEP = 1 << 20, WRITE_STEP = 256 << 10 };

static int sys_open(void *context, const char *path, int flags, unsigned mode)
{
	return open(path, flags | O_CLOEXEC, mode);
}

static int sys_close(void *context, int fd)
{
	return close(fd);
}

static ssize_t sys_pwritev(
	void *context, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	return pwritev(fd, iov, count, (off_t)offset);
}

static int sys_fdatasync(void *context, int fd)
{
	return fdatasync(fd);
}

static int sys_fsync(void *context, int fd)
{
	return fsync(fd);
}

static int sys_fallocate(void *context, int fd, uint64_t offset, uint64_t len)
{
	return fallocate(fd, 0, (off_t)offset, (off_t)len);
}

static int sys_ftruncate(void *context, int fd, uint64_t len)
{
	return ftruncate(fd, (off_t)len);
}

static int sys_rename(void *context, const char *from, const char *to)
{
	return rename(from, to);
}

static int sys_unlink(void *context, const char *path)
{
	return unlink(path);
}

const struct embedded_files embedded_files_system = {
	.open = sys_open,
	.close = sys_close,
	.pwritev = sys_pwritev,
	.fdatasync = sys_fdatasync,
	.fsync = sys_fsync,
	.fallocate = sys_fallocate,
	.ftruncate = sys_ftruncate,
	.rename = sys_rename,
	.unlink = sys_unlink,
};

/* What one call shall write: the kernel gives the CPU to others between calls. `front` is room for
 * the first part of what is too large for one. */
static int at_once(const struct iovec **iov, size_t count, struct iovec *front)
{
	size_t len = 0, n = 0;
	while (n < MIN(count, (size_t)IOV_MAX) && len + (*iov)[n].iov_len <= WRITE_STEP)
		len += (*iov)[n++].iov_len;
	if (n > 0)
		return (int)n;
	*front = (struct iovec){(*iov)->iov_base, WRITE_STEP};
	*iov = front;
	return 1;
}

int embedded_files_write(const struct embedded_files *files, int fd, struct iovec *iov,
	size_t count, uint64_t offset)
{
	while (count) {
		struct iovec front;
		const struct iovec *now = iov;
		int now_count = at_once(&now, count, &front);
		ssize_t n = files->pwritev(files->context, fd, now, now_count, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0)
			return -1;
		offset += (uint64_t)n;
		for (size_t left = (size_t)n; count;) {
			if (left < iov->iov_len) {
				iov->iov_base = (char *)iov->iov_base + left;
				iov->iov_len -= left;
				break;
			}
			left -= iov->iov_len;
			iov++;
			count--;
		}
	}
	return 0;
}

int embedded_files_sync_folder(
	const struct embedded_files *files, const char *folder, struct err *err)
{
	int fd = files->open(files->context, folder, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_errno(err, errno, "%s", folder);
	int rc = files->fsync(files->context, fd);
	int why = errno;
	(void)files->close(files->context, fd);
	return rc < 0 ? err_errno(err, why, "sync of %s", folder) : 0;
}

int embedded_files_create(
	const struct embedded_files *files, const char *path, struct slice bytes, struct err *err)
{
	int fd = files->open(files->context, path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return err_errno(err, errno, "%s", path);
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes.ptr, .iov_len = bytes.len};
	int rc = embedded_files_write(files, fd, &iov, 1, 0);
	if (rc == 0)
		rc = files->fsync(files->context, fd);
	int why = errno;
	(void)files->close(files->context, fd);
	return rc < 0 ? err_errno(err, why, "%s", path) : 0;
}

int embedded_files_copy(const struct embedded_files *files, const char *from, const char *to,
	uint64_t len, struct err *err)
{
	AUTO_FREE char *step = alloc(COPY_STEP);
	int in = files->open(files->context, from, O_RDONLY, 0);
	if (in < 0)
		return err_errno(err, errno, "%s", from);
	int out = files->open(files->context, to, O_RDWR | O_CREAT | O_EXCL, 0600);
	int rc = out < 0 ? err_errno(err, errno, "%s", to) : 0;
	for (uint64_t at = 0; rc == 0 && at < len;) {
		ssize_t n = pread(in, step, (size_t)MIN(len - at, (uint64_t)COPY_STEP), (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			rc = err_errno(err, n < 0 ? errno : EIO, "%s", from);
			break;
		}
		struct iovec iov = {.iov_base = step, .iov_len = (size_t)n};
		if (embedded_files_write(files, out, &iov, 1, at) < 0)
			rc = err_errno(err, errno, "%s", to);
		at += (uint64_t)n;
	}
	if (rc == 0 && files->fsync(files->context, out) < 0)
		rc = err_errno(err, errno, "%s", to);
	if (out >= 0)
		(void)files->close(files->context, out);
	(void)files->close(files->context, in);
	return rc;
}
