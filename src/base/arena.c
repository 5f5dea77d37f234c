/* Blocks that grow, freed together. */
#include "base/arena.h"

#include "base/alloc.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>

enum { FIRST_BLOCK = 1024, LARGEST_GROWTH = 64 * 1024 };

struct arena_block {
	struct arena_block *next;
	alignas(max_align_t) char bytes[];
};

void *arena_alloc(struct arena *a, size_t size)
{
	size_t aligned = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!a->blocks || a->size - a->used < aligned) {
		size_t want = MAX(MIN(a->size * 2, (size_t)LARGEST_GROWTH), (size_t)FIRST_BLOCK);
		want = MAX(want, aligned);
		struct arena_block *block = alloc(sizeof(*block) + want);
		block->next = a->blocks;
		a->blocks = block;
		a->used = 0;
		a->size = want;
	}
	void *p = a->blocks->bytes + a->used;
	a->used += aligned;
	memset(p, 0, size);
	return p;
}

struct slice arena_copy(struct arena *a, struct slice s)
{
	char *copy = arena_alloc(a, s.len + 1);
	if (s.len)
		memcpy(copy, s.ptr, s.len);
	return slice(copy, s.len);
}

const char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int need = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *text = arena_alloc(a, (size_t)MAX(need, 0) + 1);
	va_start(args, format);
	(void)vsnprintf(text, (size_t)MAX(need, 0) + 1, format, args);
	va_end(args);
	return text;
}

void *arena_grow(struct arena *a, const void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return (void *)array;
	*room = MAX(*room * 2, (size_t)1);
	void *grown = arena_alloc(a, *room * size);
	if (count > 0)
		memcpy(grown, array, count * size);
	return grown;
}

void arena_free(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;
		free(a->blocks);
		a->blocks = next;
	}
	*a = ARENA_EMPTY;
}
