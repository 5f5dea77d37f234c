/* Where a user lives: `tohost` of the directory as a list of hosts. Pure.
 *
 *     store1.example.org    store1:1143    192.0.2.7    [2001:db8::7]:143
 * a.example.org,b.example.org
 *
 * Of several (a mirrored pair) the first that is up is meant. */
#ifndef PROXY_PLACE_H
#define PROXY_PLACE_H

#include "base/slice.h"

enum { PROXY_PLACES_MAX = 4 };

struct proxy_place {
	struct slice host; /* a name or an IP, without brackets; 1 to 253 bytes */
	uint16_t port;     /* 0: that of the protocol */
};
struct proxy_places {
	struct proxy_place at[PROXY_PLACES_MAX];
	size_t count; /* 1 at least, once parsed */
};

/* The slices point into `text`. False: no such list; nothing is guessed, no blanks are skipped. */
WARN_UNUSED bool proxy_places_parse(struct slice text, struct proxy_places *ret_places);

#endif
