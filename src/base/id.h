/* Identity that never changes: 16 bytes, the first 6 the time of making in milliseconds since 1970
 * (big-endian, so ids sort by age), the rest random. Accounts, collections, objects and blobs have
 * one. As text it is 26 characters of a-z and 2-7, which RFC 8474 allows for OBJECTID. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include "base/slice.h"

enum { ID_SIZE = 16, ID_TEXT_SIZE = 26 };

struct id {
	uint8_t bytes[ID_SIZE];
};

#define ID_NONE ((struct id){{0}})

/* A new id; never equal to another one. Thread-safe. */
struct id id_new(void);
static inline bool id_eq(struct id a, struct id b)
{
	return memcmp(a.bytes, b.bytes, ID_SIZE) == 0;
}
static inline int id_cmp(struct id a, struct id b)
{
	return memcmp(a.bytes, b.bytes, ID_SIZE);
}
bool id_is_none(struct id id);
static inline struct slice id_slice(const struct id *id)
{
	return slice(id->bytes, ID_SIZE);
}
/* Takes one off the front. False: there are not so many bytes. */
WARN_UNUSED bool id_cut(struct slice *rest, struct id *ret_id);
/* Writes ID_TEXT_SIZE characters and a NUL. */
void id_to_text(struct id id, char ret_text[ID_TEXT_SIZE + 1]);
WARN_UNUSED bool id_from_text(struct slice text, struct id *ret_id);

#endif
