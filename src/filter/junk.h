/* What a spam filter says of a message, as a header field ("X-Spam: Yes"). Pure. */
#ifndef FILTER_JUNK_H
#define FILTER_JUNK_H

#include "base/buf.h"

/* `names`: of fields, a space between, any case. Does one of them begin with the word "yes"? */
bool filter_junk_is_marked(struct slice header, struct slice names);
/* Appends the header block (with its empty line) without such fields, whatever they say; all else
 * byte by byte. Returns how many went; 0: nothing was appended. */
size_t filter_junk_remove(struct slice header, struct slice names, struct buf *to);

#endif
