/* What was noted about an account, when one more merge of it is made: which of it holds, and what
 * is noted from now on, until it is known that the second node has taken that merge. */
#include "mirror/settle_internal.h"

#include "mirror/alone.h"
#include "mirror/driver_internal.h"
#include "mirror/stage.h"

#include "store/key.h"
#include "store/row.h"

static bool find_offer(const struct side *side, struct id account, struct mirror_offer *ret_offer)
{
	struct key key;
	key_of_account(&key, KEY_OFFER, account);
	const struct mirror_row *row = mirror_rows_find(&side->notes, key_slice(&key));
	return row && mirror_offer_read(row->value, ret_offer);
}

/* The last merge that was sent, and the second node has it. */
static bool was_taken(const struct settling *s, struct mirror_offer *ret_offer)
{
	struct mirror_offer taken;
	return find_offer(&s->here, s->account, ret_offer) && !ret_offer->taken &&
	       find_offer(&s->there, s->account, &taken) && taken.taken &&
	       id_eq(taken.merge, ret_offer->merge);
}

/* As they were noted since that tag's moment. */
static void keep_rows(const struct mirror_rows *from, enum key_tag tag, struct mirror_rows *to)
{
	struct key key;
	for (size_t i = 0; i < from->count; i++) {
		struct slice noted = from->list[i].key;
		if (noted.ptr[0] != (char)tag || noted.len == KEY_ACCOUNT_LEN)
			continue;
		key.len = noted.len;
		memcpy(key.bytes, noted.ptr, noted.len);
		key.bytes[0] = KEY_BASE;
		mirror_rows_add(to, key_slice(&key), from->list[i].value);
	}
}

static uint64_t last_change(const struct settling *s)
{
	struct store_account row;
	uint64_t collections;
	struct key key;
	key_of_account(&key, KEY_ACCOUNT, s->account);
	const struct mirror_row *found = mirror_rows_find(&s->here.rows, key_slice(&key));
	return found && row_get_account(found->value, &row, &collections) ? row.change : 0;
}

/* When the two parted; of an account that was not noted, now. */
static void keep_parted(
	struct settling *s, const struct mirror_offer *taken, struct mirror_rows *to)
{
	AUTO(buf_free) struct buf row = BUF(64);
	struct mirror_parted parted;
	struct key key;
	key_of_account(&key, KEY_BASE, s->account);
	const struct mirror_row *noted = mirror_rows_find(&s->here.notes, key_slice(&key));
	s->noted = noted && mirror_parted_read(noted->value, &parted);
	if (!s->noted)
		parted = (struct mirror_parted){
			last_change(s), mirror_next_time(mirror_node_db(s->node))};
	if (taken)
		parted.change = taken->change;
	mirror_parted_add(&parted, &row);
	mirror_rows_add(to, key_slice(&key), buf_slice(&row));
}

static void add_offer(const struct settling *s, bool taken, struct buf *to)
{
	struct mirror_offer offer = {taken, s->merge, taken ? 0 : last_change(s)};
	mirror_offer_add(&offer, to);
}

static void no_bodies(void *context, struct id blob)
{
}

void settle_choose_notes(struct settling *s)
{
	AUTO(buf_free) struct buf row = BUF(64);
	struct mirror_rows notes = MIRROR_ROWS_NONE;
	struct mirror_offer last;
	struct key key;
	bool taken = was_taken(s, &last);
	s->merge = id_new();
	s->taken = taken ? last.change : 0;
	keep_rows(&s->here.notes, taken ? KEY_OFFER : KEY_BASE, &notes);
	keep_parted(s, taken ? &last : NULL, &notes);
	add_offer(s, false, &row);
	key_of_account(&key, KEY_OFFER, s->account);
	mirror_rows_add(&notes, key_slice(&key), buf_slice(&row));
	mirror_rows_sort(&notes);
	mirror_rows_diff(&s->here.notes, &notes, &s->offer, no_bodies, NULL);
	mirror_rows_free(&s->here.notes);
	s->here.notes = notes;
}

int settle_note_offer(struct settling *s)
{
	struct store_db *m = mirror_node_db(s->node);
	const struct store_apply apply = {
		.accounts = &s->account, .account_count = 1, .batch = &s->offer};
	return store_apply(m->store, m->inner, m->db, &apply, s->err);
}

void settle_note_taken(const struct settling *s, struct store_batch *to)
{
	AUTO(buf_free) struct buf row = BUF(64);
	struct key key;
	key_of_account(&key, KEY_OFFER, s->account);
	add_offer(s, true, &row);
	store_batch_put(to, key_slice(&key), buf_slice(&row));
}
