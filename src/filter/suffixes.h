/* The Public Suffix List: which part of a name somebody registered. Immutable once loaded; any
 * thread. */
#ifndef FILTER_SUFFIXES_H
#define FILTER_SUFFIXES_H

#include "base/slice.h"

struct filter_suffixes;

/* The system's list, or the library's own where that is older or missing. */
struct filter_suffixes *filter_suffixes_load(void);
void filter_suffixes_free(struct filter_suffixes *suffixes); /* NULL is fine */

/* "example.co.uk" of "www.example.co.uk" (lower case, A-labels, no final dot); points into `name`.
 * Empty: the name is a suffix itself, or longer than names can be. */
struct slice filter_suffixes_registered(const struct filter_suffixes *suffixes, struct slice name);

#endif
