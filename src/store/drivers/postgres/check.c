/* Reads every row of one state: keys, chunks with their checksums, and whether every reference has
 * its blob. Whether the server's own pages are whole shows in reading them: switch its data
 * checksums on. */
#include "store/drivers/postgres/db.h"

#include "store/drivers/postgres/walk.h"

enum { KEYS = 1024, CHUNKS = 16, EVERY = 1024, LINK_WAIT_MS = 30000, WAIT_MS = 60 * 60 * 1000 };

struct check {
	struct postgres_link *link;
	store_report *report;
	store_progress *progress;
	void *context;
	uint64_t done;
	struct id blob; /* whose chunks are being read */
	uint64_t len;   /* that it has by its row */
	uint64_t read;  /* bytes of good chunks */
	uint32_t next;  /* chunk */
	bool bad;       /* something was reported of it */
};

static void found(struct check *c, bool damage, struct id blob, const char *text)
{
	char id[ID_TEXT_SIZE + 1], object[ID_TEXT_SIZE + 8];
	id_to_text(blob, id);
	(void)snprintf(object, sizeof(object), "blob %s", id);
	c->report(c->context, &(struct store_finding){damage, object, text});
}

static int tell(struct check *c, const char *what, struct err *err)
{
	if (++c->done % EVERY == 0 && c->progress && !c->progress(c->context, what, c->done, 0))
		return err_temporary(err, ERR_OTHER, "stopped");
	return 0;
}

/* Walks a query; `row` may be NULL. */
static int each(struct check *c, const char *query, int page, const char *what,
	void (*row)(struct check *c, const PGresult *rows, int at), struct err *err)
{
	struct postgres_walk walk;
	int rc = postgres_walk_init(&walk, c->link, query, NULL, page, page, err), at;
	if (rc < 0)
		return rc;
	while (rc == 0 && (rc = postgres_walk_next(&walk, &at, err)) == 0) {
		if (row)
			row(c, walk.rows, at);
		rc = tell(c, what, err);
	}
	postgres_walk_free(&walk);
	return MIN(rc, 0);
}

static struct id id_of(const PGresult *rows, int row)
{
	struct id id = ID_NONE;
	struct slice bytes = postgres_bytes(rows, row, 0);
	memcpy(id.bytes, bytes.ptr, MIN(bytes.len, (size_t)ID_SIZE));
	return id;
}

static void end_blob(struct check *c)
{
	if (!id_is_none(c->blob) && !c->bad && c->read != c->len)
		found(c, true, c->blob, "it does not have all of its chunks");
}

static void check_chunk(struct check *c, const PGresult *rows, int row)
{
	struct id blob = id_of(rows, row);
	if (!id_eq(blob, c->blob)) {
		end_blob(c);
		c->blob = blob;
		c->len = (uint64_t)postgres_bigint(rows, row, 1);
		c->read = c->next = 0;
		c->bad = false;
	}
	if (PQgetisnull(rows, row, 2) || c->bad)
		return;
	uint32_t number = (uint32_t)postgres_int(rows, row, 2);
	struct slice bytes = postgres_bytes(rows, row, 4);
	c->bad = true;
	if (number != c->next)
		found(c, true, blob, "it has a wrong chunk");
	else if ((uint32_t)postgres_int(rows, row, 3) !=
		 postgres_chunk_checksum(blob, number, bytes))
		found(c, true, blob, "a checksum does not match");
	else
		c->bad = false;
	c->read += bytes.len;
	c->next++;
}

static void report_missing(struct check *c, const PGresult *rows, int row)
{
	found(c, true, id_of(rows, row), "is referred to and is missing");
}

static void report_orphan(struct check *c, const PGresult *rows, int row)
{
	found(c, true, id_of(rows, row), "has chunks and is missing");
}

static void report_unreferred(struct check *c, const PGresult *rows, int row)
{
	char text[96];
	int64_t count = postgres_bigint(rows, row, 0);
	(void)snprintf(text, sizeof(text), "%lld blobs have no reference; compaction frees them",
		(long long)count);
	if (count)
		c->report(c->context, &(struct store_finding){false, "blobs", text});
}

static int check_all(struct check *c, struct err *err)
{
	struct postgres_arguments never = {.count = 0};
	postgres_add_int(&never, 0);
	postgres_link_put(c->link, POSTGRES_BEGIN_ONE_STATE, NULL);
	postgres_link_put(c->link, POSTGRES_TIMEOUT, &never);
	if (each(c, "SELECT key, value FROM store_keys ORDER BY key", KEYS, "keys", NULL, err) < 0)
		return -1;
	int rc = each(c,
		"SELECT b.id, b.length, c.number, c.checksum, c.bytes FROM store_blobs b "
		"LEFT JOIN store_chunks c ON c.blob = b.id ORDER BY b.id, c.number",
		CHUNKS, "blobs", check_chunk, err);
	if (rc < 0)
		return rc;
	end_blob(c);
	if (each(c,
		    "SELECT DISTINCT substring(k.key FROM 2 FOR 16) FROM store_keys k "
		    "WHERE k.key >= '\\x72' AND k.key < '\\x73' AND length(k.key) >= 17 AND NOT "
		    "EXISTS (SELECT FROM store_blobs b WHERE b.id = substring(k.key FROM 2 FOR "
		    "16))",
		    KEYS, "references", report_missing, err) < 0)
		return -1;
	if (each(c,
		    "SELECT DISTINCT c.blob FROM store_chunks c WHERE NOT EXISTS "
		    "(SELECT FROM store_blobs b WHERE b.id = c.blob)",
		    KEYS, "chunks", report_orphan, err) < 0)
		return -1;
	return each(c,
		"SELECT count(*) FROM store_blobs b WHERE NOT EXISTS (SELECT FROM store_keys k "
		"WHERE k.key >= '\\x72' AND k.key < '\\x73' AND length(k.key) >= 17 "
		"AND substring(k.key FROM 2 FOR 16) = b.id)",
		KEYS, "blobs", report_unreferred, err);
}

int postgres_check(struct store_db *db, store_report *report, store_progress *progress,
	void *context, struct err *err)
{
	struct check c = {.report = report, .progress = progress, .context = context};
	if (postgres_pool_take(&db->pool, POSTGRES_HELD, LINK_WAIT_MS, &c.link, err) < 0)
		return -1;
	int usual_ms = c.link->wait_ms;
	c.link->wait_ms = WAIT_MS;
	int rc = check_all(&c, err);
	c.link->wait_ms = usual_ms;
	postgres_link_put(c.link, POSTGRES_ROLLBACK, NULL);
	postgres_link_send(c.link);
	postgres_pool_give(&db->pool, c.link);
	return rc;
}
