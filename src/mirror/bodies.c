/* Bodies that one node has and the other one needs. Most of them go over before the account is
 * held, by what objects refer to at either side; so it is held for its rows only, however large it
 * is.
 *
 * They go in pieces, several of which are under way at once: while one is written and synced there,
 * the next is read and sent here. While clients write, moving bodies rests after each piece, so
 * that they come first. */
#include "mirror/settle_internal.h"

#include "mirror/driver_internal.h"
#include "mirror/lanes.h"
#include "mirror/pace.h"
#include "mirror/stage.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "store/key.h"
#include "store/row.h"

enum {
	AT_ONCE = 192 << 10, /* bytes, or one body: so that no commit of a client waits for long */
	AT_FIRST = 4,        /* bodies */
	MOST = 256,
	GIVING = 6,           /* pieces at once, of an account */
	GETTING = 2,          /* whose size is not known before */
	UNDER_WAY = 16 << 20, /* bytes that are given, or one body */
	NO_ROOM_MS = 2,       /* until it is looked again whether there is some */
};

void settle_begin_message(struct settling *s, enum mirror_message kind, struct buf *message)
{
	*message = BUF(MIRROR_MESSAGE_MAX);
	buf_add_byte(message, (char)kind);
	buf_add_slice(message, id_slice(&s->account));
}

int settle_ask(struct settling *s, struct buf *message, struct buf *answer)
{
	return mirror_link_ask(s->c->link, message, answer, s->err);
}

static void rest(const struct settling *s, const struct mirror_piece *piece)
{
	static const struct mirror_pace PACE = {
		.busy_commits = 100, .when_idle = 0, .when_busy = 8, .rest_max_ms = 250};
	if (!s->held)
		wait_pause(mirror_piece_rest(s->node->mirror, piece, &PACE));
}

static uint64_t linking_of(const struct settling *s)
{
	return atomic_load(&s->c->linking);
}

static int missing_body(struct id blob, struct err *err)
{
	char text[ID_TEXT_SIZE + 1];
	id_to_text(blob, text);
	return err_temporary(err, ERR_DAMAGED, "body %s is at neither node", text);
}

/* Bodies of an account that are to be moved, by several lanes. */
struct moving {
	struct settling *s;
	const struct mirror_ids *ids;
	atomic_size_t next;      /* of ids */
	atomic_size_t under_way; /* bytes that are given */
	atomic_size_t per;       /* bodies at a time that are got */
	atomic_bool missed;      /* some were not where they should have been */
};

/* A body that is not there: may be while the account is not held. */
static int miss(struct moving *m, struct id blob, struct err *err)
{
	atomic_store(&m->missed, true);
	return m->s->held ? missing_body(blob, err) : 0;
}

/* Nobody knows how long they are, so `per` of them at a time, which is more or less. */
static int get_piece(void *context, struct err *err)
{
	struct moving *m = context;
	struct settling *s = m->s;
	AUTO(buf_free) struct buf answer = BUF(MIRROR_MESSAGE_MAX);
	struct buf message = BUF(MIRROR_MESSAGE_MAX);
	struct mirror_piece piece = mirror_piece_begin(s->node->mirror);
	size_t per = atomic_load(&m->per), at = atomic_fetch_add(&m->next, per), got = 0;
	if (at >= m->ids->count)
		return 0;
	size_t count = MIN(per, m->ids->count - at);
	buf_add_byte(&message, MIRROR_BODIES);
	for (size_t i = 0; i < count; i++)
		buf_add_slice(&message, id_slice(&m->ids->list[at + i]));
	int r = mirror_link_ask(s->c->link, &message, &answer, err);
	if (r == 0)
		r = mirror_stage_bodies(
			s->node->mirror, linking_of(s), &s->account, buf_slice(&answer), &got, err);
	if (r == 0 && got < count)
		r = miss(m, m->ids->list[at], err);
	if (r < 0)
		return r;
	atomic_store(&m->per, answer.len > AT_ONCE ? 1 + per / 2 : MIN(2 * per, (size_t)MOST));
	rest(s, &piece);
	return 1;
}

static int get_absent(struct settling *s, const struct mirror_ids *absent)
{
	struct moving moving = {.s = s, .ids = absent, .per = AT_FIRST};
	int r = mirror_lanes_run(s->c, GETTING, get_piece, &moving, s->err);
	s->missed = s->missed || atomic_load(&moving.missed);
	return r;
}

static int get(struct settling *s, const struct mirror_ids *needs)
{
	AUTO(buf_free) struct buf absent = BUF(MIRROR_MESSAGE_MAX);
	struct mirror_ids ids = {0};
	int r = mirror_stage_ids(s->node->mirror, linking_of(s), s->account, needs->list,
		needs->count, &absent, s->err);
	if (r == 0 && mirror_ids_read(buf_slice(&absent), &ids))
		r = get_absent(s, &ids);
	mirror_ids_free(&ids);
	return r;
}

static void begin_stage(struct settling *s, bool bodies, struct buf *message)
{
	settle_begin_message(s, MIRROR_STAGE, message);
	buf_add_byte(message, bodies);
}

/* Room for a body, so that few large ones need not much memory. */
static bool reserve(struct moving *m, size_t len)
{
	size_t before = atomic_fetch_add(&m->under_way, len);
	bool fits = before == 0 || before + len <= UNDER_WAY;
	if (!fits)
		atomic_fetch_sub(&m->under_way, len);
	return fits;
}

enum { CLAIMED, ALL_CLAIMED, NO_ROOM };

/* The next body that this node has is the caller's to give, and room is reserved for it. Negative:
 * failure. */
static int claim(struct moving *m, struct id *ret_id, size_t *ret_len, struct err *err)
{
	struct store_db *db = mirror_node_db(m->s->node);
	for (size_t at = atomic_load(&m->next); at < m->ids->count; at = atomic_load(&m->next)) {
		uint64_t len = 0;
		*ret_id = m->ids->list[at];
		int r = db->inner->blob_len(db->db, *ret_id, &len, err);
		if (r < 0 || (r == STORE_ABSENT && miss(m, *ret_id, err) < 0))
			return -1;
		if (r == 0 && !reserve(m, (size_t)len))
			return NO_ROOM;
		*ret_len = (size_t)len;
		bool mine = atomic_compare_exchange_strong(&m->next, &at, at + 1);
		if (mine && r == 0)
			return CLAIMED;
		if (r == 0)
			atomic_fetch_sub(&m->under_way, (size_t)len);
	}
	return ALL_CLAIMED;
}

/* Adds the next body to a piece, whose own *reserved is. */
static int add_body(struct moving *m, struct buf *message, size_t *reserved, struct err *err)
{
	struct id id;
	size_t len = 0;
	int r = claim(m, &id, &len, err);
	if (r != CLAIMED)
		return r;
	r = mirror_stage_add(m->s->node->mirror, id, message, err);
	if (r == 0)
		*reserved += len;
	else
		atomic_fetch_sub(&m->under_way, len);
	return r == STORE_ABSENT ? miss(m, id, err) : r; /* it went in this moment */
}

/* The next bodies, up to a size; *reserved is theirs, whatever it returns. */
static int add_bodies(struct moving *m, struct buf *message, size_t *reserved, struct err *err)
{
	size_t head = message->len;
	int r = CLAIMED;
	while (r == CLAIMED && message->len - head < AT_ONCE) {
		r = add_body(m, message, reserved, err);
		if (r == NO_ROOM && message->len == head) {
			wait_pause(clock_mono_ms() + NO_ROOM_MS);
			r = CLAIMED;
		}
	}
	return r < 0 || message->len == head ? r : CLAIMED;
}

static int give_piece(void *context, struct err *err)
{
	struct moving *m = context;
	struct settling *s = m->s;
	AUTO(buf_free) struct buf answer = BUF(1);
	AUTO(buf_free) struct buf message = BUF(0);
	struct mirror_piece piece = mirror_piece_begin(s->node->mirror);
	size_t reserved = 0;
	begin_stage(s, true, &message);
	if (!buf_reserve(&message, AT_ONCE + AT_ONCE / 8))
		return err_temporary(err, ERR_OTHER, "no memory to send bodies");
	int r = add_bodies(m, &message, &reserved, err);
	if (r == CLAIMED)
		r = mirror_link_ask(s->c->link, &message, &answer, err);
	atomic_fetch_sub(&m->under_way, reserved);
	if (r != 0)
		return MIN(r, 0); /* all are claimed */
	rest(s, &piece);
	return 1;
}

static int give_absent(struct settling *s, const struct mirror_ids *absent)
{
	struct moving moving = {.s = s, .ids = absent};
	int r = mirror_lanes_run(s->c, GIVING, give_piece, &moving, s->err);
	s->missed = s->missed || atomic_load(&moving.missed);
	return r;
}

static int give(struct settling *s, const struct mirror_ids *needs)
{
	AUTO(buf_free) struct buf answer = BUF(MIRROR_MESSAGE_MAX);
	struct mirror_ids absent = {0};
	struct buf message;
	if (needs->count == 0)
		return 0;
	begin_stage(s, false, &message);
	for (size_t i = 0; i < needs->count; i++)
		buf_add_slice(&message, id_slice(&needs->list[i]));
	int r = settle_ask(s, &message, &answer);
	if (r == 0 && mirror_ids_read(buf_slice(&answer), &absent))
		r = give_absent(s, &absent);
	mirror_ids_free(&absent);
	return r;
}

struct roster {
	struct store_db *m;
	struct mirror_ids *to;
	struct err *err;
	int result;
};

/* A body that is missing here is one that the other node may have. */
static bool take_object(void *context, struct slice key, struct slice value)
{
	struct roster *r = context;
	struct store_object object;
	uint64_t len;
	if (!row_get_object(value, &object) || id_is_none(object.blob))
		return true;
	r->result = r->m->inner->blob_len(r->m->db, object.blob, &len, r->err);
	if (r->result == 0)
		mirror_ids_add(r->to, object.blob);
	return r->result >= 0;
}

int settle_roster(
	struct mirror_node *node, struct id account, struct mirror_ids *to, struct err *err)
{
	struct store_db *m = mirror_node_db(node);
	struct store_driver reader = mirror_mend_reader(node);
	struct roster roster = {m, to, err, 0};
	struct key from, end;
	key_of_account(&from, KEY_OBJECT, account);
	end = from;
	key_to_end(&end);
	int r = reader.scan(
		m->db, NULL, key_slice(&from), key_slice(&end), false, take_object, &roster, err);
	if (r < 0 && err->kind == ERR_DAMAGED)
		atomic_store(&m->hurt, true);
	mirror_ids_sort(to);
	return r < 0 ? r : MIN(roster.result, 0);
}

/* Both are sorted. */
static void missing_in(
	const struct mirror_ids *have, const struct mirror_ids *all, struct mirror_ids *to)
{
	for (size_t i = 0, at = 0; i < all->count; i++) {
		while (at < have->count && id_cmp(have->list[at], all->list[i]) < 0)
			at++;
		if (at == have->count || !id_eq(have->list[at], all->list[i]))
			mirror_ids_add(to, all->list[i]);
	}
}

int settle_move_bodies(struct settling *s)
{
	struct mirror_ids here = {0}, there = {0};
	missing_in(&s->here.fetched, &s->here.needs, &here);
	missing_in(&s->there.fetched, &s->there.needs, &there);
	int r = get(s, &here);
	if (r == 0)
		r = give(s, &there);
	mirror_ids_free(&here);
	mirror_ids_free(&there);
	return r;
}

int settle_fetch_ahead(struct settling *s)
{
	AUTO(buf_free) struct buf answer = BUF(MIRROR_MESSAGE_MAX);
	struct mirror_ids here = {0}, there = {0};
	struct buf message;
	settle_begin_message(s, MIRROR_ROSTER, &message);
	int r = settle_ask(s, &message, &answer);
	if (r == 0 && !mirror_ids_read(buf_slice(&answer), &there))
		r = err_temporary(s->err, ERR_BAD_INPUT, "the other node answers something else");
	if (r == 0)
		r = settle_roster(s->node, s->account, &here, s->err);
	if (r == 0) {
		mirror_ids_sort(&there);
		missing_in(&here, &there, &s->here.fetched);
		missing_in(&there, &here, &s->there.fetched);
		r = get(s, &s->here.fetched);
	}
	if (r == 0)
		r = give(s, &s->there.fetched);
	if (s->missed) { /* nobody knows which: they are asked for anew, if they are needed */
		mirror_ids_free(&s->here.fetched);
		mirror_ids_free(&s->there.fetched);
	}
	mirror_ids_free(&here);
	mirror_ids_free(&there);
	return r;
}
