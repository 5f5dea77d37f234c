/* Latencies in microseconds, kept whole and sorted when asked. */
#include "stats.h"

#include <stdlib.h>
#include <time.h>

struct stats stats = {.all = {.name = "all"}};

int64_t stats_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void histogram_add(struct histogram *h, int64_t ns)
{
	if (h->n == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 4096;
		h->v = realloc(h->v, h->cap * sizeof(*h->v));
		if (!h->v)
			abort();
	}
	int64_t us = ns / 1000;
	h->v[h->n++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}
static int cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}
double histogram_quantile(struct histogram *h, double q) /* milliseconds */
{
	if (!h->n)
		return 0;
	qsort(h->v, h->n, sizeof(*h->v), cmp_u32);
	size_t i = (size_t)(q * (double)(h->n - 1) + 0.5);
	return h->v[i] / 1000.0;
}
