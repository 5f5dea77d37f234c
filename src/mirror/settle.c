/* Accounts that are apart become one: the first node's work, several at a time. Bodies go ahead
 * (bodies.c). Then the account is held at both nodes: rows come over, are merged, bodies that were
 * missed go where they are missing, and the second node commits what the account has become before
 * this one does. */
#include "mirror/settle_internal.h"

#include "mirror/driver_internal.h"
#include "mirror/merge.h"
#include "mirror/model.h"
#include "mirror/stage.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "store/key.h"
#include "store/row.h"

static void side_init(struct side *side)
{
	*side = (struct side){.rows = MIRROR_ROWS_NONE, .notes = MIRROR_ROWS_NONE};
	store_batch_init(&side->batch);
	side->batch.bytes.max = MIRROR_MESSAGE_MAX; /* a whole account */
}

static void side_free(struct side *side)
{
	mirror_rows_free(&side->rows);
	mirror_rows_free(&side->notes);
	store_batch_free(&side->batch);
	mirror_ids_free(&side->needs);
	mirror_ids_free(&side->fetched);
}

static int load_rows(struct settling *s, struct slice theirs)
{
	int r = mirror_mend_load(s->node, s->account, &s->here.rows, &s->here.notes, s->err);
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

/* What was noted since they parted. */
static void copy_notes(const struct mirror_rows *from, struct mirror_rows *to)
{
	for (size_t i = 0; i < from->count; i++)
		if (from->list[i].key.ptr[0] == KEY_BASE)
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
	struct mirror_rows notes = MIRROR_ROWS_NONE, theirs = MIRROR_ROWS_NONE;
	if (take_one_side(s))
		return 0;
	int r = model_read(&s->here.rows, &here, s->err);
	if (r == 0)
		r = model_read(&s->there.rows, &there, s->err);
	mirror_mend_judge(&s->here.rows, &here);
	mirror_mend_judge(&s->there.rows, &there);
	if (r == 0) {
		struct merge_side first = {&here, &notes, s->taken}, second = {&there, &theirs, 0};
		if (s->noted)
			copy_notes(&s->here.notes, &notes);
		copy_notes(&s->there.notes, &theirs);
		if (notes.count > 0 || theirs.count > 0)
			mirror_fill_gaps(&here, &there);
		if (s->taken > 0)
			mirror_follow_joins(&there, &here, &notes);
		r = mirror_merge(&first, &second, s->node->options.rules, &merged, s->err);
		if (r == 0)
			model_write(&merged, &s->want);
		model_free(&merged);
	}
	model_free(&here);
	model_free(&there);
	mirror_rows_free(&notes);
	mirror_rows_free(&theirs);
	return r;
}

static void needs(void *context, struct id blob)
{
	mirror_ids_add(context, blob);
}

static void compare(const struct settling *s, struct side *side)
{
	mirror_rows_diff(&side->rows, &s->want, &side->batch, needs, &side->needs);
	mirror_ids_sort(&side->needs);
	for (size_t i = 0; i < side->notes.count; i++)
		store_batch_delete(&side->batch, side->notes.list[i].key);
}

/* The lease is this node's before the other one can ask for it. When one of the two disks does not
 * take what the account has become, they differ: the link ends, and the two meet again. */
static int commit_both(struct settling *s)
{
	AUTO(buf_free) struct buf answer = BUF(1);
	struct buf message;
	settle_begin_message(s, MIRROR_SETTLE, &message);
	bytes_add_counted(&message, buf_slice(&s->there.batch.bytes));
	bytes_add_counted(&message, buf_slice(&s->there.batch.released));
	mirror_lease_settled(mirror_leases(s->node->mirror), s->account, true);
	int r = settle_ask(s, &message, &answer);
	if (r == 0)
		r = mirror_stage_settle(s->node->mirror, s->account, &s->here.batch, s->err);
	if (r == 0)
		mirror_mend_settled(s->node, s->account);
	if (r < 0) {
		mirror_connection_cut(s->c, s->err);
		mirror_lease_doubt(mirror_leases(s->node->mirror), s->account);
	}
	return r;
}

static int prepare_commit(struct settling *s)
{
	int r = settle_move_bodies(s);
	settle_note_taken(s, &s->there.batch);
	if (r == 0 && s->there.batch.bytes.failed)
		r = err_permanent(s->err, ERR_LIMIT, "the account is too large for one write");
	return r == 0 ? settle_note_offer(s) : r;
}

/* The other node need not hold it any more. When the link is gone it does not. */
static void release(struct settling *s)
{
	AUTO(buf_free) struct buf answer = BUF(1);
	struct buf message;
	struct err err;
	settle_begin_message(s, MIRROR_RELEASE, &message);
	if (mirror_link_ask(s->c->link, &message, &answer, &err) < 0)
		log_debug(s->c->log, "account not released", F_ERR(&err));
}

static int settle_held(struct settling *s)
{
	AUTO(buf_free) struct buf theirs = BUF(MIRROR_MESSAGE_MAX);
	struct buf message;
	settle_begin_message(s, MIRROR_HOLD, &message);
	int r = settle_ask(s, &message, &theirs);
	if (r < 0)
		return r;
	r = load_rows(s, buf_slice(&theirs));
	buf_free(&theirs);
	if (r == 0) {
		settle_choose_notes(s);
		r = merge(s);
	}
	if (r == 0) {
		settle_note_joined(s);
		compare(s, &s->here);
		compare(s, &s->there);
		r = prepare_commit(s);
	}
	if (r == 0)
		return commit_both(s);
	release(s);
	return r;
}

static int hold_and_settle(struct settling *s)
{
	bool apart;
	int r = mirror_hold_account(
		s->node->mirror, s->account, clock_mono_ms() + SETTLE_HOLD_MS, &apart, s->err);
	if (r < 0)
		return r;
	s->held = true;
	r = apart ? settle_held(s) : 0; /* else it is settled already */
	mirror_drop_account(s->node->mirror, s->account);
	return r;
}

static int settle(struct mirror_connection *c, struct id account, struct err *err)
{
	struct settling s = {
		.c = c, .node = c->node, .account = account, .want = MIRROR_ROWS_NONE, .err = err};
	side_init(&s.here);
	side_init(&s.there);
	store_batch_init(&s.offer);
	s.offer.bytes.max = MIRROR_MESSAGE_MAX;
	int r = settle_fetch_ahead(&s);
	if (r == 0)
		r = hold_and_settle(&s);
	side_free(&s.here);
	side_free(&s.there);
	store_batch_free(&s.offer);
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
