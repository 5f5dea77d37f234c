/* Names of domains, as filters cut them, beyond dns/name.h. Text in ASCII (A-labels); a final dot
 * does not matter; letters are equal in either case. */
#ifndef FILTER_NAME_H
#define FILTER_NAME_H

#include "dns/idn.h"

/* Can it be asked for? A good name that is not the root. */
bool filter_name_is_valid(struct slice name);
size_t filter_name_labels(struct slice name);
/* Without its first label; empty at the end. */
struct slice filter_name_parent(struct slice name);
/* Equal to `parent`, or below it. */
bool filter_name_is_within(struct slice name, struct slice parent);
/* Of what people wrote (addresses in headers and envelopes): as dns_name_to_ascii(). */
WARN_UNUSED static inline bool filter_name_to_ascii(
	struct slice name, struct arena *arena, struct slice *ret_name)
{
	return dns_name_to_ascii(name, arena, ret_name);
}

#endif
