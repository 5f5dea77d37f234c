/* The lexical things of RFC 5322 section 3.2 that structured header fields share: white space with
 * folds, comments, quoted strings. */
#ifndef MESSAGE_LEX_INTERNAL_H
#define MESSAGE_LEX_INTERNAL_H

#include "base/slice.h"

/* Where a scan stands. Once a quote or a parenthesis was found to have no partner, none after it
 * has one either: they are then read as ordinary characters, so that no scan repeats. */
struct lex {
	const char *p, *end;
	bool no_quote, no_comment;
};

static inline struct lex lex_at(struct slice s)
{
	return (struct lex){.p = s.ptr, .end = s.len ? s.ptr + s.len : s.ptr};
}

/* Skips white space, line ends and comments; true when there were any. *comment becomes the inside
 * of the last comment passed and is left alone when there was none; may be NULL. */
bool lex_skip_space(struct lex *l, struct slice *comment);
/* At a quote: passes the quoted string and gives its inside, still escaped. False (nothing passed)
 * when it does not end. */
WARN_UNUSED bool lex_quoted(struct lex *l, struct slice *ret_inside);
/* Copies the inside of a quoted string or comment without backslashes, CR and LF; returns the
 * length, which is never more than the inside's. */
size_t lex_unescape(struct slice inside, char *out);

#endif
