/* Ranges of IPv4 addresses as people write them: "127.0.0.2", "127.0.0.4-127.0.0.11". */
#ifndef BASE_IP_RANGE_H
#define BASE_IP_RANGE_H

#include "base/slice.h"

/* Both ends belong to it; as numbers, 127.0.0.1 is 0x7f000001. */
struct ip_range {
	uint32_t first, last;
};

/* False: it is none, or runs backwards. */
WARN_UNUSED bool ip_range_read(struct slice text, struct ip_range *ret_range);

#endif
