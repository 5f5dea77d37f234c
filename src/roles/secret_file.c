/* The first line of a file. */
#include "roles/secret_file.h"

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

void secret_file_free(char **local)
{
	if (*local)
		explicit_bzero(*local, strlen(*local));
	free(*local);
	*local = NULL;
}
