/* The PostgreSQL driver: keys, bodies and account locks in a database that many nodes share.
 *
 * A txn is a transaction of the server on a connection of its own; all that a commit writes is one
 * round trip (commit.c). docs/formats/postgres.md has the tables, the locks and what each call
 * costs. */
#include "store/drivers/postgres/db.h"

#include "base/alloc.h"
#include "store/drivers/postgres/schema.h"

enum { LOCK_WAIT_MS = 30000, FATE_WAIT_MS = 30000 };

static void free_db(struct store_db *db)
{
	postgres_pool_free(&db->pool);
	free(db->pool.place.database);
	free(db);
}

/* The tables first; then one connection as all will be, so that what is wrong shows now. */
static int open_tables(struct store_db *db, struct err *err)
{
	struct postgres_link *link;
	if (postgres_link_new(&db->pool.place, &link, err) < 0)
		return -1;
	int rc = postgres_schema_ensure(link, db->read_only, err);
	if (rc == 0)
		rc = postgres_link_prepare(link, err);
	postgres_link_free(link);
	return rc;
}

static int driver_open(
	const struct store_driver_options *options, struct store_db **ret_db, struct err *err)
{
	if (!options->database)
		return err_permanent(err, ERR_BAD_INPUT, "no database is named");
	struct store_db *db = ALLOC(struct store_db);
	const struct postgres_place place = {
		.database = slice_dup(slice_str(options->database)),
		.read_only = options->read_only,
		.no_sync = options->no_sync,
		.trips = &db->trips,
	};
	postgres_pool_init(&db->pool, &place,
		options->connections ? options->connections : POSTGRES_LINKS_DEFAULT);
	db->read_only = options->read_only;
	db->lock_wait_ms = LOCK_WAIT_MS;
	db->fate_wait_ms = FATE_WAIT_MS;
	int rc = open_tables(db, err);
	if (rc < 0) {
		free_db(db);
		return rc;
	}
	*ret_db = db;
	return 0;
}

static void driver_close(struct store_db *db)
{
	free_db(db);
}

struct getting {
	struct slice key;
	struct buf *value;
};

static int get(struct postgres_link *link, void *context, struct err *err)
{
	struct getting *g = context;
	struct postgres_arguments a = {.count = 0};
	AUTO(postgres_clear) PGresult *rows = NULL;
	postgres_add_bytes(&a, g->key);
	postgres_link_put(link, POSTGRES_GET, &a);
	if (postgres_link_run(link, &rows, err) < 0)
		return -1;
	if (PQntuples(rows) == 0)
		return STORE_ABSENT;
	buf_add_slice(g->value, postgres_bytes(rows, 0, 0));
	return g->value->failed
		       ? err_temporary(err, ERR_LIMIT, "a value is too large for its buffer")
		       : 0;
}

static int driver_get(struct store_db *db, struct store_txn *txn, struct slice key,
	struct buf *ret_value, struct err *err)
{
	struct getting g = {key, ret_value};
	return txn ? get(txn->link, &g, err) : postgres_pool_call(&db->pool, get, &g, err);
}

static int driver_backup(struct store_db *db, const char *path, store_progress *progress,
	void *context, struct err *err)
{
	return err_permanent(err, ERR_OTHER,
		"a store on PostgreSQL is saved with its database: use pg_dump or pg_basebackup");
}

static struct store_driver_figures driver_figures(struct store_db *db)
{
	return (struct store_driver_figures){
		.commits = atomic_load(&db->commits),
		.bytes_written = atomic_load(&db->bytes_written),
		.blobs_read = atomic_load(&db->blobs_read),
		.blob_bytes_read = atomic_load(&db->blob_bytes_read),
		.round_trips = atomic_load(&db->trips),
	};
}

const struct store_driver store_driver_postgres = {
	.name = "postgres",
	.shared = true,
	.open = driver_open,
	.close = driver_close,
	.begin = postgres_begin,
	.abort = postgres_abort,
	.commit = postgres_commit,
	.get = driver_get,
	.scan = postgres_scan,
	.blob_read = postgres_blob_read,
	.blob_len = postgres_blob_len,
	.backup = driver_backup,
	.check = postgres_check,
	.compact = postgres_compact,
	.figures = driver_figures,
};
