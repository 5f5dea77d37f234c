/* Which fields of a message we sign (RFC 6376 section 5.4.1). */
#ifndef FILTER_DKIM_NAMES_H
#define FILTER_DKIM_NAMES_H

#include "filter/dkim_hash.h"

/* Wants them of the hashes, before the scan. */
void filter_dkim_names_want(struct filter_dkim_hashes *hashes);
/* After the scan: the list for "h=", in the arena. */
struct slice filter_dkim_names_list(const struct filter_dkim_hashes *hashes, struct arena *arena);

#endif
