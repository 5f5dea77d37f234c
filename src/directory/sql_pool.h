/* The connections of one directory: at most so many, made when they are needed, used again. Servers
 * are tried in their order; one that fails is passed over for a while. Any thread. */
#ifndef DIRECTORY_SQL_POOL_H
#define DIRECTORY_SQL_POOL_H

#include "directory/sql_link.h"

#include <stdatomic.h>

struct directory_sql_options;
struct directory_sql_pool;
/* Copies what it needs. Errors: a server that is none; permanent. */
int directory_sql_pool_new(const struct directory_sql_options *options,
	struct directory_sql_pool **ret_pool, struct err *err) WARN_UNUSED;
void directory_sql_pool_free(struct directory_sql_pool *pool); /* NULL is fine */

/* Asks, once more on a new connection when an old one is lost. *ret_server says who answered;
 * borrowed from the pool. */
int directory_sql_pool_ask(struct directory_sql_pool *pool, const struct directory_sql_query *query,
	const char *const values[DIRECTORY_SQL_VALUES], PGresult **ret_rows,
	const char **ret_server, struct err *err) WARN_UNUSED;
/* Looks whether a server takes the query; negative: it does not, or none can be asked. */
int directory_sql_pool_try(struct directory_sql_pool *pool, const struct directory_sql_query *query,
	struct err *err) WARN_UNUSED;

#endif
