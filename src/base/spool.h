/* Bytes of a size that a client decides: kept in memory while small, then in an unnamed temporary
 * file; always readable as one slice. Used for a message on its way in. */
#ifndef BASE_SPOOL_H
#define BASE_SPOOL_H

#include "base/err.h"

struct spool;

/* At most `memory_max` bytes stay in memory; the rest goes to an unnamed file in the folder
 * `dir_fd` (borrowed; AT_FDCWD works). More than `max` bytes are refused. */
struct spool *spool_new(int dir_fd, size_t memory_max, uint64_t max);
/* ERR_LIMIT past `max`; ERR_TEMPORARY when the disk is full. After a failure the spool only counts.
 */
int spool_add(struct spool *spool, struct slice bytes, struct err *err) WARN_UNUSED;
uint64_t spool_len(const struct spool *spool);
/* All bytes, valid until the next spool_add or spool_free. */
int spool_slice(struct spool *spool, struct slice *ret_bytes, struct err *err) WARN_UNUSED;
void spool_free(struct spool *spool); /* NULL is fine */

#endif
