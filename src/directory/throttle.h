/* Failed logins, counted per client address: who guesses passwords is made to wait. A bounded
 * table: when it is full, the address that failed longest ago in its neighbourhood is forgotten.
 * IPv6 clients are counted by /64, since each of them owns one. Any thread. */
#ifndef DIRECTORY_THROTTLE_H
#define DIRECTORY_THROTTLE_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { DIRECTORY_THROTTLE_SLOTS = 16384 }; /* 640 KiB of memory */

struct directory_throttle;
/* `failures` from one address within `window_ms` block it until that window is over. */
struct directory_throttle *directory_throttle_new(unsigned failures, uint64_t window_ms);
void directory_throttle_free(struct directory_throttle *throttle); /* NULL is fine */

/* Whether a login from the address (IP as text) may be tried at all. NULL: always. */
WARN_UNUSED bool directory_throttle_allows(
	struct directory_throttle *throttle, struct slice client);
void directory_throttle_failed(struct directory_throttle *throttle, struct slice client);

/* The same with a clock of the caller's, in milliseconds. */
WARN_UNUSED bool directory_throttle_allows_at(
	struct directory_throttle *throttle, struct slice client, int64_t now_ms);
void directory_throttle_failed_at(
	struct directory_throttle *throttle, struct slice client, int64_t now_ms);

#endif
