/* Dates of RFC 5322 section 3.3, with the obsolete forms; and of IMAP (RFC 9051 date-time). */
#ifndef MESSAGE_DATE_H
#define MESSAGE_DATE_H

#include "base/buf.h"
#include "base/slice.h"

struct message_date {
	int64_t seconds;      /* since 1970, UTC */
	int16_t zone_minutes; /* east of UTC */
};

WARN_UNUSED bool message_parse_date(struct slice value, struct message_date *ret_date);
/* " 7-Feb-1994 22:43:04 -0800", without the quotes. */
WARN_UNUSED bool message_parse_imap_date(struct slice text, struct message_date *ret_date);
void message_write_imap_date(struct buf *to, struct message_date date);
/* "Mon, 07 Feb 1994 22:43:04 -0800" */
void message_write_date(struct buf *to, struct message_date date);

#endif
