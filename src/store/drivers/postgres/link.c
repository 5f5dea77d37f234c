/* Putting, sending, waiting. The socket never blocks: while much is put it is sent and answers are
 * taken in, so that neither side waits for the other with full buffers; and whoever waits for a
 * server that has gone silent stops after wait_ms. */
#include "store/drivers/postgres/link.h"

#include "base/bytes.h"
#include "base/errno_here.h"
#include "base/must.h"
#include "base/wait.h"

#include <poll.h>

enum { SEND_AT = 256 << 10, WHY = 160 };

struct slice postgres_bytes(const PGresult *rows, int row, int column)
{
	return slice(PQgetvalue(rows, row, column), (size_t)PQgetlength(rows, row, column));
}

int32_t postgres_int(const PGresult *rows, int row, int column)
{
	must(PQgetlength(rows, row, column) == 4);
	return (int32_t)bytes_get_be32(PQgetvalue(rows, row, column));
}

int64_t postgres_bigint(const PGresult *rows, int row, int column)
{
	must(PQgetlength(rows, row, column) == 8);
	return (int64_t)bytes_get_be64(PQgetvalue(rows, row, column));
}

static int lost(struct postgres_link *link, struct err *err)
{
	char why[WHY];
	(void)snprintf(why, sizeof(why), "%s", PQerrorMessage(link->pg));
	why[strcspn(why, "\n")] = '\0';
	link->lost = true;
	if (link->silent)
		return err_temporary(err, ERR_UNAVAILABLE, "the database did not answer for %d s",
			link->wait_ms / 1000);
	return err_temporary(err, ERR_UNAVAILABLE, "the connection to the database is lost%s%s",
		*why ? ": " : "", why);
}

/* Sends what the socket takes. 1: some is left; negative: lost. */
static int flush(struct postgres_link *link)
{
	int left = PQflush(link->pg);
	if (left < 0)
		(void)PQconsumeInput(link->pg); /* for the server's last words */
	return left;
}

/* Waits until there is something to read, or room for more if some is `left`; reads. False: lost.
 */
static bool wait_for_socket(struct postgres_link *link, bool left)
{
	struct pollfd p = {
		.fd = PQsocket(link->pg), .events = (short)(POLLIN | (left ? POLLOUT : 0))};
	int n;
	do {
		wait_block_begin();
		n = poll(&p, 1, link->wait_ms);
		wait_block_end();
	} while (n < 0 && errno == EINTR);
	link->silent = n == 0;
	if (n <= 0)
		return false;
	return (p.revents & ~POLLOUT) == 0 || PQconsumeInput(link->pg) == 1;
}

static void put(struct postgres_link *link, int sent, const struct postgres_arguments *a)
{
	int left = 0;
	if (!sent) {
		link->lost = true;
		return;
	}
	for (int i = 0; a && i < a->count; i++)
		link->unsent += (size_t)a->lengths[i];
	if (link->unsent < SEND_AT)
		return;
	link->unsent = 0;
	while (!link->lost && (left = flush(link)) != 0)
		link->lost = left < 0 || !wait_for_socket(link, true);
}

static const int BINARY[POSTGRES_ARGUMENTS] = {1, 1, 1, 1};
static const struct postgres_arguments NONE = {.count = 0};

void postgres_link_put(struct postgres_link *link, enum postgres_statement statement,
	const struct postgres_arguments *a)
{
	a = a ? a : &NONE;
	if (!link->lost)
		put(link,
			PQsendQueryPrepared(link->pg, postgres_statements[statement].name, a->count,
				a->values, a->lengths, BINARY, 1),
			a);
}

void postgres_link_put_sql(
	struct postgres_link *link, const char *sql, const struct postgres_arguments *a)
{
	a = a ? a : &NONE;
	if (!link->lost)
		put(link,
			PQsendQueryParams(
				link->pg, sql, a->count, NULL, a->values, a->lengths, BINARY, 1),
			a);
}

static bool starts(const char *state, const char *class)
{
	return strncmp(state, class, strlen(class)) == 0;
}

/* What the server's answer means for the caller. Nothing that a setting or a moment's state of the
 * server decides is permanent. */
static int refused(struct postgres_link *link, const PGresult *result, struct err *err)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	(void)snprintf(link->state, sizeof(link->state), "%s", state ? state : "");
	state = link->state;
	/* Connection trouble; ended by the operator; no such prepared statement (a pooler between
	 * us); a standby took over: a new connection is what helps. */
	if (!*state || starts(state, "08") || starts(state, "57P") || starts(state, "26") ||
		starts(state, "25006"))
		link->lost = true;
	if (!text)
		return lost(link, err);
	if (starts(state, "XX001") || starts(state, "XX002"))
		return err_permanent(err, ERR_DAMAGED, "database: %.160s (%s)", text, state);
	if (link->lost || starts(state, "40") || starts(state, "53") || starts(state, "55") ||
		starts(state, "57") || starts(state, "58") || starts(state, "25") ||
		starts(state, "42501"))
		return err_temporary(err, ERR_UNAVAILABLE, "database: %.160s (%s)", text, state);
	return err_bug(err, "database: %.160s (%s)", text, state);
}

/* The next result, NULL behind the last one of a statement and when the link is lost. */
static PGresult *next(struct postgres_link *link)
{
	while (PQisBusy(link->pg)) {
		int left = flush(link);
		if (left < 0 || !wait_for_socket(link, left > 0)) {
			link->lost = true;
			return NULL;
		}
	}
	PGresult *result = PQgetResult(link->pg);
	if (!result && PQstatus(link->pg) == CONNECTION_BAD)
		link->lost = true;
	return result;
}

void postgres_link_send(struct postgres_link *link)
{
	if (link->lost || PQpipelineSync(link->pg) != 1 || PQflush(link->pg) < 0)
		link->lost = true;
	link->unread++;
	link->unsent = 0;
}

typedef int each_result(void *context, const PGresult *rows, struct err *err);

/* With `last`, that result is the caller's. */
static int run(struct postgres_link *link, each_result *each, void *context, PGresult **last,
	struct err *err)
{
	int rc = 0, nothing = 0;
	link->state[0] = '\0';
	if (!link->lost)
		postgres_link_send(link);
	atomic_fetch_add(link->trips, 1);
	while (!link->lost && link->unread > 0) {
		PGresult *result = next(link);
		ExecStatusType status = PQresultStatus(result);
		if (!result) {
			link->lost = link->lost || ++nothing > 3; /* fewer answers than asked */
			continue;
		}
		nothing = 0;
		bool ours = link->unread == 1 && rc == 0;
		if (status == PGRES_PIPELINE_SYNC)
			link->unread--;
		else if (ours && status == PGRES_FATAL_ERROR)
			rc = refused(link, result, err);
		else if (ours && status == PGRES_TUPLES_OK && each)
			rc = each(context, result, err);
		if (ours && last && (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)) {
			PQclear(*last);
			*last = result;
			result = NULL;
		}
		PQclear(result);
	}
	return rc == 0 && link->lost ? lost(link, err) : rc;
}

int postgres_link_run_each(
	struct postgres_link *link, each_result *each, void *context, struct err *err)
{
	return run(link, each, context, NULL, err);
}

int postgres_link_run(struct postgres_link *link, PGresult **ret_last, struct err *err)
{
	PGresult *last = NULL;
	int rc = run(link, NULL, NULL, ret_last ? &last : NULL, err);
	if (rc < 0) {
		PQclear(last);
		last = NULL;
	}
	if (ret_last)
		*ret_last = last;
	return rc;
}

bool postgres_link_alive(struct postgres_link *link)
{
	/* Twice: the first may read the server's last words, the second finds the end. */
	for (int i = 0; !link->lost && i < 2; i++)
		link->lost = PQconsumeInput(link->pg) != 1 || PQstatus(link->pg) == CONNECTION_BAD;
	return !link->lost;
}
