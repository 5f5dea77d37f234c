/* Parsing what SEARCH looks for; pure, so that it can be fuzzed. */
#ifndef IMAP_SEARCH_INTERNAL_H
#define IMAP_SEARCH_INTERNAL_H

#include "imap/parse.h"
#include "mail/search.h"

enum {
	IMAP_SEARCH_SETS_MAX = 100,
	IMAP_COMMAND_MAX_TEXT = 64 * 1024,
};

struct imap_search_parse {
	/* Given: */
	struct slice charset;        /* ptr NULL: UTF-8 */
	uint32_t count, largest_uid; /* what "*" stands for */
	uint32_t recent_from;
	const struct mail_set *found; /* "$" */
	/* Found: */
	bool modseq; /* MODSEQ was asked for */
	size_t nodes;
	struct mail_set *sets[IMAP_SEARCH_SETS_MAX]; /* freed by imap_search_free */
	size_t set_count;
};
/* The rest of the command as a program in the parser's arena; NULL: malformed, error set. */
struct mail_search *imap_search_keys(struct imap_search_parse *q, struct imap_parser *p);
/* Also after a failure. */
void imap_search_free(struct imap_search_parse *q);

#endif
