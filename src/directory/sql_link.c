/* libpq, never waiting longer than the deadline. */
#include "directory/sql_link.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/wait.h"

#include <poll.h>

enum { WHY = 160, NEAR = 24, NUMBER_TEXT = 24 };

/* Debian's; libpq knows of no system store before version 16. */
static const char SYSTEM_AUTHORITIES[] = "/etc/ssl/certs/ca-certificates.crt";

/* The first line of what libpq says; it has no password in it. */
static void reason(const PGconn *pg, char why[WHY])
{
	(void)snprintf(why, WHY, "%s", PQerrorMessage(pg));
	for (char *c = why; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	for (size_t len = strlen(why); len > 0 && why[len - 1] == ' '; len--)
		why[len - 1] = '\0';
}

static int lost(struct directory_sql_link *link, struct err *err)
{
	char why[WHY];
	reason(link->pg, why);
	link->lost = true;
	return err_temporary(err, ERR_UNAVAILABLE, "the connection to the database is lost%s%s",
		*why ? ": " : "", why);
}

/* Negative: the time is over. */
static int wait_socket(
	struct directory_sql_link *link, short events, int64_t deadline, struct err *err)
{
	struct pollfd p = {.fd = PQsocket(link->pg), .events = events};
	for (;;) {
		int64_t left = deadline - clock_mono_ms();
		wait_block_begin();
		int n = left > 0 ? poll(&p, 1, (int)MIN(left, INT32_MAX)) : 0;
		wait_block_end();
		if (n > 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		link->lost = true;
		return err_temporary(err, ERR_UNAVAILABLE, "the database does not answer in time");
	}
}

static PGconn *begin(const struct directory_sql_place *place)
{
	const char *authorities = place->authorities[0] ? place->authorities : SYSTEM_AUTHORITIES;
	const char *const keys[] = {"host", "port", "dbname", "user", "password", "sslmode",
		"sslrootcert", "gssencmode", "fallback_application_name", "client_encoding",
		"options", NULL};
	const char *const values[] = {place->host, place->port, place->database, place->user,
		place->password[0] ? place->password : NULL, place->tls ? "verify-full" : "prefer",
		place->tls ? authorities : NULL, "disable", "rookery", "UTF8", "", NULL};
	wait_block_begin(); /* names are looked up in here */
	PGconn *pg = PQconnectStartParams(keys, values, 0);
	wait_block_end();
	return pg;
}

static int connect_until(struct directory_sql_link *link, int64_t deadline, struct err *err)
{
	char why[WHY];
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;
	while (PQstatus(link->pg) != CONNECTION_BAD && next != PGRES_POLLING_OK &&
		next != PGRES_POLLING_FAILED) {
		short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
		if (wait_socket(link, events, deadline, err) < 0)
			return -1;
		next = PQconnectPoll(link->pg);
	}
	if (PQstatus(link->pg) == CONNECTION_OK)
		return 0;
	reason(link->pg, why);
	return err_temporary(err, ERR_UNAVAILABLE, "%s", why);
}

/* All that comes until the server is ready again; the last result is the caller's. */
static int take_results(
	struct directory_sql_link *link, int64_t deadline, PGresult **ret_last, struct err *err)
{
	*ret_last = NULL;
	for (;;) {
		int left;
		while ((left = PQflush(link->pg)) >= 0 && PQisBusy(link->pg)) {
			short events = (short)(POLLIN | (left > 0 ? POLLOUT : 0));
			if (wait_socket(link, events, deadline, err) < 0)
				return -1;
			if (PQconsumeInput(link->pg) != 1)
				return lost(link, err);
		}
		PGresult *result = PQgetResult(link->pg);
		if (!result)
			break;
		PQclear(*ret_last);
		*ret_last = result;
	}
	return *ret_last && PQstatus(link->pg) == CONNECTION_OK ? 0 : lost(link, err);
}

static bool starts(const char *state, const char *class)
{
	return strncmp(state, class, strlen(class)) == 0;
}

/* What the query has at that character, counted from 1. */
static struct slice near(const char *sql, const char *position)
{
	uint64_t place;
	if (!sql || !position || !slice_to_u64(slice_str(position), UINT32_MAX, &place))
		return SLICE_NONE;
	struct slice rest = slice_str(sql);
	size_t i = 0;
	for (uint64_t c = 1; c < place && i < rest.len; c++)
		do
			i++;
		while (i < rest.len && (rest.ptr[i] & 0xc0) == 0x80);
	return slice_sub(rest, i, NEAR);
}

static int refused(struct directory_sql_link *link, const PGresult *result,
	const struct directory_sql_query *query, struct err *err)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
	struct slice place = near(query ? query->text.sql : NULL, position);
	/* Connection trouble, ended by the operator, no such prepared statement (a pooler between
	 * us): a new connection is what helps. */
	if (!state || starts(state, "08") || starts(state, "57P") || starts(state, "26"))
		link->lost = true;
	return err_temporary(err, ERR_UNAVAILABLE, "%s: %.100s (%s)%s%.*s%s",
		query ? query->name : "database", text ? text : "the server is gone",
		state ? state : "no reason", place.len > 0 ? ", at \"" : "", SLICE_ARG(place),
		place.len > 0 ? "\"" : "");
}

/* After something was sent. */
static int finish(struct directory_sql_link *link, int sent,
	const struct directory_sql_query *query, int64_t deadline, PGresult **ret_rows,
	struct err *err)
{
	PGresult *result = NULL;
	int r = sent == 1 ? take_results(link, deadline, &result, err) : lost(link, err);
	ExecStatusType status = PQresultStatus(result);
	if (r == 0 && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		r = refused(link, result, query, err);
	if (r == 0 && ret_rows)
		*ret_rows = result;
	else
		PQclear(result);
	return r;
}

/* So that what nobody waits for any more goes on no longer. */
static int settle_in(struct directory_sql_link *link, const struct directory_sql_place *place,
	int64_t deadline, struct err *err)
{
	char sql[64];
	(void)snprintf(
		sql, sizeof(sql), "SET statement_timeout = %lld", (long long)place->timeout_ms);
	return finish(link, PQsendQuery(link->pg, sql), NULL, deadline, NULL, err);
}

static void ignore(void *context, const PGresult *notice)
{
}

int directory_sql_link_new(const struct directory_sql_place *place, int64_t deadline,
	struct directory_sql_link **ret_link, struct err *err)
{
	struct directory_sql_link *link = ALLOC(struct directory_sql_link);
	link->pg = begin(place);
	int r = link->pg ? connect_until(link, deadline, err)
			 : err_temporary(err, ERR_OTHER, "no memory");
	if (r == 0) {
		(void)PQsetNoticeReceiver(link->pg, ignore, NULL);
		if (PQsetnonblocking(link->pg, 1) != 0)
			r = lost(link, err);
	}
	if (r == 0)
		r = settle_in(link, place, deadline, err);
	if (r < 0) {
		directory_sql_link_free(link);
		return r;
	}
	*ret_link = link;
	return 0;
}

void directory_sql_link_free(struct directory_sql_link *link)
{
	PQfinish(link->pg);
	free(link);
}

bool directory_sql_link_alive(struct directory_sql_link *link)
{
	/* Twice: the first may read the server's last words, the second finds the end. */
	for (int i = 0; !link->lost && i < 2; i++)
		link->lost = PQconsumeInput(link->pg) != 1 || PQstatus(link->pg) == CONNECTION_BAD;
	return !link->lost;
}

static void name_of(const struct directory_sql_query *query, char name[NUMBER_TEXT])
{
	(void)snprintf(name, NUMBER_TEXT, "rookery_%u", query->number);
}

int directory_sql_link_prepare(struct directory_sql_link *link,
	const struct directory_sql_query *query, int64_t deadline, struct err *err)
{
	char name[NUMBER_TEXT];
	if (link->prepared[query->number])
		return 0;
	name_of(query, name);
	int r = finish(link, PQsendPrepare(link->pg, name, query->text.sql, 0, NULL), query,
		deadline, NULL, err);
	link->prepared[query->number] = r == 0;
	return r;
}

int directory_sql_link_ask(struct directory_sql_link *link, const struct directory_sql_query *query,
	const char *const values[DIRECTORY_SQL_VALUES], int64_t deadline, PGresult **ret_rows,
	struct err *err)
{
	const char *numbered[DIRECTORY_SQL_VALUES] = {0};
	char name[NUMBER_TEXT];
	for (unsigned i = 0; i < query->text.count; i++)
		numbered[i] = values[query->text.values[i]];
	if (directory_sql_link_prepare(link, query, deadline, err) < 0)
		return -1;
	name_of(query, name);
	return finish(link,
		PQsendQueryPrepared(
			link->pg, name, (int)query->text.count, numbered, NULL, NULL, 0),
		query, deadline, ret_rows, err);
}
