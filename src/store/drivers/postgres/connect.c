/* Making a connection: libpq's string with our defaults below it, the settings that the driver
 * counts on, the prepared statements.
 *
 * A commit that was answered must be on disk, so synchronous_commit is switched on wherever
 * something weaker was set, and a server that runs without fsync is refused. The plans of all
 * statements are walks along an index; the planner is kept from sorts and whole scans, which it
 * likes for tables that it has no statistics of yet. */
#include "store/drivers/postgres/link.h"

#include "base/alloc.h"
#include "base/log.h"
#include "store/drivers/postgres/schema.h"

enum { WAIT_MS = 90000, WHY = 200 };

/* The first value says whether the server syncs; nobody reads the others. */
static const char SETTINGS[] =
	"SELECT current_setting('fsync') = 'on', "
	"set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') = "
	"'remote_apply' THEN 'remote_apply' ELSE 'on' END, false), "
	"set_config('default_transaction_isolation', 'read committed', false), "
	"set_config('statement_timeout', $1::int::text, false), set_config('lock_timeout', '0', "
	"false), "
	"set_config('idle_in_transaction_session_timeout', '5min', false), "
	"set_config('tcp_keepalives_idle', '30', false), "
	"set_config('tcp_keepalives_interval', '10', false), "
	"set_config('tcp_keepalives_count', '3', false), "
	"set_config('jit', 'off', false), set_config('enable_seqscan', 'off', false), "
	"set_config('enable_bitmapscan', 'off', false), set_config('enable_sort', 'off', false)";

static void note(void *context, const PGresult *result)
{
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	log_debug(NULL, "database notice", F_STR("text", text ? text : ""));
}

/* The first line of what libpq says; it never has the password in it once it could parse the
 * string. */
static void reason(const PGconn *pg, char why[WHY])
{
	(void)snprintf(why, WHY, "%s", PQerrorMessage(pg));
	for (char *c = why; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	for (size_t len = strlen(why); len > 0 && why[len - 1] == ' '; len--)
		why[len - 1] = '\0';
}

static int connection_failed(PGconn *pg, struct err *err)
{
	char why[WHY];
	reason(pg, why);
	bool denied =
		PQconnectionNeedsPassword(pg) ||
		(PQconnectionUsedPassword(pg) && strstr(why, "password authentication failed"));
	return denied ? err_permanent(err, ERR_DENIED, "%s", why)
		      : err_temporary(err, ERR_UNAVAILABLE, "%s", why);
}

static int connect(const struct postgres_place *place, PGconn **ret_pg, struct err *err)
{
	/* What stands before dbname gives way to what is in the string. */
	const char *const keys[] = {"connect_timeout", "fallback_application_name",
		"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
		"target_session_attrs", "dbname", "client_encoding", NULL};
	const char *const values[] = {"10", "rookery", "30", "10", "3", "30000",
		place->read_only ? "any" : "read-write", place->database, "UTF8", NULL};
	PQconninfoOption *parsed = PQconninfoParse(place->database, NULL);
	if (!parsed) /* what libpq says about it may quote half a password */
		return err_permanent(
			err, ERR_BAD_INPUT, "the database's connection string can't be parsed");
	PQconninfoFree(parsed);
	PGconn *pg = PQconnectdbParams(keys, values, 1);
	if (PQstatus(pg) != CONNECTION_OK) {
		int rc = connection_failed(pg, err);
		PQfinish(pg);
		return rc;
	}
	*ret_pg = pg;
	return 0;
}

static int settle_in(
	struct postgres_link *link, const struct postgres_place *place, struct err *err)
{
	AUTO(postgres_clear) PGresult *rows = NULL;
	struct postgres_arguments a = {.count = 0};
	postgres_add_int(&a, POSTGRES_STATEMENT_MS);
	postgres_link_put_sql(link, SETTINGS, &a);
	if (postgres_link_run(link, &rows, err) < 0)
		return -1;
	if (!place->no_sync && !*postgres_bytes(rows, 0, 0).ptr)
		return err_permanent(err, ERR_DENIED,
			"the database server runs with fsync = off: it would lose mail");
	return 0;
}

int postgres_link_new(
	const struct postgres_place *place, struct postgres_link **ret_link, struct err *err)
{
	PGconn *pg = NULL;
	if (connect(place, &pg, err) < 0)
		return -1;
	struct postgres_link *link = ALLOC(struct postgres_link);
	link->pg = pg;
	link->trips = place->trips;
	link->wait_ms = WAIT_MS;
	link->commit = ID_NONE;
	(void)PQsetNoticeReceiver(pg, note, NULL);
	int rc = 0;
	if (PQsetnonblocking(pg, 1) != 0 || PQenterPipelineMode(pg) != 1)
		rc = err_temporary(err, ERR_UNAVAILABLE, "no pipeline to the database");
	if (rc == 0)
		rc = settle_in(link, place, err);
	if (rc < 0) {
		postgres_link_free(link);
		return rc;
	}
	*ret_link = link;
	return 0;
}

void postgres_link_free(struct postgres_link *link)
{
	PQfinish(link->pg);
	free(link);
}

int postgres_link_prepare(struct postgres_link *link, struct err *err)
{
	AUTO(postgres_clear) PGresult *rows = NULL;
	for (size_t i = 0; i < POSTGRES_STATEMENTS; i++)
		if (PQsendPrepare(link->pg, postgres_statements[i].name, postgres_statements[i].sql,
			    0, NULL) != 1)
			link->lost = true;
	postgres_link_put(link, POSTGRES_VERSION, NULL);
	if (postgres_link_run(link, &rows, err) < 0)
		return -1;
	return postgres_schema_check(rows, err);
}
