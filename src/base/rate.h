/* How often somebody does something: a limit for each key (an address, a user), within a window of
 * time. What was not used flows back evenly: after `limit` at once one more is allowed each
 * window/limit. A bounded table: where it is full, who is nearest to have all of his limit back is
 * forgotten. Any thread. */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include "base/slice.h"

enum { RATE_SLOTS = 32768 }; /* 512 KiB of memory */

struct rate;
/* `limit` at least 1, at most one a millisecond of the window. */
struct rate *rate_new(uint64_t limit, uint64_t window_ms);
void rate_free(struct rate *rate); /* NULL is fine */

/* One more of this key, at `now_ms` by clock_mono_ms(). False: it would be too many, and does not
 * count. NULL: any number. */
WARN_UNUSED bool rate_take(struct rate *rate, struct slice key, int64_t now_ms);

#endif
