/* Lists of tags, "name=value; name=value" (RFC 6376 section 3.2): DKIM and ARC fields, key records,
 * DMARC records. Pure, linear, nothing is copied: names and values are slices of the list.
 *
 * White space (also folds) around names and values is no part of them; names are case-sensitive. */
#ifndef FILTER_TAGS_H
#define FILTER_TAGS_H

#include "base/slice.h"

enum { FILTER_TAGS_MAX = 64 }; /* of a list; more make it bad */

struct filter_tag {
	struct slice name;
	struct slice value; /* may be empty; raw: inner white space is still there */
	struct slice room; /* all between "=" and ";" or the end: the value and what is around it */
};

enum filter_tags_outcome { FILTER_TAGS_TAG, FILTER_TAGS_END, FILTER_TAGS_BAD };

/* Cuts the next tag off the front of *list. One ";" may end a list; BAD leaves *list unspecified.
 * That no name comes twice is for filter_tags_check() to say. */
WARN_UNUSED enum filter_tags_outcome filter_tags_next(
	struct slice *list, struct filter_tag *ret_tag);
/* Is all of it a list, with 1 … FILTER_TAGS_MAX tags, none of them twice? */
WARN_UNUSED bool filter_tags_check(struct slice list);
/* The first tag of that name in a checked list; false when there is none. */
WARN_UNUSED bool filter_tags_get(struct slice list, const char *name, struct filter_tag *ret_tag);
/* Its value; ptr NULL when absent. */
struct slice filter_tags_find(struct slice list, const char *name);

/* For values that are lists themselves ("from : to"): cuts what stands before the next `separator`
 * off the front of *rest, trimmed. False when nothing is left; an empty value is one empty part. */
struct filter_tags_parts {
	struct slice rest;
	char separator;
	bool end;
};
static inline struct filter_tags_parts filter_tags_parts(struct slice value, char separator)
{
	return (struct filter_tags_parts){.rest = value, .separator = separator};
}
WARN_UNUSED bool filter_tags_next_part(struct filter_tags_parts *parts, struct slice *ret_part);
/* Is `word` (any case) one of the parts? */
WARN_UNUSED bool filter_tags_has_part(struct slice value, char separator, const char *word);

#endif
