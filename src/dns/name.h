/* Domain names as text: A-labels with dots between them. No escapes: a name that needs one is none
 * that mail has a use for, and is refused. Pure. */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include "base/arena.h"

enum { DNS_NAME_MAX = 253, DNS_LABEL_MAX = 63 }; /* RFC 1035 section 2.3.4, as text */

/* Without the final dot; the root is "". */
struct slice dns_name_trim(struct slice name);
/* Labels of 1 to 63 visible ASCII characters, no backslash; a final dot may be. SPF's macros
 * make names of more than letters, digits and hyphens, so those are not all. The root is one. */
bool dns_name_is_good(struct slice name);
/* Letters count as the same in both cases, and a final dot as none. */
bool dns_name_eq(struct slice a, struct slice b);

/* Cuts an uncompressed name of the wire (RFC 1035 section 3.1) off the front of *rest; its text,
 * without final dot, lies in `arena`. False when it is cut short, compressed, too long, or no good
 * name as above. */
WARN_UNUSED bool dns_name_cut(struct slice *rest, struct arena *arena, struct slice *ret_name);
/* A good name's form on the wire, in `arena`. */
WARN_UNUSED struct slice dns_name_to_wire(struct slice name, struct arena *arena);

#endif
