/* Dead blobs. A commit that takes a reference away leaves the blob's id among the suspects; the
 * sweep looks whether a reference is left. One statement looks and deletes, so it sees one state;
 * and in every state a blob that anybody may still refer to has a reference, because a txn that
 * adds one holds the lock of an account that has one.
 *
 * A suspect is a row of its own each time: were it one row per blob, a sweep could take it away
 * while another commit that needs it is not yet seen. One node sweeps at a time. */
#include "store/drivers/postgres/db.h"

enum { PIECE = 256, LINK_WAIT_MS = 30000 };

struct sweep {
	struct postgres_link *link;
	store_progress *progress;
	void *context;
	uint64_t looked, freed;
};

/* One statement in a transaction of its own. *ret_count: how many blobs it looked at. */
static int piece(struct sweep *s, enum postgres_statement statement,
	const struct postgres_arguments *a, struct id *ret_last, uint64_t *ret_count,
	struct err *err)
{
	AUTO(postgres_clear) PGresult *rows = NULL;
	postgres_link_put(s->link, statement, a);
	if (postgres_link_run(s->link, &rows, err) < 0)
		return -1;
	*ret_count = (uint64_t)postgres_bigint(rows, 0, 0);
	s->looked += *ret_count;
	s->freed += (uint64_t)postgres_bigint(rows, 0, 1);
	if (ret_last && *ret_count && PQgetlength(rows, 0, 2) == ID_SIZE)
		memcpy(ret_last->bytes, postgres_bytes(rows, 0, 2).ptr, ID_SIZE);
	return 0;
}

static bool go_on(struct sweep *s, uint64_t count)
{
	return count == PIECE &&
	       (!s->progress || s->progress(s->context, "looking for dead blobs", s->looked, 0));
}

static int sweep_suspects(struct sweep *s, struct err *err)
{
	uint64_t count;
	do {
		struct postgres_arguments a = {.count = 0};
		postgres_add_int(&a, PIECE);
		if (piece(s, POSTGRES_SWEEP, &a, NULL, &count, err) < 0)
			return -1;
	} while (go_on(s, count));
	return 0;
}

static int sweep_all(struct sweep *s, struct err *err)
{
	struct id last = ID_NONE;
	uint64_t count;
	do {
		struct postgres_arguments a = {.count = 0};
		postgres_add_bytes(&a, id_slice(&last));
		postgres_add_int(&a, PIECE);
		if (piece(s, POSTGRES_SWEEP_ALL, &a, &last, &count, err) < 0)
			return -1;
	} while (go_on(s, count));
	return 0;
}

static int sweep(struct sweep *s, bool all, struct err *err)
{
	int rc = sweep_suspects(s, err);
	if (rc == 0 && all)
		rc = sweep_all(s, err);
	if (rc < 0)
		return rc;
	postgres_link_put(s->link, POSTGRES_FORGET_COMMITS, NULL);
	return postgres_link_run(s->link, NULL, err);
}

/* A lock of the connection, since the sweep is many transactions. */
static int try_lock(struct postgres_link *link, bool *ret_locked, struct err *err)
{
	AUTO(postgres_clear) PGresult *rows = NULL;
	postgres_link_put_sql(link, "SELECT pg_try_advisory_lock(hashtext('rookery'), 2)", NULL);
	if (postgres_link_run(link, &rows, err) < 0)
		return -1;
	*ret_locked = *postgres_bytes(rows, 0, 0).ptr;
	return 0;
}

int postgres_compact(struct store_db *db, bool all, store_progress *progress, void *context,
	uint64_t *ret_freed, struct err *err)
{
	struct sweep s = {.progress = progress, .context = context};
	bool locked = false;
	*ret_freed = 0;
	if (db->read_only)
		return err_permanent(err, ERR_DENIED, "the store is open for reading only");
	if (postgres_pool_take(&db->pool, POSTGRES_HELD, LINK_WAIT_MS, &s.link, err) < 0)
		return -1;
	int rc = try_lock(s.link, &locked, err);
	if (rc == 0 && locked)
		rc = sweep(&s, all, err);
	if (locked) {
		postgres_link_put_sql(
			s.link, "SELECT pg_advisory_unlock(hashtext('rookery'), 2)", NULL);
		postgres_link_send(s.link);
	}
	postgres_pool_give(&db->pool, s.link);
	*ret_freed = s.freed;
	return rc;
}
