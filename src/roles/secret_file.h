/* A password or key that stands in a file of its own, so that the config can be shown to others. */
#ifndef ROLES_SECRET_FILE_H
#define ROLES_SECRET_FILE_H

#include "base/err.h"

enum { SECRET_FILE_MAX = 1024 };

/* The file's first line, without its end; not empty. To be freed by secret_file_free(). The text of
 * an error names the file and has nothing out of it. */
int secret_file_read(const char *path, char **ret_secret, struct err *err) WARN_UNUSED;
/* A whole file of at most `max` bytes, which must have some and no NUL; the rest as above. */
int secret_file_read_all(
	const char *path, size_t max, char **ret_text, struct err *err) WARN_UNUSED;
/* Wiped; for AUTO(). */
void secret_file_free(char **local);

#endif
