/* A row of a database as a user. A value that makes no sense is a temporary failure that names its
 * column: no mail bounces, and nobody gets in, for a mistake in a table. */
#ifndef DIRECTORY_SQL_ROW_H
#define DIRECTORY_SQL_ROW_H

#include "directory/address.h"
#include "directory/directory.h"

#include <libpq-fe.h>

struct directory_sql_row {
	struct directory_user user; /* limits are UINT64_MAX where there are none in the row */
	struct slice password, scram;
};

/* The only row of `rows`: 0, DIRECTORY_UNKNOWN when there is none, or negative. `asked` is who was
 * asked for. Slices are copied. */
int directory_sql_row_take(const PGresult *rows, const struct directory_address *asked,
	struct arena *arena, struct directory_sql_row *ret_row, struct err *err) WARN_UNUSED;
/* One of several, each of which has a column `address`. */
int directory_sql_row_take_at(const PGresult *rows, int at, struct arena *arena,
	struct directory_sql_row *ret_row, struct err *err) WARN_UNUSED;
/* The first column of all rows, cut at commas. */
int directory_sql_targets(const PGresult *rows, struct arena *arena, struct slice **ret_targets,
	size_t *ret_count, struct err *err) WARN_UNUSED;
/* "t", "true", "yes", "on", "1" and the contrary; false: it is neither. */
WARN_UNUSED bool directory_sql_bool(struct slice text, bool *ret_value);

#endif
