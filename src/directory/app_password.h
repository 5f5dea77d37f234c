/* App passwords: made by us, 20 letters of a-z2-7 (100 random bits) in groups of five. */
#ifndef DIRECTORY_APP_PASSWORD_H
#define DIRECTORY_APP_PASSWORD_H

#include "directory/rows.h"

/* Appends a new password to `ret_password` and fills salt and digest of the row. */
void directory_app_password_make(struct directory_app_password_row *row, struct buf *ret_password);
/* Blanks, dashes and case of what was typed do not count. */
WARN_UNUSED bool directory_app_password_matches(
	const struct directory_app_password_row *row, struct slice password);

#endif
