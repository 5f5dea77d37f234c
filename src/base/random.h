/* Random bytes fit for keys. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

/* Fills `data` from the kernel (a pool per thread saves system calls); aborts when it has none. */
void random_bytes(void *data, size_t len);
/* Evenly spread over 0 … bound - 1; bound > 0. */
uint64_t random_below(uint64_t bound);

/* For simulations: from now on all bytes, in all threads, follow from the seed; 0 returns to the
 * kernel's. */
void random_fake(uint64_t seed);

#endif
