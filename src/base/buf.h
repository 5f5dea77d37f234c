/* Owned, growing bytes with a maximum. A buf never aborts and never grows past `max`: an append
 * that does not fit sets `failed`, keeps what was there, and every later append is refused too; so
 * a caller may append many things and look at `failed` once. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/slice.h"

struct buf {
	char *data; /* NULL while empty and never grown */
	size_t len;
	size_t cap;
	size_t max;
	bool failed;
};

#define BUF(maximum) ((struct buf){.max = (maximum)})

static inline struct slice buf_slice(const struct buf *b)
{
	return slice(b->data, b->len);
}

/* Frees the memory; the buf is empty and can be used again. */
void buf_free(struct buf *b);
/* Empties and clears `failed`; keeps the memory. */
void buf_clear(struct buf *b);
/* Makes room for `more` bytes behind len and returns where they start, or NULL (and sets failed).
 * The caller then adds what it wrote to len. */
WARN_UNUSED char *buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_str(struct buf *b, const char *str);
void buf_add_byte(struct buf *b, char byte);
void buf_add_u64(struct buf *b, uint64_t value); /* decimal digits */
void buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
/* Drops `len` bytes at the front. */
void buf_consume(struct buf *b, size_t len);
/* Ends the bytes in NUL (not counted in len) and returns them; "" when that failed. */
const char *buf_cstr(struct buf *b);
/* Hands the bytes to the caller (who frees them), NUL-terminated; the buf is empty. NULL if failed.
 */
WARN_UNUSED char *buf_steal(struct buf *b, size_t *ret_len);

#endif
