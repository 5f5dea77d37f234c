/* Searching a mailbox (RFC 9051 section 6.4.4): a program made by the protocol's parser, run over a
 * view. Cheap conditions (flags, sizes, numbers) are tried before dates, those before envelope
 * fields, those before the message's bytes. */
#ifndef MAIL_SEARCH_H
#define MAIL_SEARCH_H

#include "mail/view.h"

enum mail_search_op {
	MAIL_SEARCH_ALL,
	MAIL_SEARCH_AND, /* of the children; none: true */
	MAIL_SEARCH_OR,
	MAIL_SEARCH_NOT,     /* of the only child */
	MAIL_SEARCH_SEQ,     /* set */
	MAIL_SEARCH_UID,     /* set */
	MAIL_SEARCH_FLAG,    /* all bits of `number` */
	MAIL_SEARCH_KEYWORD, /* text */
	MAIL_SEARCH_RECENT,  /* uid >= number */
	MAIL_SEARCH_BEFORE,  /* internal date's day (in its own zone) < day */
	MAIL_SEARCH_ON,
	MAIL_SEARCH_SINCE,
	MAIL_SEARCH_SENT_BEFORE, /* Date: header's day, zone disregarded */
	MAIL_SEARCH_SENT_ON,
	MAIL_SEARCH_SENT_SINCE,
	MAIL_SEARCH_SAVED_BEFORE,
	MAIL_SEARCH_SAVED_ON,
	MAIL_SEARCH_SAVED_SINCE,
	MAIL_SEARCH_LARGER, /* size > number */
	MAIL_SEARCH_SMALLER,
	MAIL_SEARCH_YOUNGER, /* internal date within `number` seconds of now */
	MAIL_SEARCH_OLDER,
	MAIL_SEARCH_MODSEQ, /* modseq >= number */
	MAIL_SEARCH_HEADER, /* field `name` contains `text`; empty text: field exists */
	MAIL_SEARCH_BODY,
	MAIL_SEARCH_TEXT,
	MAIL_SEARCH_EMAIL_ID, /* text */
};

struct mail_search {
	enum mail_search_op op;
	struct mail_search *children, *next;
	struct mail_set set;
	uint64_t number;
	int64_t day;             /* days since 1970 */
	struct slice name, text; /* UTF-8 */
};

enum { MAIL_SEARCH_DEPTH_MAX = 50, MAIL_SEARCH_NODES_MAX = 10000 };

struct mail_search_result {
	uint32_t *seqs; /* ascending; the caller frees it */
	uint32_t count;
	uint64_t highest_modseq; /* of the messages found; 0 when none */
};
/* Gone rows are not found. `progress` (may be NULL) is called about once a second; false stops the
 * search with ERR_TEMPORARY. */
int mail_search_run(struct mail *mail, struct id account, struct id mailbox,
	const struct mail_view *view, const struct mail_search *program,
	bool (*progress)(void *context, uint32_t done), void *context,
	struct mail_search_result *ret_result, struct err *err) WARN_UNUSED;

#endif
