/* Small allocations, which abort the process when there is no memory. Nothing that a client can
 * size is allocated here: use a buf with a maximum, or a spool. */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdlib.h>

/* Uninitialised bytes; never NULL. Freed with free(). */
WARN_UNUSED void *alloc(size_t size);
/* `count` elements of `size` zero bytes; never NULL. */
WARN_UNUSED void *alloc_zero(size_t count, size_t size);
/* As realloc(), never NULL. */
WARN_UNUSED void *alloc_resize(void *old, size_t count, size_t size);
/* A zeroed struct: ALLOC(struct thing). */
#define ALLOC(type) ((type *)alloc_zero(1, sizeof(type)))

/* For AUTO(alloc_release): frees the pointer that the local holds. */
static inline void alloc_release(void *pointer_to_local)
{
	free(*(void **)pointer_to_local);
}
#define AUTO_FREE AUTO(alloc_release)

#endif
