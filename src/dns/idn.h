/* Internationalized domain names (RFC 5890, UTS 46): U-labels as the A-labels that the DNS knows.
 * Pure. */
#ifndef DNS_IDN_H
#define DNS_IDN_H

#include "dns/name.h"

/* Lower case, A-labels for U-labels, no final dot, in the arena; an address literal stays one.
 * False when that makes no good name (the root is none here). */
WARN_UNUSED bool dns_name_to_ascii(struct slice name, struct arena *arena, struct slice *ret_name);

#endif
