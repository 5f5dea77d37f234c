/* What became of a commit whose connection broke before its answer came. The commit's last change
 * is a row with an id of its own. Whoever wants to know puts a row with the same id: the server
 * makes him wait for a transaction that has put it and is not over, and then
 *
 *     the row is the commit's:  it is done;
 *     the row is his own:       it is not, and can never be, since it would find the id taken.
 *
 * Asking twice gives the same answer, so that a lost connection here only means to ask again. */
#include "store/drivers/postgres/db.h"

#include "base/clock.h"
#include "base/log.h"

enum { PAUSE_MS = 100 };

static int ask(
	struct store_db *db, struct id commit, int64_t wait_ms, bool *ret_done, struct err *err)
{
	struct postgres_link *link;
	struct postgres_arguments a = {.count = 0};
	AUTO(postgres_clear) PGresult *rows = NULL;
	if (postgres_pool_take(&db->pool, POSTGRES_LEAF, wait_ms, &link, err) < 0)
		return -1;
	int usual_ms = link->wait_ms;
	link->wait_ms = (int)wait_ms;
	postgres_add_bytes(&a, id_slice(&commit));
	postgres_link_put(link, POSTGRES_FATE, &a);
	int rc = postgres_link_run(link, &rows, err);
	link->wait_ms = usual_ms;
	if (rc == 0)
		*ret_done = *postgres_bytes(rows, 0, 0).ptr;
	postgres_pool_give(&db->pool, link);
	return rc;
}

int postgres_fate(struct store_db *db, struct id commit, struct err *err)
{
	int64_t until_ms = clock_mono_ms() + db->fate_wait_ms, left;
	bool done;
	while ((left = until_ms - clock_mono_ms()) > 0) {
		if (ask(db, commit, left, &done, err) == 0) {
			log_info(NULL, "connection to the database lost in commit",
				F_STR("commit", done ? "done" : "not done"));
			return done ? 0
				    : err_temporary(err, ERR_UNAVAILABLE,
					      "the connection to the database was lost in commit; "
					      "it was not done");
		}
		const struct timespec pause = {0, PAUSE_MS * 1000000};
		(void)nanosleep(&pause, NULL);
	}
	log_error(NULL, "commit of unknown fate: the database could not be asked", F_ERR(err));
	(void)err_temporary(err, ERR_UNAVAILABLE,
		"the connection to the database was lost in commit, and it can't be told "
		"whether that was done");
	return STORE_UNCERTAIN;
}
