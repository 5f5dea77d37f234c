/* What is in a collection or an account, as one number: two that hold the same have the same. It is
 * a sum over rows, free of order, so a write brings it up to date from the rows that it changes.
 * See docs/formats/keys.md. */
#ifndef STORE_DIGEST_H
#define STORE_DIGEST_H

#include "base/slice.h"

/* One row's part of the sum, modulo 2^64. */
uint64_t digest_row(struct slice key, struct slice row);

#endif
