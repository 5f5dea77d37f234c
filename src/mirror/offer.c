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

/* Collections of this node that are none in the result. */
static void list_parted(const struct settling *s, struct mirror_ids *to)
{
	for (size_t i = 0; i < s->here.rows.count; i++) {
		struct slice key = s->here.rows.list[i].key;
		if (key.ptr[0] == KEY_COLLECTION && key.len == KEY_COLLECTION_LEN &&
			!mirror_rows_find(&s->want, key))
			mirror_ids_add(to, key_collection(key));
	}
	mirror_ids_sort(to);
}

static bool read_object(const struct mirror_row *row, struct store_object *ret_object)
{
	return row->key.ptr[0] == KEY_OBJECT && row->key.len == KEY_OBJECT_LEN &&
	       row_get_object(row->value, ret_object);
}

static void add_joined(struct settling *s, const struct mirror_row *row)
{
	AUTO(buf_free) struct buf value = BUF(2 * ROW_MAX);
	struct key key = {.len = row->key.len};
	memcpy(key.bytes, row->key.ptr, row->key.len);
	key.bytes[0] = KEY_OFFER;
	mirror_was_add(&(struct mirror_was){mirror_next_time(mirror_node_db(s->node)), row->value},
		&value);
	mirror_rows_add(&s->here.notes, key_slice(&key), buf_slice(&value));
	store_batch_put(&s->offer, key_slice(&key), buf_slice(&value));
}

/* Should this node delete such a collection before it hears of the merge, it is known by these
 * notes what of the other collection it has deleted. */
void settle_note_joined(struct settling *s)
{
	struct mirror_ids collections = {0}, living = {0};
	struct store_object object;
	list_parted(s, &collections);
	for (size_t i = 0; collections.count > 0 && i < s->want.count; i++)
		if (read_object(&s->want.list[i], &object))
			mirror_ids_add(&living, object.id);
	mirror_ids_sort(&living);
	for (size_t i = 0; collections.count > 0 && i < s->here.rows.count; i++) {
		const struct mirror_row *row = &s->here.rows.list[i];
		if (read_object(row, &object) &&
			mirror_ids_has(&collections, key_collection(row->key)) &&
			mirror_ids_has(&living, object.id))
			add_joined(s, row);
	}
	mirror_rows_sort(&s->here.notes);
	mirror_ids_free(&collections);
	mirror_ids_free(&living);
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
