/* Bodies: rows of chunks, each with its checksum. A range reads the chunks that it touches. The
 * first step comes with the blob's length, so that most bodies are one round trip; what is left of
 * a longer one is asked for in steps that are all on their way at once, and each step's rows are
 * used and dropped as they come. */
#include "store/drivers/postgres/db.h"

enum { STEP = 16 }; /* chunks */

struct reading {
	struct id blob;
	uint64_t from, until; /* the range, cut to what the blob has once `known` */
	uint64_t len;         /* of the blob */
	bool known;
	uint32_t next; /* chunk */
	struct buf *to;
};

static int damaged(const struct reading *r, const char *what, struct err *err)
{
	char text[ID_TEXT_SIZE + 1];
	id_to_text(r->blob, text);
	return err_permanent(
		err, ERR_DAMAGED, "blob %s, chunk %u: %s", text, (unsigned)r->next, what);
}

/* Verifies a chunk and takes what belongs to the range. */
static int take_chunk(struct reading *r, const PGresult *rows, int row, struct err *err)
{
	struct slice bytes = postgres_bytes(rows, row, 3);
	uint64_t at = (uint64_t)r->next * POSTGRES_CHUNK;
	uint64_t first = MAX(r->from, at), last = MIN(r->until, at + bytes.len);
	if (PQgetisnull(rows, row, 1) || (uint32_t)postgres_int(rows, row, 1) != r->next)
		return damaged(r, "it is missing", err);
	if ((uint32_t)postgres_int(rows, row, 2) !=
		postgres_chunk_checksum(r->blob, r->next, bytes))
		return damaged(r, "its checksum does not match", err);
	if (bytes.len != MIN(r->len - at, (uint64_t)POSTGRES_CHUNK))
		return damaged(r, "its length is wrong", err);
	if (first < last)
		buf_add_slice(
			r->to, slice_sub(bytes, (size_t)(first - at), (size_t)(last - first)));
	r->next++;
	return r->to->failed ? err_temporary(err, ERR_LIMIT, "no room for a blob") : 0;
}

static int take_step(void *context, const PGresult *rows, struct err *err)
{
	struct reading *r = context;
	int count = PQntuples(rows);
	if (count == 0)
		return r->known ? damaged(r, "the blob went while it was read", err) : 0;
	if (!r->known) {
		r->len = (uint64_t)postgres_bigint(rows, 0, 0);
		r->until = MIN(r->until, r->len);
		r->from = MIN(r->from, r->until);
		r->known = true;
	}
	if (r->from == r->until)
		return 0;
	for (int i = 0; i < count; i++)
		if (take_chunk(r, rows, i, err) < 0)
			return -1;
	return 0;
}

static void put_step(struct postgres_link *link, const struct reading *r, uint64_t first)
{
	struct postgres_arguments a = {.count = 0};
	uint64_t last = MIN(first + STEP, (r->until + POSTGRES_CHUNK - 1) / POSTGRES_CHUNK) - 1;
	postgres_add_bytes(&a, id_slice(&r->blob));
	postgres_add_int(&a, (int32_t)MIN(first, (uint64_t)INT32_MAX));
	postgres_add_int(&a, (int32_t)MIN(last, (uint64_t)INT32_MAX));
	postgres_link_put(link, POSTGRES_BLOB, &a);
}

static int read_range(struct postgres_link *link, void *context, struct err *err)
{
	struct reading *asked = context, r = *asked;
	size_t before = r.to->len, room = r.to->max - before;
	/* Not more than one byte past what there is room for: that is enough to fail. */
	if (r.until - r.from > (uint64_t)room + 1)
		r.until = r.from + room + 1;
	r.next = (uint32_t)MIN(r.from / POSTGRES_CHUNK, (uint64_t)INT32_MAX);
	put_step(link, &r, r.next);
	int rc = postgres_link_run_each(link, take_step, &r, err);
	if (rc == 0 && !r.known)
		return STORE_ABSENT;
	uint64_t last = (r.until + POSTGRES_CHUNK - 1) / POSTGRES_CHUNK;
	if (rc == 0 && r.from < r.until && r.next < last) {
		for (uint64_t first = r.next; first < last; first += STEP)
			put_step(link, &r, first);
		rc = postgres_link_run_each(link, take_step, &r, err);
	}
	if (rc == 0 && r.to->len - before != r.until - r.from)
		rc = damaged(&r, "it is missing", err);
	if (rc < 0)
		r.to->len = before;
	return rc;
}

int postgres_blob_read(struct store_db *db, struct id blob, uint64_t offset, uint64_t len,
	struct buf *to, struct err *err)
{
	struct reading r = {.blob = blob, .from = offset, .to = to};
	size_t before = to->len;
	r.until = len > UINT64_MAX - offset ? UINT64_MAX : offset + len;
	int rc = postgres_pool_call(&db->pool, read_range, &r, err);
	if (rc == 0) {
		atomic_fetch_add(&db->blobs_read, 1);
		atomic_fetch_add(&db->blob_bytes_read, to->len - before);
	}
	return rc;
}

struct asking {
	struct id blob;
	uint64_t len;
};

static int read_len(struct postgres_link *link, void *context, struct err *err)
{
	struct asking *asking = context;
	struct postgres_arguments a = {.count = 0};
	AUTO(postgres_clear) PGresult *rows = NULL;
	postgres_add_bytes(&a, id_slice(&asking->blob));
	postgres_link_put(link, POSTGRES_BLOB_LEN, &a);
	if (postgres_link_run(link, &rows, err) < 0)
		return -1;
	if (PQntuples(rows) == 0)
		return STORE_ABSENT;
	asking->len = (uint64_t)postgres_bigint(rows, 0, 0);
	return 0;
}

int postgres_blob_len(struct store_db *db, struct id blob, uint64_t *ret_len, struct err *err)
{
	struct asking asking = {.blob = blob};
	int rc = postgres_pool_call(&db->pool, read_len, &asking, err);
	if (rc == 0)
		*ret_len = asking.len;
	return rc;
}
