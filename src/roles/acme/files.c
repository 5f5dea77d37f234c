/* A file is written beside its place and moved there, so that who reads it finds a whole one. */
#include "roles/acme/host_internal.h"

#include "base/errno_here.h"
#include "base/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = ACME_CHAIN_MAX + ACME_KEY_PEM_MAX };

/* What is there; empty when nothing is, or it can't be read. */
static void read_file(const char *path, struct buf *to)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;
	while (fd >= 0 && n > 0) {
		char *room = buf_reserve(to, 4096);
		n = room ? read(fd, room, 4096) : 0;
		to->len += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		(void)close(fd);
}

static bool write_all(int fd, struct slice text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.ptr, text.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text = slice_from(text, (size_t)n);
	}
	return fsync(fd) == 0;
}

static int sync_folder(const char *folder, struct err *err)
{
	int fd = open(folder, O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		(void)close(fd);
	return good ? 0 : err_errno(err, errno, "can't sync %s", folder);
}

static int write_file(
	const struct acme_host *host, const char *path, struct slice text, struct err *err)
{
	char beside[ACME_PATH_MAX + 8];
	(void)snprintf(beside, sizeof(beside), "%s.new", path);
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	bool good = fd >= 0 && fchmod(fd, 0640) == 0 && write_all(fd, text);
	if (fd >= 0)
		(void)close(fd);
	if (!good || rename(beside, path) < 0)
		return err_errno(err, errno, "can't write %s", path);
	return sync_folder(host->folder, err);
}

/* Adds to *changed when the file was another one. */
static int write_one(
	struct acme_host *host, const struct acme_plan *plan, bool *changed, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf wanted = BUF(FILE_MAX), there = BUF(FILE_MAX);
	char path[ACME_PATH_MAX];
	struct acme_row row;
	if (acme_worker_load(host, plan, &arena, &row, err) < 0)
		return -1;
	if (row.chain.len == 0)
		return 0;
	acme_path(host->role->settings, plan, path);
	buf_add_slice(&wanted, row.key);
	buf_add_slice(&wanted, row.chain);
	read_file(path, &there);
	int r = 0;
	if (!slice_eq(buf_slice(&wanted), buf_slice(&there))) {
		r = write_file(host, path, buf_slice(&wanted), err);
		*changed |= r == 0;
	}
	explicit_bzero(wanted.data, wanted.len);
	if (there.data)
		explicit_bzero(there.data, there.len);
	return r;
}

int acme_files_write(struct acme_host *host, struct err *err)
{
	bool changed = false;
	int r = 0;
	for (size_t i = 0; i < host->plans.count && r == 0; i++)
		r = write_one(host, &host->plans.list[i], &changed, err);
	if (changed)
		role_tell(host->role, json_pack("{s:b}", "certificates_changed", 1));
	return r;
}
