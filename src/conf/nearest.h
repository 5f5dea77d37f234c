/* Guessing which name was meant. */
#ifndef CONF_NEAREST_H
#define CONF_NEAREST_H

#include "base/slice.h"

/* The best of the candidates offered so far; begins as {.wanted = …}. */
struct conf_nearest {
	struct slice wanted;
	const char *best; /* NULL while none is near enough: a third of its letters may differ */
	unsigned distance;
};
void conf_nearest_offer(struct conf_nearest *nearest, const char *candidate);

#endif
