/* A DNS behind which another one is asked, but not for longer than until a moment. */
#ifndef DNS_BOUNDED_H
#define DNS_BOUNDED_H

#include "dns/dns.h"

struct dns_bounded {
	struct dns dns; /* first: what is asked */
	struct dns *inner;
	int64_t deadline;
};
/* In the caller's memory, which needs no freeing; `inner` is borrowed. Any threads may ask it at
 * once. `deadline` by clock_mono_ms(): all that is asked later, and what has no answer then, is
 * ERR_TEMPORARY. */
struct dns *dns_bounded_init(struct dns_bounded *bounded, struct dns *inner, int64_t deadline);

#endif
