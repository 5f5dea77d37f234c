/* From structs to rows, once, at commit. Names first give up what they had, then take what they
 * get, so that names may change hands inside one write. */
#include "store/digest.h"
#include "store/write.h"

#include "base/bytes.h"

static bool renamed(const struct write_object *o)
{
	return !slice_eq(o->was.name, o->now.name);
}

static void emit_names_given_up(struct store_write *w)
{
	struct key key;
	for (const struct write_collection *c = w->collections; c; c = c->next) {
		if (!c->changed || c->is_new || (!c->gone && slice_eq(c->row.name, c->old_name)))
			continue;
		key_of_collection_name(&key, c->account->row.id, c->row.kind, c->old_name);
		store_batch_delete(&w->batch, key_slice(&key));
	}
	if (!w->object_names)
		return;
	for (const struct write_object *o = w->objects; o; o = o->next) {
		if (o->was.name.len == 0 || o->collection->gone ||
			!(o->state == WRITE_GONE || (o->state == WRITE_CHANGED && renamed(o))))
			continue;
		key_of_object_name(
			&key, o->collection->account->row.id, o->collection->row.id, o->was.name);
		store_batch_delete(&w->batch, key_slice(&key));
	}
}

static void put_object_name(struct store_write *w, const struct write_object *o, struct id account)
{
	struct key key;
	char number[4];
	if (o->now.name.len == 0 || (o->state == WRITE_CHANGED && !renamed(o)))
		return;
	key_of_object_name(&key, account, o->collection->row.id, o->now.name);
	bytes_put_be32(number, o->now.number);
	store_batch_put(&w->batch, key_slice(&key), slice(number, sizeof(number)));
}

static void emit_refs(struct store_write *w, const struct write_object *o, struct id account)
{
	struct key key;
	bool lives = o->state != WRITE_GONE;
	if (lives && id_eq(o->was.blob, o->now.blob))
		return;
	if (!id_is_none(o->was.blob)) {
		key_of_ref(&key, o->was.blob, account, o->collection->row.id, o->now.number);
		store_batch_delete(&w->batch, key_slice(&key));
		store_batch_release(&w->batch, o->was.blob);
	}
	if (lives && !id_is_none(o->now.blob)) {
		key_of_ref(&key, o->now.blob, account, o->collection->row.id, o->now.number);
		store_batch_put(&w->batch, key_slice(&key), SLICE_NONE);
		if (o->new_blob)
			o->new_blob->used = true;
	}
}

static void emit_change(struct store_write *w, const struct write_object *o, struct id account)
{
	struct key key;
	char gone[ROW_GONE_LEN];
	struct slice row = SLICE_NONE;
	if (o->state != WRITE_NEW) {
		key_of_change(&key, account, o->collection->row.id, o->was.change, o->now.number);
		store_batch_delete(&w->batch, key_slice(&key));
	}
	if (o->state == WRITE_GONE) {
		row_put_gone(gone, o->was.id);
		row = slice(gone, sizeof(gone));
	}
	key_of_change(&key, account, o->collection->row.id, o->now.change, o->now.number);
	store_batch_put(&w->batch, key_slice(&key), row);
	if (o->state == WRITE_GONE)
		o->collection->row.digest += digest_row(key_slice(&key), row);
}

static void emit_object(struct store_write *w, const struct write_object *o, struct buf *row)
{
	struct id account = o->collection->account->row.id;
	struct key key;
	if (o->collection->gone) {
		/* The sweep knows committed rows only. */
		if (o->facet_put) {
			key_of_object(
				&key, KEY_FACET, account, o->collection->row.id, o->now.number);
			store_batch_delete(&w->batch, key_slice(&key));
		}
		return;
	}
	if (o->state == WRITE_LOADED || o->state == WRITE_DROPPED)
		return;
	key_of_object(&key, KEY_OBJECT, account, o->collection->row.id, o->now.number);
	o->collection->row.digest -= o->was_digest;
	if (o->state == WRITE_GONE) {
		store_batch_delete(&w->batch, key_slice(&key));
	} else {
		buf_clear(row);
		row_add_object(row, &o->now);
		store_batch_put(&w->batch, key_slice(&key), buf_slice(row));
		o->collection->row.digest += digest_row(key_slice(&key), buf_slice(row));
		put_object_name(w, o, account);
	}
	emit_change(w, o, account);
	emit_refs(w, o, account);
}

static void emit_collection(
	struct store_write *w, const struct write_collection *c, struct buf *row)
{
	struct id account = c->account->row.id;
	struct key key;
	if (!c->changed || c->account->row.gone)
		return;
	buf_clear(row);
	key_of_collection(&key, KEY_COLLECTION, account, c->row.id);
	if (c->gone && c->is_new) /* nobody has seen it */
		return;
	c->account->row.digest -= c->was_digest;
	if (c->gone) {
		store_batch_delete(&w->batch, key_slice(&key));
		key_of_gone(&key, account, c->row.change, c->row.id);
		row_add_gone_collection(row, c->row.kind);
		store_batch_put(&w->batch, key_slice(&key), buf_slice(row));
		c->account->row.digest += digest_row(key_slice(&key), buf_slice(row));
		return;
	}
	row_add_collection(row, &c->row);
	store_batch_put(&w->batch, key_slice(&key), buf_slice(row));
	c->account->row.digest += digest_row(key_slice(&key), buf_slice(row));
	if (!c->is_new && slice_eq(c->row.name, c->old_name))
		return;
	key_of_collection_name(&key, account, c->row.kind, c->row.name);
	store_batch_put(&w->batch, key_slice(&key), id_slice(&c->row.id));
}

static void emit_account(struct store_write *w, const struct write_account *a, struct buf *row)
{
	struct key key;
	if (!a->changed)
		return;
	key_of_account(&key, KEY_ACCOUNT, a->row.id);
	if (a->row.gone && a->emptied) {
		store_batch_delete(&w->batch, key_slice(&key));
		return;
	}
	buf_clear(row);
	row_add_account(row, &a->row, a->collections);
	store_batch_put(&w->batch, key_slice(&key), buf_slice(row));
}

void write_emit(struct store_write *w)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	emit_names_given_up(w);
	for (const struct write_object *o = w->objects; o; o = o->next) {
		emit_object(w, o, &row);
		w->batch.bytes.failed |= row.failed;
	}
	for (const struct write_collection *c = w->collections; c; c = c->next) {
		emit_collection(w, c, &row);
		w->batch.bytes.failed |= row.failed;
	}
	for (size_t i = 0; i < w->account_count; i++)
		emit_account(w, &w->accounts[i], &row);
}
