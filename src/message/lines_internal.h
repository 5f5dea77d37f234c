/* Line ends counted and candidate boundary lines found, a vector of bytes at a time. */
#ifndef MESSAGE_LINES_INTERNAL_H
#define MESSAGE_LINES_INTERNAL_H

#include "base/slice.h"

/* LFs in the bytes. */
uint32_t lines_count(const char *p, const char *end);
/* The next line at or after `p` (a line's start) that begins with "--"; `end` when there is none.
 * *lines grows by the LFs passed over. */
const char *lines_next_dashes(const char *p, const char *end, uint32_t *lines);

#endif
