/* Names of domains, as filters compare and cut them. Text in ASCII (A-labels); a final dot does not
 * matter; letters are equal in either case. */
#ifndef FILTER_NAME_H
#define FILTER_NAME_H

#include "base/arena.h"

enum { FILTER_NAME_MAX = 253, FILTER_LABEL_MAX = 63 }; /* RFC 1035 section 2.3.4 */

/* Without the final dot. */
struct slice filter_name_trim(struct slice name);
/* Can it be asked for? Labels of 1 to 63 bytes, 253 in all, of printing ASCII (what is no host name
 * may still be a name of the DNS). */
bool filter_name_is_valid(struct slice name);
size_t filter_name_labels(struct slice name);
/* Without its first label; empty at the end. */
struct slice filter_name_parent(struct slice name);
bool filter_name_eq(struct slice a, struct slice b);
/* Equal to `parent`, or below it. */
bool filter_name_is_within(struct slice name, struct slice parent);
/* Lower case, A-labels for U-labels (RFC 5890), no final dot, in the arena. False when that makes
 * no valid name. */
WARN_UNUSED bool filter_name_to_ascii(struct slice name, struct arena *arena, struct slice *ret);

#endif
