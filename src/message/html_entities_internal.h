/* Character references of HTML. */
#ifndef MESSAGE_HTML_ENTITIES_INTERNAL_H
#define MESSAGE_HTML_ENTITIES_INTERNAL_H

#include "base/slice.h"

/* At "&": the character meant, as UTF-8 (its length is returned), and how many bytes the reference
 * has. 0 when it is none. A no-break space is given as a space. */
size_t html_read_reference(struct slice s, char ret_utf8[4], size_t *ret_len);

#endif
