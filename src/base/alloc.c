/* Allocation that aborts when there is no memory. */
#include "base/alloc.h"

#include "base/must.h"

void *alloc(size_t size)
{
	void *p = malloc(size ? size : 1);
	must(p);
	return p;
}

void *alloc_zero(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size ? size : 1);
	must(p);
	return p;
}

void *alloc_resize(void *old, size_t count, size_t size)
{
	void *p = reallocarray(old, count ? count : 1, size ? size : 1);
	must(p);
	return p;
}
