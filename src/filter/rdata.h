/* RDATA of the records that filters ask for (RFC 1035 section 3.3), as text. Pure. */
#ifndef FILTER_RDATA_H
#define FILTER_RDATA_H

#include "base/arena.h"

/* TXT: its strings, joined with nothing between them (RFC 7208 section 3.3). False when malformed.
 */
WARN_UNUSED bool filter_rdata_txt(struct slice rdata, struct arena *arena, struct slice *ret_text);
/* PTR, CNAME, NS: a name, without a final dot, empty for the root. False when malformed, or when
 * it is none that filter_name_is_valid() takes. */
WARN_UNUSED bool filter_rdata_name(struct slice rdata, struct arena *arena, struct slice *ret_name);
/* MX: the host's name; the preference is left out. */
WARN_UNUSED bool filter_rdata_mx(struct slice rdata, struct arena *arena, struct slice *ret_name);

#endif
