/* The file system calls of the journal, as a table: every byte that the embedded driver writes
 * outside RocksDB goes through one of these, so that a test can record, fail or cut off each. */
#ifndef STORE_DRIVERS_EMBEDDED_FILES_H
#define STORE_DRIVERS_EMBEDDED_FILES_H

#include "base/err.h"

#include <sys/uio.h>

/* Each behaves as the system call of its name: -1 and errno on failure. Paths are absolute or
 * relative to the working folder. */
struct embedded_files {
	void *context;
	int (*open)(void *context, const char *path, int flags, unsigned mode);
	int (*close)(void *context, int fd);
	ssize_t (*pwritev)(
		void *context, int fd, const struct iovec *iov, int count, uint64_t offset);
	int (*fdatasync)(void *context, int fd);
	int (*fsync)(void *context, int fd);
	int (*fallocate)(void *context, int fd, uint64_t offset, uint64_t len);
	int (*ftruncate)(void *context, int fd, uint64_t len);
	int (*rename)(void *context, const char *from, const char *to);
	int (*unlink)(void *context, const char *path);
};

extern const struct embedded_files embedded_files_system;

/* Writes all of it, however many calls that takes; changes *iov. 0, or -1 and errno. */
int embedded_files_write(const struct embedded_files *files, int fd, struct iovec *iov,
	size_t count, uint64_t offset) WARN_UNUSED;
/* Makes the names in a folder durable. */
int embedded_files_sync_folder(
	const struct embedded_files *files, const char *folder, struct err *err) WARN_UNUSED;
/* A new file with these bytes, durable once its folder is synced. */
int embedded_files_create(const struct embedded_files *files, const char *path, struct slice bytes,
	struct err *err) WARN_UNUSED;
/* Copies the first `len` bytes of a file to a new one and syncs it. */
int embedded_files_copy(const struct embedded_files *files, const char *from, const char *to,
	uint64_t len, struct err *err) WARN_UNUSED;

#endif
