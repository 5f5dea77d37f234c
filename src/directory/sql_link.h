/* One connection to a PostgreSQL server, for queries that are prepared once. It belongs to one
 * thread at a time. Every failure is temporary. */
#ifndef DIRECTORY_SQL_LINK_H
#define DIRECTORY_SQL_LINK_H

#include "directory/sql_text.h"

#include <libpq-fe.h>

/* A server; strings are borrowed. */
struct directory_sql_place {
	const char *host, *port; /* a name, an IP, or the folder of a socket */
	bool tls;                /* with a certificate that fits; else as the server likes */
	const char *database, *user, *password, *authorities; /* "": none, the system's */
	int64_t timeout_ms;
};

enum { DIRECTORY_SQL_QUERIES_MAX = 8 };
struct directory_sql_link {
	PGconn *pg;
	bool lost; /* it can only be freed */
	bool prepared[DIRECTORY_SQL_QUERIES_MAX];
	unsigned server; /* the pool's */
};

/* A query by its name in the config and its place among all. */
struct directory_sql_query {
	const char *name;
	unsigned number;
	struct directory_sql_text text;
};

int directory_sql_link_new(const struct directory_sql_place *place, int64_t deadline,
	struct directory_sql_link **ret_link, struct err *err) WARN_UNUSED;
void directory_sql_link_free(struct directory_sql_link *link);
/* False when the server has closed it. Never waits. */
bool directory_sql_link_alive(struct directory_sql_link *link) WARN_UNUSED;
/* Prepares the query where that was not done yet. */
int directory_sql_link_prepare(struct directory_sql_link *link,
	const struct directory_sql_query *query, int64_t deadline, struct err *err) WARN_UNUSED;
/* Asks; `values` by enum directory_sql_value. *ret_rows is cleared by PQclear(). */
int directory_sql_link_ask(struct directory_sql_link *link, const struct directory_sql_query *query,
	const char *const values[DIRECTORY_SQL_VALUES], int64_t deadline, PGresult **ret_rows,
	struct err *err) WARN_UNUSED;

#endif
