/* HTML as text. */
#ifndef MESSAGE_HTML_INTERNAL_H
#define MESSAGE_HTML_INTERNAL_H

#include "base/buf.h"

/* Appends the text of an HTML document in valid UTF-8: without tags, comments, scripts and styles;
 * character references decoded; a line break where a block begins or ends. Linear in its length. */
void html_to_text(struct slice html, struct buf *to);

#endif
