/* The header fields that signatures name (RFC 6376 section 5.4.2): each name in "h=" stands for the
 * lowest field of that name that was not taken yet, and for none when all were ("over-signed").
 *
 * One walk over a header finds what all signatures of a message want; only as many fields are kept
 * as are named, however many there are. Lists are told first, then the header, then each list is
 * gone through again. */
#ifndef FILTER_DKIM_FIELDS_H
#define FILTER_DKIM_FIELDS_H

#include "filter/dkim.h"

struct filter_dkim_fields;

struct filter_dkim_fields *filter_dkim_fields_new(struct arena *arena) WARN_UNUSED;
/* Begins a list: from now on all fields can be wanted, or taken, again. */
void filter_dkim_fields_begin(struct filter_dkim_fields *fields);
/* One more field of that name (any case; borrowed) is in the list, or `count` more. */
void filter_dkim_fields_want(struct filter_dkim_fields *fields, struct slice name, size_t count);
/* Looks through the header, top to bottom; may be called again with what stands below. No more
 * wants after it. Gives way. */
void filter_dkim_fields_scan(struct filter_dkim_fields *fields, struct slice header);
/* The next one of that name from the bottom; NULL when there is none left, or it was not wanted. */
const struct message_field *filter_dkim_fields_take(
	struct filter_dkim_fields *fields, struct slice name);
/* How many of that name the header has. */
uint64_t filter_dkim_fields_count(const struct filter_dkim_fields *fields, struct slice name);

#endif
