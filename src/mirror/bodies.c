/* Bodies that one node has and the other one needs. Most of them go over before the account is
 * held, by what objects refer to at either side; so it is held for its rows only, however large it
 * is.
 *
 * While clients write, moving bodies waits several times as long as it worked, so that they come
 * first. */
#include "mirror/settle_internal.h"

#include "mirror/driver_internal.h"
#include "mirror/pace.h"
#include "mirror/stage.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "store/key.h"
#include "store/row.h"

enum {
	AT_ONCE = 384 << 10, /* bytes, or one body: so that no commit of a client waits for long */
	AT_FIRST = 8,        /* bodies */
	MOST = 256,
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
		.busy_commits = 100, .when_idle = 0, .when_busy = 5, .rest_max_ms = 100};
	if (!s->held)
		wait_pause(mirror_piece_rest(s->node->mirror, piece, &PACE));
}

static uint64_t linking_of(const struct settling *s)
{
	return atomic_load(&s->c->linking);
}

static int missing_body(struct settling *s, struct id blob)
{
	char text[ID_TEXT_SIZE + 1];
	id_to_text(blob, text);
	return err_temporary(s->err, ERR_DAMAGED, "body %s is at neither node", text);
}

/* Nobody knows how long they are, so `per` of them at a time, which is more or less. */
static int get_absent(struct settling *s, const struct mirror_ids *absent)
{
	for (size_t at = 0, per = AT_FIRST; at < absent->count;) {
		AUTO(buf_free) struct buf answer = BUF(MIRROR_MESSAGE_MAX);
		struct buf message = BUF(MIRROR_MESSAGE_MAX);
		struct mirror_piece piece = mirror_piece_begin(s->node->mirror);
		size_t count = MIN(per, absent->count - at), got = 0;
		buf_add_byte(&message, MIRROR_BODIES);
		for (size_t i = 0; i < count; i++)
			buf_add_slice(&message, id_slice(&absent->list[at + i]));
		int r = settle_ask(s, &message, &answer);
		if (r == 0)
			r = mirror_stage_bodies(
				s->node->mirror, linking_of(s), buf_slice(&answer), &got, s->err);
		if (r == 0 && got < count && s->held)
			r = missing_body(s, absent->list[at]);
		if (r < 0)
			return r;
		at += count;
		per = answer.len > AT_ONCE ? 1 + per / 2 : MIN(2 * per, (size_t)MOST);
		rest(s, &piece);
	}
	return 0;
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

/* The next bodies, up to a size; *at moves on. */
static int add_bodies(
	struct settling *s, const struct mirror_ids *absent, size_t *at, struct buf *message)
{
	while (*at < absent->count && message->len < AT_ONCE) {
		struct id id = absent->list[(*at)++];
		int r = mirror_stage_add(s->node->mirror, id, message, s->err);
		if (r == STORE_ABSENT && s->held)
			r = missing_body(s, id);
		if (r < 0)
			return r;
	}
	return 0;
}

static int give_absent(struct settling *s, const struct mirror_ids *absent)
{
	for (size_t at = 0; at < absent->count;) {
		AUTO(buf_free) struct buf answer = BUF(1);
		struct buf message;
		struct mirror_piece piece = mirror_piece_begin(s->node->mirror);
		begin_stage(s, true, &message);
		int r = add_bodies(s, absent, &at, &message);
		if (r < 0) {
			buf_free(&message);
			return r;
		}
		r = settle_ask(s, &message, &answer);
		if (r < 0)
			return r;
		rest(s, &piece);
	}
	return 0;
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

int settle_move_bodies(struct settling *s)
{
	int r = get(s, &s->here.needs);
	return r < 0 ? r : give(s, &s->there.needs);
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
	mirror_ids_free(&here);
	mirror_ids_free(&there);
	return r;
}
