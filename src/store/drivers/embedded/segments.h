/* The set of segment files. A segment is referenced while it is used; one that is removed loses its
 * name at once and its file when the last reference goes. */
#ifndef STORE_DRIVERS_EMBEDDED_SEGMENTS_H
#define STORE_DRIVERS_EMBEDDED_SEGMENTS_H

#include "store/drivers/embedded/files.h"

#include <pthread.h>
#include <stdatomic.h>

struct embedded_segment {
	uint32_t number;
	_Atomic int fd;        /* -1 until first used */
	_Atomic int refs;      /* one of them is the set's */
	_Atomic uint64_t size; /* end of the last record; the file may be longer */
	_Atomic uint64_t live; /* bytes of blobs that are referred to, with headers and padding */
};

struct embedded_segments {
	const struct embedded_files *files;
	char *folder;
	uint64_t tag;
	pthread_rwlock_t lock;
	struct embedded_segment **list; /* ascending; guarded by lock, as the two below */
	size_t count, cap;
};

/* Lists the files of `folder`, which exists; sizes are those of the files. */
int embedded_segments_init(struct embedded_segments *set, const struct embedded_files *files,
	const char *folder, uint64_t tag, struct err *err) WARN_UNUSED;
void embedded_segments_free(struct embedded_segments *set);

/* A reference to it, with its file open, or NULL when there is no such segment (then *err is not
 * set) or it can't be opened (then *err is set and its class is not ERR_NONE). */
struct embedded_segment *embedded_segments_get(
	struct embedded_segments *set, uint32_t number, struct err *err) WARN_UNUSED;
/* The same without opening its file. */
struct embedded_segment *embedded_segments_find(
	struct embedded_segments *set, uint32_t number) WARN_UNUSED;
void embedded_segments_unref(struct embedded_segments *set, struct embedded_segment *segment);
/* Makes an empty one, durable with its name; returns a reference. */
int embedded_segments_create(struct embedded_segments *set, uint32_t number,
	struct embedded_segment **ret_segment, struct err *err) WARN_UNUSED;
/* Unlinks its file. The caller has seen to it that nothing points into it. */
int embedded_segments_remove(
	struct embedded_segments *set, uint32_t number, struct err *err) WARN_UNUSED;
/* References to all of them, ascending; the caller unrefs each and frees the array. Files may still
 * be closed. */
struct embedded_segment **embedded_segments_all(struct embedded_segments *set, size_t *ret_count);
/* Opens the file of one that is referenced. */
int embedded_segments_open_file(struct embedded_segments *set, struct embedded_segment *segment,
	struct err *err) WARN_UNUSED;
/* The path of a segment's file. */
enum { EMBEDDED_SEGMENT_NAME = 24 };
void embedded_segment_name(uint32_t number, char to[EMBEDDED_SEGMENT_NAME]);
char *embedded_segment_path(const char *folder, uint32_t number) WARN_UNUSED;

#endif
