/* One connection to the server, always in pipeline mode: statements are put, then all of them go
 * out with one run(), which is one round trip. A link belongs to one thread at a time.
 *
 * Statements that nobody waits for (ROLLBACK, the end of a scan) are put and sent by
 * postgres_link_send(); the next run() reads their answers and drops them. */
#ifndef STORE_DRIVERS_POSTGRES_LINK_H
#define STORE_DRIVERS_POSTGRES_LINK_H

#include "base/err.h"
#include "base/id.h"
#include "store/drivers/postgres/arguments.h"
#include "store/drivers/postgres/statements.h"

#include <libpq-fe.h>
#include <stdatomic.h>

enum { POSTGRES_STATEMENT_MS = 60000 }; /* the server stops a statement that takes longer */

/* How connections are made; the same for all of a store. */
struct postgres_place {
	char *database; /* libpq's connection string */
	bool read_only;
	bool no_sync;            /* a server that does not sync is fine */
	_Atomic uint64_t *trips; /* counts round trips */
};

struct postgres_link {
	PGconn *pg;
	_Atomic uint64_t *trips;
	bool lost;        /* it can only be freed */
	bool silent;      /* lost because nothing came for wait_ms */
	char state[6];    /* SQLSTATE of the last run() that failed; "" if the server said none */
	unsigned unread;  /* runs whose answers nobody has read */
	size_t unsent;    /* about how many bytes are put and not sent */
	int wait_ms;      /* the server is lost when nothing comes for so long */
	unsigned cursors; /* open ones */
	struct id commit; /* of the last commit on this connection */
	bool held;        /* the pool's */
	struct postgres_link *next; /* the pool's */
};

/* Connects and sets what the driver counts on. Errors: ERR_DENIED (permanent) for a wrong
 * password, a server that does not sync, all else ERR_UNAVAILABLE. */
int postgres_link_new(const struct postgres_place *place, struct postgres_link **ret_link,
	struct err *err) WARN_UNUSED;
void postgres_link_free(struct postgres_link *link);
/* Prepares all statements, and looks whether the schema's version is ours. */
int postgres_link_prepare(struct postgres_link *link, struct err *err) WARN_UNUSED;
/* False when the server has closed it. Never waits. */
bool postgres_link_alive(struct postgres_link *link) WARN_UNUSED;

/* Failures are remembered and come with run(). `a` may be NULL. */
void postgres_link_put(struct postgres_link *link, enum postgres_statement statement,
	const struct postgres_arguments *a);
void postgres_link_put_sql(
	struct postgres_link *link, const char *sql, const struct postgres_arguments *a);

/* Sends what was put, and waits until all is answered. Fails with the first statement that does;
 * those behind it were not done. `each` (may be NULL) gets every result with rows in turn, and may
 * fail too. */
int postgres_link_run_each(struct postgres_link *link,
	int (*each)(void *context, const PGresult *rows, struct err *err), void *context,
	struct err *err) WARN_UNUSED;
/* The same; *ret_last (may be NULL) is the last result, to be cleared by PQclear; NULL on failure.
 */
int postgres_link_run(struct postgres_link *link, PGresult **ret_last, struct err *err) WARN_UNUSED;
/* Sends what was put and does not wait. */
void postgres_link_send(struct postgres_link *link);

/* For AUTO(postgres_clear). */
static inline void postgres_clear(PGresult **local)
{
	PQclear(*local);
}
/* A field of a binary result. Numbers have the width that SQL gave them. */
struct slice postgres_bytes(const PGresult *rows, int row, int column);
int32_t postgres_int(const PGresult *rows, int row, int column);
int64_t postgres_bigint(const PGresult *rows, int row, int column);

#endif
