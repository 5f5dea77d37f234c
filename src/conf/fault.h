/* Saying where a config file is wrong: file:line:column, what was expected, and the line itself
 * with a caret under the place. */
#ifndef CONF_FAULT_H
#define CONF_FAULT_H

#include "base/buf.h"
#include "base/err.h"

/* A text that is parsed, with the name that reports give it. */
struct conf_source {
	const char *name;
	struct slice text;
};

/* A place in it; both count from 1, columns in characters (UTF-8). */
struct conf_place {
	const struct conf_source *source;
	unsigned line, column;
};

struct conf_faults {
	struct buf *report; /* all of them; NULL: not wanted */
	struct err *err;    /* the first one */
	unsigned count, max;
};

/* Adds one; returns -1. Past `max` they are only counted. */
int conf_fault(struct conf_faults *faults, struct conf_place place, const char *format, ...)
	PRINTF_LIKE(3, 4);

#endif
