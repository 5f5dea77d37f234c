/* The first line of a file. */
#include "roles/secret_file.h"

#include "base/alloc.h"
#include "base/errno_here.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int secret_file_read(const char *path, char **ret_secret, struct err *err)
{
	char text[SECRET_FILE_MAX + 2];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "can't open %s", path);
	ssize_t n = read(fd, text, sizeof(text));
	int number = errno;
	(void)close(fd);
	if (n < 0)
		return err_errno(err, number, "can't read %s", path);
	struct slice rest = slice(text, (size_t)n);
	struct slice line = slice_trim(slice_cut(&rest, '\n'));
	int r = 0;
	if (line.len == 0 || line.len > SECRET_FILE_MAX)
		r = err_permanent(err, ERR_BAD_INPUT,
			"the first line of %s must have 1 to %d bytes", path, SECRET_FILE_MAX);
	else
		*ret_secret = slice_dup(line);
	explicit_bzero(text, sizeof(text));
	return r;
}

/* Until the end, or until `size` bytes are there. Negative: errno. */
static ssize_t read_whole(int fd, char *to, size_t size)
{
	size_t len = 0;
	ssize_t n = 1;
	while (len < size && (n = read(fd, to + len, size - len)) > 0)
		len += (size_t)n;
	return n < 0 ? -1 : (ssize_t)len;
}

int secret_file_read_all(const char *path, size_t max, char **ret_text, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "can't open %s", path);
	char *text = alloc_zero(1, max + 2);
	ssize_t n = read_whole(fd, text, max + 1);
	int number = errno;
	(void)close(fd);
	if (n > 0 && (size_t)n <= max && strlen(text) == (size_t)n) {
		*ret_text = text;
		return 0;
	}
	explicit_bzero(text, max + 2);
	free(text);
	return n < 0 ? err_errno(err, number, "can't read %s", path)
		     : err_permanent(err, ERR_BAD_INPUT, "%s must have 1 to %zu bytes, and no NUL",
			       path, max);
}

void secret_file_free(char **local)
{
	if (*local)
		explicit_bzero(*local, strlen(*local));
	free(*local);
	*local = NULL;
}
