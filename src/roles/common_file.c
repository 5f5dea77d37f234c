/* <data>/common.conf: written beside, synced, and put in its place. */
#include "roles/common_file.h"

#include "base/errno_here.h"
#include "conf/common_options.h"
#include "conf/file.h"

#include <fcntl.h>
#include <unistd.h>

static bool is_same(const char *path, struct slice text)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice there = SLICE("");
	int number = conf_file_read_all(&arena, path, &there);
	return (number == 0 || number == ENOENT) && slice_eq(there, text);
}

static int write_all(int fd, struct slice text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.ptr, text.len);
		if (n < 0 && errno != EINTR)
			return -1;
		text = slice_from(text, n > 0 ? (size_t)n : 0);
	}
	return fsync(fd);
}

static int sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -1 : fsync(fd);
	if (fd >= 0)
		(void)close(fd);
	return r;
}

int common_file_put(const char *data, struct slice text, struct err *err)
{
	char path[CONF_COMMON_PATH], next[CONF_COMMON_PATH + 8];
	if (conf_common_check(text, NULL, err) < 0)
		return -1;
	conf_common_path(data, path);
	if (is_same(path, text))
		return COMMON_FILE_SAME;
	(void)snprintf(next, sizeof(next), "%s.new", path);
	(void)unlink(next);
	int fd = open(next, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(err, errno, "can't write %s", next);
	int r = write_all(fd, text);
	if (close(fd) < 0 || r < 0 || rename(next, path) < 0 || sync_folder(data) < 0)
		return err_errno(err, errno, "can't write %s", path);
	return 0;
}
