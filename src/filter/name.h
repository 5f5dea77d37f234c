/* Names of domains, as filters cut them, beyond dns/name.h. Text in ASCII (A-labels); a final dot
 * does not matter; letters are equal in either case. */
#ifndef FILTER_NAME_H
#define FILTER_NAME_H

#include "dns/name.h"

/* Can it be asked for? A good name that is not the root. */
bool filter_name_is_valid(struct slice name);
size_t filter_name_labels(struct slice name);
/* Without its first label; empty at the end. */
struct slice filter_name_parent(struct slice name);
/* Equal to `parent`, or below it. */
bool filter_name_is_within(struct slice name, struct slice parent);
/* Lower case, A-labels for U-labels (RFC 5890), no final dot, in the arena. False when that makes
 * no valid name. */
WARN_UNUSED bool filter_name_to_ascii(struct slice name, struct arena *arena, struct slice *ret);

#endif
