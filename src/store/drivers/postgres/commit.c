/* A commit is one pipeline: new blobs, keys, suspects, the commit's id, COMMIT; one round trip
 * whatever is in it.
 *
 * Of several changes to a key only the last one counts, so the batch becomes a set of keys to put
 * and a set to delete, each in the order of keys. Two that change the same keys under different
 * accounts wait for each other; should that be a ring, the server ends one of them, which is a
 * temporary error. */
#include "store/drivers/postgres/db.h"

#include "base/alloc.h"
#include "base/bytes.h"

enum { STATEMENT_BYTES = 1 << 20, STATEMENT_ROWS = 4096 };

struct change {
	struct slice key, value;
	enum store_op op;
};

struct changes {
	struct change *list;
	size_t count;
};

/* Equal keys stand in the order of the batch, since its bytes do. */
static int by_key(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	int order = slice_cmp(x->key, y->key);
	return order ? order : (x->key.ptr > y->key.ptr) - (x->key.ptr < y->key.ptr);
}

/* The last change of each key, by key. The slices are the batch's. */
static int read_batch(const struct store_batch *batch, struct changes *ret_changes, struct err *err)
{
	struct slice rest = buf_slice(&batch->bytes), key, value;
	struct changes c = {NULL, 0};
	size_t room = 0, kept = 0;
	enum store_op op;
	bool bad = false;
	if (batch->bytes.failed || batch->released.failed)
		return err_temporary(err, ERR_LIMIT, "more changes than one batch holds");
	while (store_batch_next(&rest, &op, &key, &value, &bad)) {
		if (c.count == room)
			c.list = alloc_resize(c.list, room = room * 2 + 16, sizeof(*c.list));
		c.list[c.count++] = (struct change){key, value, op};
	}
	if (bad) {
		free(c.list);
		return err_bug(err, "the batch is no batch");
	}
	if (c.count)
		qsort(c.list, c.count, sizeof(*c.list), by_key);
	for (size_t i = 0; i < c.count; i++)
		if (i + 1 == c.count || !slice_eq(c.list[i].key, c.list[i + 1].key))
			c.list[kept++] = c.list[i];
	c.count = kept;
	*ret_changes = c;
	return 0;
}

/* Columns of a statement's rows, put in pieces of bounded size. */
struct rows {
	struct postgres_link *link;
	enum postgres_statement statement;
	int columns;
	struct postgres_array column[POSTGRES_ARGUMENTS];
};

static void rows_init(struct rows *r, struct postgres_link *link, enum postgres_statement statement,
	const enum postgres_type *types, int columns)
{
	*r = (struct rows){.link = link, .statement = statement, .columns = columns};
	for (int i = 0; i < columns; i++)
		postgres_array_init(&r->column[i], types[i]);
}

static void rows_put(struct rows *r)
{
	struct postgres_arguments a = {.count = 0};
	if (r->column[0].count == 0)
		return;
	for (int i = 0; i < r->columns; i++) {
		postgres_add_array(&a, &r->column[i]);
		if (r->column[i].bytes.failed)
			r->link->lost = true; /* no memory: this commit can't be whole */
	}
	postgres_link_put(r->link, r->statement, &a);
	for (int i = 0; i < r->columns; i++)
		postgres_array_clear(&r->column[i]);
}

/* After each row. */
static void rows_put_when_full(struct rows *r)
{
	size_t bytes = 0;
	for (int i = 0; i < r->columns; i++)
		bytes += r->column[i].bytes.len;
	if (bytes >= STATEMENT_BYTES || r->column[0].count >= STATEMENT_ROWS)
		rows_put(r);
}

static void rows_free(struct rows *r)
{
	rows_put(r);
	for (int i = 0; i < r->columns; i++)
		postgres_array_free(&r->column[i]);
}

static void put_changes(struct postgres_link *link, const struct changes *c)
{
	static const enum postgres_type types[] = {POSTGRES_BYTEA, POSTGRES_BYTEA};
	struct rows puts, deletes;
	rows_init(&puts, link, POSTGRES_PUT, types, 2);
	rows_init(&deletes, link, POSTGRES_DELETE, types, 1);
	for (size_t i = 0; i < c->count; i++) {
		struct rows *rows = c->list[i].op == STORE_PUT ? &puts : &deletes;
		postgres_array_bytes(&rows->column[0], c->list[i].key);
		if (rows == &puts)
			postgres_array_bytes(&rows->column[1], c->list[i].value);
		rows_put_when_full(rows);
	}
	rows_free(&puts);
	rows_free(&deletes);
}

uint32_t postgres_chunk_checksum(struct id blob, uint32_t number, struct slice bytes)
{
	char place[ID_SIZE + 4];
	memcpy(place, blob.bytes, ID_SIZE);
	bytes_put_be32(place + ID_SIZE, number);
	return bytes_crc32c(bytes_crc32c(0, slice(place, sizeof(place))), bytes);
}

static void put_chunks(struct rows *chunks, const struct store_new_blob *blob)
{
	uint32_t number = 0;
	for (size_t at = 0; at < blob->bytes.len; at += POSTGRES_CHUNK, number++) {
		struct slice bytes = slice_sub(blob->bytes, at, POSTGRES_CHUNK);
		postgres_array_bytes(&chunks->column[0], id_slice(&blob->id));
		postgres_array_int(&chunks->column[1], (int32_t)number);
		postgres_array_int(&chunks->column[2],
			(int32_t)postgres_chunk_checksum(blob->id, number, bytes));
		postgres_array_bytes(&chunks->column[3], bytes);
		rows_put_when_full(chunks);
	}
}

static void put_blobs(struct postgres_link *link, const struct store_new_blob *blobs, size_t count)
{
	static const enum postgres_type of_blob[] = {POSTGRES_BYTEA, POSTGRES_BIGINT};
	static const enum postgres_type of_chunk[] = {
		POSTGRES_BYTEA, POSTGRES_INT, POSTGRES_INT, POSTGRES_BYTEA};
	struct rows rows, chunks;
	rows_init(&rows, link, POSTGRES_NEW_BLOBS, of_blob, 2);
	rows_init(&chunks, link, POSTGRES_NEW_CHUNKS, of_chunk, 4);
	for (size_t i = 0; i < count; i++) {
		postgres_array_bytes(&rows.column[0], id_slice(&blobs[i].id));
		postgres_array_bigint(&rows.column[1], (int64_t)blobs[i].bytes.len);
		rows_put_when_full(&rows);
		put_chunks(&chunks, &blobs[i]);
	}
	rows_free(&rows);
	rows_free(&chunks);
}

static void put_released(struct postgres_link *link, struct slice ids)
{
	static const enum postgres_type types[] = {POSTGRES_BYTEA};
	struct rows rows;
	rows_init(&rows, link, POSTGRES_RELEASE, types, 1);
	for (; ids.len >= ID_SIZE; ids = slice_from(ids, ID_SIZE)) {
		postgres_array_bytes(&rows.column[0], slice(ids.ptr, ID_SIZE));
		rows_put_when_full(&rows);
	}
	rows_free(&rows);
}

static void put_end(struct postgres_link *link, const struct id *commit)
{
	struct postgres_arguments a = {.count = 0};
	postgres_add_bytes(&a, id_slice(commit));
	postgres_add_bytes(&a, id_slice(&link->commit));
	postgres_link_put(link, POSTGRES_COMMIT_ID, &a);
	postgres_link_put(link, POSTGRES_COMMIT, NULL);
}

static int write_all(struct store_txn *txn, const struct changes *changes, struct slice released,
	const struct store_new_blob *blobs, size_t blob_count, struct err *err)
{
	struct postgres_link *link = txn->link;
	AUTO(postgres_clear) PGresult *last = NULL;
	struct id commit = id_new();
	/* What broke before is no commit: then nothing of it is sent. */
	if (!postgres_link_alive(link))
		return postgres_link_run(link, NULL, err);
	put_blobs(link, blobs, blob_count);
	put_changes(link, changes);
	put_released(link, released);
	put_end(link, &commit);
	int rc = postgres_link_run(link, &last, err);
	if (link->lost)
		return postgres_fate(txn->db, commit, err);
	if (rc == 0 && strcmp(PQcmdStatus(last), "COMMIT") != 0)
		rc = err_temporary(err, ERR_UNAVAILABLE, "the database rolled a commit back");
	if (rc == 0)
		link->commit = commit;
	return rc;
}

static void count(struct store_db *db, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t blob_count)
{
	uint64_t bytes = batch->bytes.len;
	for (size_t i = 0; i < blob_count; i++)
		bytes += blobs[i].bytes.len;
	atomic_fetch_add(&db->commits, 1);
	atomic_fetch_add(&db->bytes_written, bytes);
}

int postgres_commit(struct store_txn *txn, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t blob_count, struct err *err)
{
	struct err own = {0};
	struct changes changes = {NULL, 0};
	int rc = 0;
	err = err ? err : &own;
	if (txn->db->read_only)
		rc = err_permanent(err, ERR_DENIED, "the store is open for reading only");
	else
		rc = read_batch(batch, &changes, err);
	if (rc == 0)
		rc = write_all(txn, &changes, buf_slice(&batch->released), blobs, blob_count, err);
	if (rc == 0)
		count(txn->db, batch, blobs, blob_count);
	free(changes.list);
	if (rc == 0)
		postgres_txn_end(txn);
	else
		postgres_abort(txn);
	return rc;
}
