/* Finding where a command ends, without understanding it: lines that end in a literal's
 * announcement go on behind the literal (RFC 9051 section 4.3). Pure and restartable: fed with more
 * of the same input it goes on where it stopped. */
#ifndef IMAP_COLLECT_H
#define IMAP_COLLECT_H

#include "base/slice.h"

enum {
	IMAP_LINE_MAX = 64 * 1024,     /* one line; RFC 7162 section 4 wants 8192 at least */
	IMAP_COMMAND_MAX = 256 * 1024, /* lines and literals together, but for messages */
};

struct imap_collect {
	size_t at;           /* everything before was looked at */
	size_t line;         /* where the current line begins */
	size_t announced_at; /* where "{" of the last announcement stands */
	uint64_t literal;    /* its size */
	bool plus, binary;   /* {n+}; ~{n} */
};

enum imap_collected {
	IMAP_NEED_MORE,
	IMAP_COMMAND,  /* complete: `at` is its length, with the line end */
	IMAP_LITERAL,  /* a line ended in an announcement: see announced_at, literal, plus; decide
			  (imap_collect_literal, or stream it), `at` is where its bytes begin */
	IMAP_TOO_LONG, /* past a limit: the rest can't be understood, close */
};
enum imap_collected imap_collect_step(struct imap_collect *c, struct slice input);
/* The literal just announced is part of the command. False when that would pass IMAP_COMMAND_MAX.
 */
WARN_UNUSED bool imap_collect_literal(struct imap_collect *c);

#endif
