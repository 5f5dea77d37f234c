/* Queries as people write them, with named values, as PostgreSQL takes them, with numbered ones.
 * Pure (fuzzed). */
#ifndef DIRECTORY_SQL_TEXT_H
#define DIRECTORY_SQL_TEXT_H

#include "base/buf.h"
#include "base/err.h"

enum directory_sql_value { /* ":user" … */
	DIRECTORY_SQL_USER,
	DIRECTORY_SQL_LOCAL,
	DIRECTORY_SQL_DOMAIN,
	DIRECTORY_SQL_PASSWORD,
	DIRECTORY_SQL_TO, /* a host */
	DIRECTORY_SQL_VALUES,
};

struct directory_sql_text {
	char *sql;                                             /* "… = $1 …" */
	enum directory_sql_value values[DIRECTORY_SQL_VALUES]; /* of $1 … */
	unsigned count;
};

enum { DIRECTORY_SQL_MAX = 16384 };

/* Whatever stands in quotes, in $dollar quotes$ and in comments is left alone, so is "::".
 * `extra` may stand in some queries only: DIRECTORY_SQL_PASSWORD or _TO, in others
 * DIRECTORY_SQL_VALUES. Errors: ERR_BAD_INPUT, permanent, with the place. */
int directory_sql_number(struct slice query, enum directory_sql_value extra,
	struct directory_sql_text *ret_text, struct err *err) WARN_UNUSED;
void directory_sql_text_free(struct directory_sql_text *text);

#endif
