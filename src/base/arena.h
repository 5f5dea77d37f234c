/* Memory freed all at once: one arena per command, one per connection. Allocation aborts when there
 * is no memory, so what a client can size is bounded by the caller before it gets here. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/slice.h"

struct arena {
	struct arena_block *blocks; /* newest first */
	size_t used, size;          /* of the newest block */
};

#define ARENA_EMPTY ((struct arena){0})

/* Aligned for any type, zeroed; lives until arena_free. */
WARN_UNUSED void *arena_alloc(struct arena *a, size_t size);
#define ARENA_NEW(a, type)      ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (size_t)(n)))
/* Copies bytes; the copy ends in NUL (not counted). */
WARN_UNUSED struct slice arena_copy(struct arena *a, struct slice s);
WARN_UNUSED const char *arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);
/* Room for one more element of `size` bytes behind the `count` of an array in the arena, which may
 * move; *room is how many fit (0 at first), and doubles. Returns the array. */
WARN_UNUSED void *arena_grow(
	struct arena *a, const void *array, size_t count, size_t *room, size_t size);
/* Frees everything; the arena is empty and can be used again. */
void arena_free(struct arena *a);

#endif
