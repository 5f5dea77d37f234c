/* A range of keys in order. A cursor sees the state of the moment when it was opened, so that a
 * scan is of one state in either kind of transaction. */
#include "store/drivers/postgres/db.h"

#include "store/drivers/postgres/walk.h"

enum { FIRST_PAGE = 128, PAGE = 1024, LINK_WAIT_MS = 30000 };

static const char FORWARD[] = "SELECT key, value FROM store_keys WHERE key >= $1::bytea AND "
			      "key < $2::bytea ORDER BY key";
static const char BACKWARD[] = "SELECT key, value FROM store_keys WHERE key >= $1::bytea AND "
			       "key < $2::bytea ORDER BY key DESC";

struct scan {
	struct slice from, to;
	bool backward;
	bool (*visit)(void *context, struct slice key, struct slice value);
	void *context;
	bool visited; /* something was: it can't begin anew */
};

static int scan_on(struct postgres_link *link, struct scan *s, struct err *err)
{
	struct postgres_arguments a = {.count = 0};
	struct postgres_walk walk;
	int rc, row;
	postgres_add_bytes(&a, s->from);
	postgres_add_bytes(&a, s->to);
	rc = postgres_walk_init(
		&walk, link, s->backward ? BACKWARD : FORWARD, &a, FIRST_PAGE, PAGE, err);
	if (rc < 0)
		return rc;
	while ((rc = postgres_walk_next(&walk, &row, err)) == 0) {
		s->visited = true;
		if (!s->visit(s->context, postgres_bytes(walk.rows, row, 0),
			    postgres_bytes(walk.rows, row, 1)))
			break;
	}
	postgres_walk_free(&walk);
	return MIN(rc, 0);
}

static int scan_alone(struct store_db *db, struct scan *s, bool *ret_again, struct err *err)
{
	struct postgres_link *link;
	*ret_again = false;
	if (postgres_pool_take(&db->pool, POSTGRES_HELD, LINK_WAIT_MS, &link, err) < 0)
		return -1;
	postgres_link_put(link, POSTGRES_BEGIN_ONE_STATE, NULL);
	int rc = scan_on(link, s, err);
	*ret_again = rc < 0 && link->lost && !link->silent && !s->visited;
	postgres_link_put(link, POSTGRES_ROLLBACK, NULL);
	postgres_link_send(link);
	postgres_pool_give(&db->pool, link);
	return rc;
}

int postgres_scan(struct store_db *db, struct store_txn *txn, struct slice from, struct slice to,
	bool backward, bool (*visit)(void *context, struct slice key, struct slice value),
	void *context, struct err *err)
{
	struct scan s = {from, to, backward, visit, context, false};
	bool again;
	if (slice_cmp(from, to) >= 0)
		return 0;
	if (txn)
		return scan_on(txn->link, &s, err);
	int rc = scan_alone(db, &s, &again, err);
	return again ? scan_alone(db, &s, &again, err) : rc;
}
