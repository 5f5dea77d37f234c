/* Beginning and ending. The lock of an account is an advisory lock of the server, held by its
 * transaction; so it ends with the transaction or the connection, however they end, and nobody has
 * to clean up behind a node that died. */
#include "store/drivers/postgres/db.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"

/* An id's last 8 bytes are random. Two accounts that have them in common would only wait for each
 * other. */
static int64_t lock_number(struct id account)
{
	return (int64_t)bytes_get_be64(account.bytes + ID_SIZE - 8);
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* All in one statement, in ascending order, so that two never wait for each other in a ring. */
static void put_locks(
	struct postgres_link *link, const struct id *accounts, size_t count, int64_t wait_ms)
{
	struct postgres_arguments a = {.count = 0}, timeout = {.count = 0}, usual = {.count = 0};
	struct postgres_array array;
	int64_t *numbers = alloc(count * sizeof(*numbers));
	for (size_t i = 0; i < count; i++)
		numbers[i] = lock_number(accounts[i]);
	qsort(numbers, count, sizeof(*numbers), by_number);
	postgres_array_init(&array, POSTGRES_BIGINT);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || numbers[i] != numbers[i - 1])
			postgres_array_bigint(&array, numbers[i]);
	postgres_add_array(&a, &array);
	/* lock_timeout would be for each lock; this is for all of them. */
	postgres_add_int(&timeout, (int32_t)MAX(wait_ms, 1));
	postgres_link_put(link, POSTGRES_TIMEOUT, &timeout);
	postgres_link_put(link, POSTGRES_LOCK, &a);
	postgres_add_int(&usual, POSTGRES_STATEMENT_MS);
	postgres_link_put(link, POSTGRES_TIMEOUT, &usual);
	postgres_array_free(&array);
	free(numbers);
}

static int begin_once(struct store_db *db, const struct id *accounts, size_t count,
	int64_t until_ms, struct postgres_link **ret_link, bool *ret_again, struct err *err)
{
	struct postgres_link *link;
	int64_t left = MAX(until_ms - clock_mono_ms(), 0);
	*ret_again = false;
	if (postgres_pool_take(&db->pool, POSTGRES_HELD, left, &link, err) < 0)
		return -1;
	postgres_link_put(link, db->read_only ? POSTGRES_BEGIN_READ_ONLY : POSTGRES_BEGIN, NULL);
	if (count)
		put_locks(link, accounts, count, until_ms - clock_mono_ms());
	int rc = postgres_link_run(link, NULL, err);
	if (rc == 0) {
		*ret_link = link;
		return 0;
	}
	if (strcmp(link->state, "57014") == 0)
		rc = err_temporary(err, ERR_UNAVAILABLE, "another writer holds the account");
	*ret_again = link->lost;
	postgres_link_put(link, POSTGRES_ROLLBACK, NULL);
	postgres_link_send(link);
	postgres_pool_give(&db->pool, link);
	return rc;
}

int postgres_begin(struct store_db *db, const struct id *accounts, size_t count,
	struct store_txn **ret_txn, struct err *err)
{
	int64_t until_ms = clock_mono_ms() + db->lock_wait_ms;
	struct postgres_link *link;
	bool again;
	int rc = begin_once(db, accounts, count, until_ms, &link, &again, err);
	if (rc < 0 && again && clock_mono_ms() < until_ms)
		rc = begin_once(db, accounts, count, until_ms, &link, &again, err);
	if (rc < 0)
		return rc;
	struct store_txn *txn = ALLOC(struct store_txn);
	*txn = (struct store_txn){db, link};
	*ret_txn = txn;
	return 0;
}

void postgres_txn_end(struct store_txn *txn)
{
	txn->link->cursors = 0;
	postgres_pool_give(&txn->db->pool, txn->link);
	free(txn);
}

/* Nobody waits for the answer: what comes next on the connection comes behind it. */
void postgres_abort(struct store_txn *txn)
{
	postgres_link_put(txn->link, POSTGRES_ROLLBACK, NULL);
	postgres_link_send(txn->link);
	postgres_txn_end(txn);
}
