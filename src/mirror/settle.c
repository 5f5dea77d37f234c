/* Accounts that are apart become one: the first node's work, several at a time. Each is held at
 * both nodes for as long as it takes: rows come over, are merged, bodies go where they are missing,
 * and the second node commits what the account has become before this one does. */
#include "mirror/node_internal.h"

#include "mirror/driver_internal.h"
#include "mirror/merge.h"
#include "mirror/model.h"
#include "mirror/rows.h"
#include "mirror/stage.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "store/key.h"
#include "store/row.h"

enum {
	HOLD_MS = 10 * 1000,
	BODIES_AT_ONCE = 4 << 20, /* bytes; or one body */
	ONE_BODY_MAX = MIRROR_MESSAGE_MAX / 2,
};

/* One account's settling. `here` is this node's side, `there` the other one's. */
struct side {
	struct mirror_rows rows, notes;
	struct store_batch batch; /* what makes the account of it */
	struct mirror_ids needs;  /* bodies */
};

struct settling {
	struct mirror_connection *c;
	struct mirror_node *node;
	struct id account;
	struct side here, there;
	struct mirror_rows want;
	struct err *err;
};

static void side_init(struct side *side)
{
	*side = (struct side){.rows = MIRROR_ROWS_NONE, .notes = MIRROR_ROWS_NONE};
	store_batch_init(&side->batch);
}

static void side_free(struct side *side)
{
	mirror_rows_free(&side->rows);
	mirror_rows_free(&side->notes);
	store_batch_free(&side->batch);
	mirror_ids_free(&side->needs);
}

static void begin_message(struct settling *s, enum mirror_message kind, struct buf *message)
{
	*message = BUF(MIRROR_MESSAGE_MAX);
	buf_add_byte(message, (char)kind);
	buf_add_slice(message, id_slice(&s->account));
}

/* Asks for the message; what it answers goes to `answer`. */
static int ask(struct settling *s, struct buf *message, struct buf *answer)
{
	return mirror_link_ask(s->c->link, message, answer, s->err);
}

static int load_rows(struct settling *s, struct slice theirs)
{
	struct store_db *m = mirror_node_db(s->node);
	int r = mirror_rows_load(m->inner, m->db, NULL, s->account, &s->here.rows, s->err);
	if (r == 0)
		r = mirror_rows_load_notes(
			m->inner, m->db, NULL, s->account, &s->here.notes, s->err);
	if (r == 0 && !mirror_rows_read(theirs, s->account, &s->there.rows, &s->there.notes))
		r = err_temporary(s->err, ERR_DAMAGED, "the other node's rows do not parse");
	return r;
}

static void copy_rows(const struct mirror_rows *from, struct mirror_rows *to)
{
	for (size_t i = 0; i < from->count; i++)
		mirror_rows_add(to, from->list[i].key, from->list[i].value);
	mirror_rows_sort(to);
}

static bool same_rows(const struct mirror_rows *a, const struct mirror_rows *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!slice_eq(a->list[i].key, b->list[i].key) ||
			!slice_eq(a->list[i].value, b->list[i].value))
			return false;
	return true;
}

enum presence {
	NEVER_THERE,
	THERE,
	GOING, /* being deleted */
	GONE,  /* it was there when the two parted */
};

static enum presence presence(const struct settling *s, const struct side *side)
{
	struct store_account row;
	struct mirror_parted parted;
	uint64_t collections;
	struct key key, note;
	key_of_account(&key, KEY_ACCOUNT, s->account);
	key_of_account(&note, KEY_BASE, s->account);
	const struct mirror_row *found = mirror_rows_find(&side->rows, key_slice(&key));
	const struct mirror_row *noted = mirror_rows_find(&side->notes, key_slice(&note));
	if (found)
		return row_get_account(found->value, &row, &collections) && row.gone ? GOING
										     : THERE;
	return noted && mirror_parted_read(noted->value, &parted) && parted.change > 0
		       ? GONE
		       : NEVER_THERE;
}

/* An account that one side deleted is deleted, and one that one side has only comes over as it is.
 * False: there is something to merge. */
static bool take_one_side(struct settling *s)
{
	enum presence here = presence(s, &s->here), there = presence(s, &s->there);
	if (here == THERE && there == THERE && !same_rows(&s->here.rows, &s->there.rows))
		return false;
	copy_rows(here >= there ? &s->here.rows : &s->there.rows, &s->want);
	return true;
}

/* What the account becomes: `want`. */
static int merge(struct settling *s)
{
	struct model here = {0}, there = {0}, merged = {0};
	if (take_one_side(s))
		return 0;
	int r = model_read(&s->here.rows, &here, s->err);
	if (r == 0)
		r = model_read(&s->there.rows, &there, s->err);
	if (r == 0) {
		struct merge_side first = {&here, &s->here.notes},
				  second = {&there, &s->there.notes};
		r = mirror_merge(&first, &second, s->node->options.rules, &merged, s->err);
		if (r == 0)
			model_write(&merged, &s->want);
		model_free(&merged);
	}
	model_free(&here);
	model_free(&there);
	return r;
}

static void needs(void *context, struct id blob)
{
	mirror_ids_add(context, blob);
}

static int by_id(const void *a, const void *b)
{
	return id_cmp(*(const struct id *)a, *(const struct id *)b);
}

static void compare(const struct settling *s, struct side *side)
{
	size_t kept = 0;
	struct mirror_ids *ids = &side->needs;
	mirror_rows_diff(&side->rows, &s->want, &side->batch, needs, ids);
	for (size_t i = 0; i < side->notes.count; i++)
		store_batch_delete(&side->batch, side->notes.list[i].key);
	if (ids->count > 1)
		qsort(ids->list, ids->count, sizeof(*ids->list), by_id);
	for (size_t i = 0; i < ids->count; i++)
		if (i == 0 || !id_eq(ids->list[i], ids->list[i - 1]))
			ids->list[kept++] = ids->list[i];
	ids->count = kept;
	for (size_t i = 0; i < ids->count; i++)
		mirror_stage_drop(s->account, ids->list[i], &side->batch);
}

/* Bodies as a message carries them, to this node's disk. */
static int keep_bodies(struct settling *s, struct slice bytes, size_t *ret_count)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	size_t cap = bytes.len / (ID_SIZE + 1) + 1, count = 0;
	struct store_new_blob *blobs = ARENA_ARRAY(&arena, struct store_new_blob, cap);
	while (bytes.len > 0) {
		if (!mirror_cut_id(&bytes, &blobs[count].id) ||
			!bytes_cut_counted(&bytes, &blobs[count].bytes))
			return err_temporary(
				s->err, ERR_BAD_INPUT, "the other node's bodies do not parse");
		count++;
	}
	*ret_count = count;
	return mirror_stage_bodies(s->node->mirror, blobs, count, s->err);
}

static int missing_body(struct settling *s, struct id blob)
{
	char text[ID_TEXT_SIZE + 1];
	id_to_text(blob, text);
	return err_temporary(s->err, ERR_DAMAGED, "body %s is at neither node", text);
}

/* Lengths are in the objects' rows, but asking for a few at a time is enough: `per` of them. */
static int fetch_bodies(struct settling *s, const struct mirror_ids *absent)
{
	for (size_t at = 0, per = 16; at < absent->count;) {
		AUTO(buf_free) struct buf answer = BUF(MIRROR_MESSAGE_MAX);
		struct buf message = BUF(MIRROR_MESSAGE_MAX);
		size_t count = MIN(per, absent->count - at), got = 0;
		buf_add_byte(&message, MIRROR_BODIES);
		for (size_t i = 0; i < count; i++)
			buf_add_slice(&message, id_slice(&absent->list[at + i]));
		int r = ask(s, &message, &answer);
		if (r == 0)
			r = keep_bodies(s, buf_slice(&answer), &got);
		if (r == 0 && got < count)
			r = missing_body(s, absent->list[at]);
		if (r < 0)
			return r;
		at += count;
		per = answer.len > BODIES_AT_ONCE ? 1 + per / 2 : MIN(2 * per, (size_t)1024);
	}
	return 0;
}

static int get_bodies(struct settling *s)
{
	AUTO(buf_free) struct buf absent = BUF(MIRROR_MESSAGE_MAX);
	struct mirror_ids ids = {0};
	int r = mirror_stage_ids(s->node->mirror, s->account, s->here.needs.list,
		s->here.needs.count, &absent, s->err);
	if (r == 0 && mirror_ids_read(buf_slice(&absent), &ids))
		r = fetch_bodies(s, &ids);
	mirror_ids_free(&ids);
	return r;
}

static void begin_stage(struct settling *s, bool bodies, struct buf *message)
{
	begin_message(s, MIRROR_STAGE, message);
	buf_add_byte(message, bodies);
}

static int send_bodies(struct settling *s, const struct mirror_ids *absent)
{
	struct store_db *m = mirror_node_db(s->node);
	AUTO(buf_free) struct buf body = BUF(ONE_BODY_MAX), answer = BUF(MIRROR_MESSAGE_MAX);
	for (size_t at = 0; at < absent->count;) {
		struct buf message;
		begin_stage(s, true, &message);
		while (at < absent->count && message.len < BODIES_AT_ONCE) {
			buf_clear(&body);
			int r = m->inner->blob_read(
				m->db, absent->list[at], 0, UINT64_MAX, &body, s->err);
			if (r == STORE_ABSENT)
				r = missing_body(s, absent->list[at]);
			if (r < 0) {
				buf_free(&message);
				return r;
			}
			buf_add_slice(&message, id_slice(&absent->list[at++]));
			bytes_add_counted(&message, buf_slice(&body));
		}
		int r = ask(s, &message, &answer);
		if (r < 0)
			return r;
	}
	return 0;
}

static int give_bodies(struct settling *s)
{
	AUTO(buf_free) struct buf answer = BUF(MIRROR_MESSAGE_MAX);
	struct mirror_ids absent = {0};
	struct buf message;
	if (s->there.needs.count == 0)
		return 0;
	begin_stage(s, false, &message);
	for (size_t i = 0; i < s->there.needs.count; i++)
		buf_add_slice(&message, id_slice(&s->there.needs.list[i]));
	int r = ask(s, &message, &answer);
	if (r == 0 && mirror_ids_read(buf_slice(&answer), &absent))
		r = send_bodies(s, &absent);
	mirror_ids_free(&absent);
	return r;
}

static int commit_here(struct settling *s)
{
	struct store_db *m = mirror_node_db(s->node);
	const struct id accounts[] = {STORE_STAGING_ACCOUNT, s->account};
	struct store_apply apply = {.accounts = accounts,
		.account_count = ARRAY_LEN(accounts),
		.batch = &s->here.batch};
	if (s->here.batch.bytes.len == 0)
		return 0;
	if (s->here.batch.bytes.failed)
		return err_permanent(s->err, ERR_LIMIT, "the account is too large for one write");
	return store_apply(m->store, m->inner, m->db, &apply, s->err);
}

/* The lease is this node's before the other one can ask for it. When one of the two disks does not
 * take what the account has become, they differ: the link ends, and the two meet again. */
static int commit_both(struct settling *s)
{
	AUTO(buf_free) struct buf answer = BUF(1);
	struct buf message;
	if (s->there.batch.bytes.failed)
		return err_permanent(s->err, ERR_LIMIT, "the account is too large for one write");
	begin_message(s, MIRROR_SETTLE, &message);
	bytes_add_counted(&message, buf_slice(&s->there.batch.bytes));
	bytes_add_counted(&message, buf_slice(&s->there.batch.released));
	mirror_lease_settled(mirror_leases(s->node->mirror), s->account, true);
	int r = ask(s, &message, &answer);
	if (r == 0)
		r = commit_here(s);
	if (r < 0)
		mirror_connection_cut(s->c, s->err);
	return r;
}

/* The other node need not hold it any more. When the link is gone it does not. */
static void release(struct settling *s)
{
	AUTO(buf_free) struct buf answer = BUF(1);
	struct buf message;
	struct err err;
	begin_message(s, MIRROR_RELEASE, &message);
	if (mirror_link_ask(s->c->link, &message, &answer, &err) < 0)
		log_debug(net_log(s->c->session), "account not released", F_ERR(&err));
}

static int settle_held(struct settling *s)
{
	AUTO(buf_free) struct buf theirs = BUF(MIRROR_MESSAGE_MAX);
	struct buf message;
	begin_message(s, MIRROR_HOLD, &message);
	int r = ask(s, &message, &theirs);
	if (r < 0)
		return r;
	r = load_rows(s, buf_slice(&theirs));
	buf_free(&theirs);
	if (r == 0)
		r = merge(s);
	if (r == 0) {
		compare(s, &s->here);
		compare(s, &s->there);
		r = get_bodies(s);
	}
	if (r == 0)
		r = give_bodies(s);
	if (r == 0)
		return commit_both(s);
	release(s);
	return r;
}

static int settle(struct mirror_connection *c, struct id account, struct err *err)
{
	struct settling s = {
		.c = c, .node = c->node, .account = account, .want = MIRROR_ROWS_NONE, .err = err};
	bool apart;
	int r = mirror_hold_account(
		c->node->mirror, account, clock_mono_ms() + HOLD_MS, &apart, err);
	if (r < 0)
		return r;
	side_init(&s.here);
	side_init(&s.there);
	r = apart ? settle_held(&s) : 0; /* else it is settled already */
	mirror_drop_account(c->node->mirror, account);
	side_free(&s.here);
	side_free(&s.there);
	mirror_rows_free(&s.want);
	return r;
}

/* The next account, if any is left. */
static bool next_account(struct mirror_connection *c, struct id *ret_account)
{
	mirror_node_lock(c->node);
	bool more = !c->ended && c->next_apart < c->apart.count;
	if (more)
		*ret_account = c->apart.list[c->next_apart++];
	else
		c->settling--;
	mirror_node_unlock(c->node);
	return more;
}

static void settle_all(struct mirror_connection *c, void *context)
{
	struct mirror_node *node = c->node;
	struct id account;
	while (next_account(c, &account)) {
		struct err err = {0};
		int r = settle(c, account, &err);
		mirror_node_lock(node);
		node->merged += r == 0;
		if (r < 0 && !c->ended) {
			char text[ID_TEXT_SIZE + 1];
			id_to_text(account, text);
			(void)snprintf(node->merge_error, sizeof(node->merge_error),
				"account %s: %.200s", text, err.text);
			mirror_ids_add(&c->unsettled, account);
		}
		mirror_node_unlock(node);
	}
}

void mirror_settle_start(struct mirror_connection *c)
{
	mirror_node_lock(c->node);
	size_t left = c->apart.count - c->next_apart, start = 0;
	while (c->settling < MIRROR_SETTLERS && start < left) {
		c->settling++;
		start++;
	}
	mirror_node_unlock(c->node);
	while (start-- > 0)
		mirror_connection_run(c, settle_all, NULL);
}

void mirror_settle_again(struct mirror_connection *c, struct id account)
{
	mirror_node_lock(c->node);
	if (!c->ended)
		mirror_ids_add(&c->apart, account);
	mirror_node_unlock(c->node);
	mirror_settle_start(c);
}

/* Those that could not be merged, once more. */
void mirror_settle_retry(struct mirror_connection *c)
{
	mirror_node_lock(c->node);
	for (size_t i = 0; i < c->unsettled.count; i++)
		mirror_ids_add(&c->apart, c->unsettled.list[i]);
	if (c->unsettled.count > 0)
		c->node->merge_error[0] = '\0';
	c->unsettled.count = 0;
	mirror_node_unlock(c->node);
	mirror_settle_start(c);
}
