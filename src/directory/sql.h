/* A directory in a PostgreSQL database, by libpq: a query finds a user, another where an alias
 * leads, a third whether a domain is ours. Columns are known by name; docs/directory.md says which.
 * Whatever goes wrong (no server, a query that is wrong, a row that makes no sense) is "can't tell
 * now". */
#ifndef DIRECTORY_SQL_H
#define DIRECTORY_SQL_H

#include "directory/directory.h"
#include "directory/password.h"

/* All is copied. */
struct directory_sql_options {
	/* "host:port", "tls:host:port", "unix:/folder of a socket"; the first that works is asked.
	 */
	const char *const *servers;
	size_t server_count;
	const char *database, *user;
	const char *password, *authorities; /* "": none; the system's */
	unsigned pool;                      /* connections at most; 0: 4 */
	int64_t timeout_ms;                 /* of a question; 0: 5 s */
	const char *user_query, *domain_query;
	const char *alias_query, *check_query, *users_query; /* "": none */
	const char *move_query;               /* the same: says where a user lives from now on */
	bool scram;                           /* users have keys */
	char plus_separator;                  /* 0: no plus addressing */
	uint64_t quota_bytes, quota_messages; /* of who has none of his own; 0: none */
	unsigned remember_seconds;            /* right passwords; 0: not at all */
};

/* Errors, permanent: a query with values that there are not, a server that is none. A database that
 * can't be asked, or that refuses a query, is told in the log. */
int directory_sql_new(const struct directory_sql_options *options, struct directory **ret_directory,
	struct err *err) WARN_UNUSED;

#endif
