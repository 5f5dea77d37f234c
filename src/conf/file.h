/* Reading a config file with what it includes: `include "glob";` stands for the statements of the
 * files that match, in the order of their names; relative to the folder of the including file. A
 * name without * ? [ must exist, a pattern may match nothing. */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include "conf/parse.h"

enum {
	CONF_INCLUDE_DEPTH_MAX = 8,
	CONF_FILES_MAX = 256,
};

/* All is made in `arena`. A file that can't be read at all is ERR_TEMPORARY in faults->err; faults
 * in one are counted in `faults`. Negative in both cases. */
int conf_file_read(struct arena *arena, const char *path, struct conf_faults *faults,
	struct conf_node **ret_first) WARN_UNUSED;
/* The same for text that is at hand already. */
int conf_file_from_text(struct arena *arena, const char *name, struct slice text,
	struct conf_faults *faults, struct conf_node **ret_first) WARN_UNUSED;

/* The bytes of one file, in `arena`. 0, or an errno; EFBIG when it is larger than a config file may
 * be. */
int conf_file_read_all(struct arena *arena, const char *path, struct slice *ret_text) WARN_UNUSED;

#endif
