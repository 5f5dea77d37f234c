/* <data>/common.conf, as the supervisor keeps it (conf/common_options.h). */
#ifndef ROLES_COMMON_FILE_H
#define ROLES_COMMON_FILE_H

#include "base/err.h"

enum { COMMON_FILE_SAME = 1 };

/* Puts the text there, whole or not at all. COMMON_FILE_SAME: it was there already. Negative: it
 * may not be common, or can't be written; what was there stays. */
int common_file_put(const char *data, struct slice text, struct err *err) WARN_UNUSED;

#endif
