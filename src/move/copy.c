/* Making the other side's account the same: differences of rows, then the bodies that they need.
 * Which rows are there is kept in memory, so a round costs the reading of our own. */
#include "move/node_internal.h"

#include "base/bytes.h"
#include "directory/admin.h"
#include "move/account.h"

#include <openssl/crypto.h>

enum {
	BODIES_BYTES = 1 << 20, /* of a request, or one body */
	BODIES_MAX = 4096,
	FINISH_TRIES = 4,
	USER_ROW_MAX = 1 << 20,
	ANSWER_MAX = MOVE_MESSAGE_MAX,
};

static int ask(struct move_copy *c, struct move_request *q, struct buf *answer, struct err *err)
{
	q->account = c->account;
	q->run = c->run;
	if (atomic_load(c->node->options.stopping))
		return err_temporary(err, ERR_UNAVAILABLE, "this node is being stopped");
	return move_link_ask(c->link, q, answer, &c->broken, err);
}

static void tell(struct move_copy *c, const char *what, uint64_t done, uint64_t total)
{
	if (c->order->progress)
		(void)c->order->progress(c->order->context, what, done, total);
}

/* STORE_ABSENT: it has gone; nothing is added. */
static int add_body(struct move_copy *c, struct id blob, struct buf *to, struct err *err)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(c->node->options.store, &db);
	size_t before = to->len;
	uint64_t len;
	int r = driver->blob_len(db, blob, &len, err);
	if (r != 0)
		return r;
	move_body_head(blob, len, to);
	r = driver->blob_read(db, blob, 0, len, to, err);
	if (r == 0 && to->failed)
		return err_permanent(err, ERR_LIMIT, "a body is too large to be moved");
	if (r != 0)
		to->len = before;
	return r;
}

/* Takes as many off the front of `ids` as go into one request. */
static int fill(struct move_copy *c, struct slice *ids, struct buf *bodies, uint64_t *ret_count,
	struct err *err)
{
	struct slice bytes;
	for (*ret_count = 0; *ret_count < BODIES_MAX && bodies->len < BODIES_BYTES &&
			     bytes_cut(ids, ID_SIZE, &bytes);) {
		struct id blob;
		memcpy(blob.bytes, bytes.ptr, ID_SIZE);
		int r = add_body(c, blob, bodies, err);
		if (r < 0)
			return r;
		if (r == STORE_ABSENT)
			buf_add_slice(&c->missed, bytes);
		else
			++*ret_count;
	}
	return 0;
}

static int send_bodies(struct move_copy *c, struct slice ids, struct err *err)
{
	int r = 0;
	while (r == 0 && ids.len >= ID_SIZE) {
		AUTO(buf_free) struct buf bodies = BUF(MOVE_MESSAGE_MAX - 4096), answer = BUF(64);
		uint64_t count;
		r = fill(c, &ids, &bodies, &count, err);
		if (r < 0 || count == 0)
			continue;
		struct move_request q = {.type = MOVE_BODIES, .rest = buf_slice(&bodies)};
		r = ask(c, &q, &answer, err);
		c->outcome->sent_bodies += count;
		c->outcome->sent_bytes += bodies.len;
	}
	return r;
}

static int send_rows(
	struct move_copy *c, const struct store_batch *batch, const char *what, struct err *err)
{
	struct slice rest = buf_slice(&batch->bytes);
	uint64_t total = rest.len;
	int r = 0;
	while (r == 0 && rest.len > 0) {
		AUTO(buf_free) struct buf absent = BUF(ANSWER_MAX);
		struct move_request q = {.type = MOVE_APPLY, .rest = move_account_cut(&rest)};
		r = ask(c, &q, &absent, err);
		c->outcome->sent_bytes += q.rest.len;
		if (r == 0)
			r = send_bodies(c, buf_slice(&absent), err);
		tell(c, what, total - rest.len, total);
	}
	return r;
}

/* The other side says which it needs. */
static void no_body(void *context, struct id blob)
{
}

static void replace(struct move_copy *c, struct mirror_rows *rows)
{
	mirror_rows_free(c->have);
	*c->have = *rows;
	*rows = MIRROR_ROWS_NONE;
}

/* `ids` of bodies that are not there: a varint count, then they. */
static int take_rows(
	struct move_copy *c, struct slice answer, struct slice *ret_absent, struct err *err)
{
	struct mirror_rows rows = MIRROR_ROWS_NONE, notes = MIRROR_ROWS_NONE;
	uint64_t count;
	bool good = bytes_cut_varint(&answer, &count) && count <= answer.len / ID_SIZE &&
		    bytes_cut(&answer, count * ID_SIZE, ret_absent) &&
		    mirror_rows_read(answer, c->account, &rows, &notes);
	move_account_drop_references(&rows);
	if (good)
		replace(c, &rows);
	mirror_rows_free(&rows);
	mirror_rows_free(&notes);
	return good ? 0 : err_temporary(err, ERR_BAD_INPUT, "the other node's rows make no sense");
}

int move_copy_begin(struct move_copy *c, struct err *err)
{
	AUTO(buf_free) struct buf answer = BUF(ANSWER_MAX);
	struct move_request q = {.type = MOVE_ROWS};
	struct slice absent;
	int r = ask(c, &q, &answer, err);
	if (r == 0)
		r = take_rows(c, buf_slice(&answer), &absent, err);
	return r == 0 ? send_bodies(c, absent, err) : r;
}

static int send_difference(struct move_copy *c, struct mirror_rows *want, const char *what,
	uint64_t *ret_bytes, struct err *err)
{
	struct store_batch batch;
	uint64_t before = c->outcome->sent_bytes;
	store_batch_init(&batch);
	mirror_rows_diff(c->have, want, &batch, no_body, NULL);
	int r = batch.bytes.failed ? err_permanent(err, ERR_LIMIT, "the account is too large")
				   : send_rows(c, &batch, what, err);
	store_batch_free(&batch);
	if (r == 0)
		replace(c, want);
	*ret_bytes = c->outcome->sent_bytes - before;
	return r;
}

static int copy_rows(
	struct move_copy *c, const char *what, bool locked, uint64_t *ret_bytes, struct err *err)
{
	struct mirror_rows want = MIRROR_ROWS_NONE;
	int r = move_account_rows(c->node->options.store, locked, c->account, &want, err);
	if (r == 0)
		r = send_difference(c, &want, what, ret_bytes, err);
	mirror_rows_free(&want);
	c->outcome->rounds++;
	c->outcome->sent_rows = c->have->count;
	return r;
}

int move_copy_round(struct move_copy *c, const char *what, uint64_t *ret_bytes, struct err *err)
{
	return copy_rows(c, what, false, ret_bytes, err);
}

static bool has_body(const struct mirror_rows *rows, struct slice id)
{
	for (size_t i = 0; i < rows->count; i++) {
		struct id blob = move_account_body_of(&rows->list[i]);
		if (slice_eq(id_slice(&blob), id))
			return true;
	}
	return false;
}

/* Of bodies that had gone: has anything that is still there one of them? */
static int look_at_missed(struct move_copy *c, struct err *err)
{
	struct slice rest = buf_slice(&c->missed), bytes;
	while (bytes_cut(&rest, ID_SIZE, &bytes))
		if (has_body(c->have, bytes))
			return err_temporary(err, ERR_DAMAGED,
				"a body of his is missing here: see rookery store check");
	return 0;
}

enum { DIFFERS = 0, SAME = 1 };

static int ask_whether_same(
	struct move_copy *c, struct slice user_row, struct buf *answer, struct err *err)
{
	struct move_request q = {
		.type = MOVE_FINISH,
		.digest = move_account_digest(c->have),
		.rows = c->have->count,
		.rest = user_row,
	};
	int r = ask(c, &q, answer, err);
	return r == 0 && answer->len == 0
		       ? err_temporary(err, ERR_BAD_INPUT, "the other node's answer is empty")
		       : r;
}

static int finish(struct move_copy *c, struct slice user_row, struct err *err)
{
	uint64_t bytes;
	for (unsigned tries = 0; tries < FINISH_TRIES; tries++) {
		AUTO(buf_free) struct buf answer = BUF(ANSWER_MAX);
		int r = ask_whether_same(c, user_row, &answer, err);
		if (r < 0)
			return r;
		struct slice absent = slice_from(buf_slice(&answer), 1);
		if (answer.data[0] == SAME && absent.len == 0)
			return 0;
		if (answer.data[0] == SAME)
			r = send_bodies(c, absent, err);
		else if ((r = move_copy_begin(c, err)) == 0)
			r = copy_rows(c, "comparing", true, &bytes, err);
		if (r < 0)
			return r;
		if (look_at_missed(c, err) < 0)
			return -1;
	}
	return err_temporary(err, ERR_DAMAGED, "the other node can't make the account the same");
}

int move_copy_finish(struct move_copy *c, struct slice user, struct err *err)
{
	struct buf row = BUF(USER_ROW_MAX);
	struct id account;
	uint64_t bytes;
	int r = copy_rows(c, "the last difference", true, &bytes, err);
	if (r == 0)
		r = look_at_missed(c, err);
	if (r == 0 && c->node->options.internal)
		r = directory_user_export(c->node->options.directory, user, &row, &account, err);
	if (r == 0)
		r = finish(c, buf_slice(&row), err);
	if (row.len > 0)
		OPENSSL_cleanse(row.data, row.len);
	buf_free(&row);
	return r;
}

void move_copy_end(struct move_copy *c)
{
	mirror_rows_free(c->have);
	buf_free(&c->missed);
}
