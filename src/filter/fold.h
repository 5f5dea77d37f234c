/* Writes a header field of words, folded so that lines have 78 columns at most where words are
 * short enough (RFC 5322 section 2.1.1). */
#ifndef FILTER_FOLD_H
#define FILTER_FOLD_H

#include "base/buf.h"

struct filter_fold {
	struct buf *to;
	size_t column;
};

/* "Name:" */
struct filter_fold filter_fold_begin(struct buf *to, const char *name);
/* The word behind a space, or on a new line. */
void filter_fold_word(struct filter_fold *fold, struct slice word);
/* Behind what is there without a space, or on a new line. */
void filter_fold_more(struct filter_fold *fold, struct slice word);
/* Behind what is there, cut wherever a line is full. */
void filter_fold_split(struct filter_fold *fold, struct slice text);
/* The line end. */
void filter_fold_end(struct filter_fold *fold);

#endif
