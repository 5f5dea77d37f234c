/* A PostgreSQL server of the test's own: a new cluster in a temporary folder, reached by a Unix
 * socket in it and nothing else, without fsync. It is started by the first call and is gone with
 * its folder when the process ends, however that ends. Where there is no server to be started the
 * process ends with status 1 and says why. */
#ifndef STORE_DRIVERS_POSTGRES_TEST_SERVER_H
#define STORE_DRIVERS_POSTGRES_TEST_SERVER_H

#include "base/compiler.h"

#include <libpq-fe.h>

enum { TEST_DATABASE = 256 };

/* A connection string for an empty database (a schema of its own). */
void test_server_database(char database[TEST_DATABASE]);
/* The folder with the server's socket, ".s.PGSQL.5432". */
const char *test_server_folder(void);
/* Stops it as a crash does, and starts it again. */
void test_server_crash(void);
void test_server_start(void);

/* A plain connection to a database. */
PGconn *test_server_connect(const char *database) WARN_UNUSED;
/* Runs SQL there; the first value of its answer as a number, 0 if there is none. */
long test_server_sql(const char *database, const char *sql);
/* Ends all connections to the server but the caller's own; how many. */
long test_server_cut_all(const char *database);

#endif
