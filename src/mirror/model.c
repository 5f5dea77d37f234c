/* From rows and back. */
#include "mirror/model.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/must.h"
#include "store/digest.h"
#include "store/key.h"
#include "store/row.h"

/* One more place at the end of an array. */
static void *grow(void *list, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return list;
	*cap = *cap ? *cap * 2 : 8;
	return alloc_resize(list, *cap, size);
}

struct model_collection *model_add_collection(
	struct model *model, const struct store_collection *row)
{
	model->collections = grow(model->collections, model->collection_count,
		&model->collection_cap, sizeof(*model->collections));
	struct model_collection *c = &model->collections[model->collection_count++];
	*c = (struct model_collection){.row = *row};
	return c;
}

void model_add_object(struct model_collection *c, const struct model_object *object)
{
	c->objects = grow(c->objects, c->object_count, &c->object_cap, sizeof(*c->objects));
	c->objects[c->object_count++] = *object;
}

void model_add_gone(struct model_collection *c, const struct model_gone *gone)
{
	c->gone = grow(c->gone, c->gone_count, &c->gone_cap, sizeof(*c->gone));
	c->gone[c->gone_count++] = *gone;
}

void model_add_gone_collection(struct model *model, const struct model_gone *gone)
{
	model->gone = grow(model->gone, model->gone_count, &model->gone_cap, sizeof(*model->gone));
	model->gone[model->gone_count++] = *gone;
}

void model_free(struct model *model)
{
	for (size_t i = 0; i < model->collection_count; i++) {
		free(model->collections[i].objects);
		free(model->collections[i].gone);
	}
	free(model->collections);
	free(model->gone);
	arena_free(&model->arena);
	*model = (struct model){.arena = ARENA_EMPTY};
}

struct model_collection *model_find_collection(const struct model *model, struct id id)
{
	size_t low = 0, high = model->collection_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = id_cmp(model->collections[middle].row.id, id);
		if (order == 0)
			return &model->collections[middle];
		*(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
	}
	return NULL;
}

struct model_object *model_find_object(const struct model_collection *c, uint32_t number)
{
	size_t low = 0, high = c->object_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint32_t at = c->objects[middle].row.number;
		if (at == number)
			return &c->objects[middle];
		*(at < number ? &low : &high) = at < number ? middle + 1 : middle;
	}
	return NULL;
}

static bool take_collection(struct model *model, struct slice key, struct slice value)
{
	struct store_collection row;
	if (key.len != KEY_COLLECTION_LEN || !row_get_collection(value, &row))
		return false;
	row.id = key_collection(key);
	(void)model_add_collection(model, &row);
	return true;
}

/* Rows below a collection that has none wait for the sweep. */
static struct model_collection *owner(struct model *model, struct slice key)
{
	struct model_collection *c = model_find_collection(model, key_collection(key));
	model->sweeping |= !c;
	return c;
}

static bool take_object(struct model *model, struct slice key, struct slice value)
{
	struct model_object object = {.facet = SLICE_NONE};
	if (key.len != KEY_OBJECT_LEN || !row_get_object(value, &object.row))
		return false;
	object.row.number = key_number(key);
	struct model_collection *c = owner(model, key);
	if (c)
		model_add_object(c, &object);
	return true;
}

static bool take_change(struct model *model, struct slice key, struct slice value)
{
	struct model_gone gone = {.change = 0};
	bool is_gone;
	if (key.len != KEY_CHANGE_LEN || !row_get_change(value, &is_gone, &gone.id))
		return false;
	struct model_collection *c = owner(model, key);
	gone.change = key_change(key);
	gone.number = key_number(key);
	if (c && is_gone)
		model_add_gone(c, &gone);
	return true;
}

static bool take_facet(struct model *model, struct slice key, struct slice value)
{
	if (key.len != KEY_OBJECT_LEN)
		return false;
	struct model_collection *c = owner(model, key);
	struct model_object *object = c ? model_find_object(c, key_number(key)) : NULL;
	if (object)
		object->facet = value.ptr ? value : SLICE("");
	return true;
}

static bool take_gone(struct model *model, struct slice key, struct slice value)
{
	struct model_gone gone;
	if (key.len != KEY_GONE_LEN || !row_get_gone_collection(value, &gone.kind))
		return false;
	gone = (struct model_gone){.id = key_id_at(key, KEY_ACCOUNT_LEN + 8),
		.change = key_gone_change(key),
		.kind = gone.kind};
	model_add_gone_collection(model, &gone);
	return true;
}

/* In this order: what rows hang on comes before them. */
static const struct {
	enum key_tag tag;
	bool (*take)(struct model *model, struct slice key, struct slice value);
} PARTS[] = {{KEY_COLLECTION, take_collection}, {KEY_OBJECT, take_object},
	{KEY_CHANGE, take_change}, {KEY_FACET, take_facet}, {KEY_GONE, take_gone}};

static int damaged(struct err *err)
{
	return err_temporary(err, ERR_DAMAGED, "damaged: rows of an account");
}

static int read_parts(const struct mirror_rows *rows, struct model *model, struct err *err)
{
	for (size_t part = 0; part < ARRAY_LEN(PARTS); part++)
		for (size_t i = 0; i < rows->count; i++)
			if (rows->list[i].key.ptr[0] == (char)PARTS[part].tag &&
				!PARTS[part].take(model, rows->list[i].key, rows->list[i].value))
				return damaged(err);
	return 0;
}

int model_read(const struct mirror_rows *rows, struct model *ret_model, struct err *err)
{
	struct model model = {.arena = ARENA_EMPTY};
	uint64_t collections;
	int r = rows->count == 0 || rows->list[0].key.len != KEY_ACCOUNT_LEN ||
				rows->list[0].key.ptr[0] != KEY_ACCOUNT ||
				!row_get_account(rows->list[0].value, &model.account, &collections)
			? damaged(err)
			: read_parts(rows, &model, err);
	if (r < 0) {
		model_free(&model);
		return r;
	}
	model.account.id = key_account(rows->list[0].key);
	*ret_model = model;
	return 0;
}

struct writing {
	struct model *model;
	struct mirror_rows *to;
	struct id account;
	struct buf row;
};

static void put(struct writing *w, const struct key *key, struct slice value)
{
	mirror_rows_add(w->to, key_slice(key), value);
}

static void write_object(
	struct writing *w, struct model_collection *c, const struct model_object *object)
{
	const struct store_object *o = &object->row;
	char number[4];
	struct key key;
	buf_clear(&w->row);
	row_add_object(&w->row, o);
	key_of_object(&key, KEY_OBJECT, w->account, c->row.id, o->number);
	put(w, &key, buf_slice(&w->row));
	c->row.digest += digest_row(key_slice(&key), buf_slice(&w->row));
	if (object->facet.ptr) {
		key.bytes[0] = KEY_FACET;
		put(w, &key, object->facet);
	}
	key_of_change(&key, w->account, c->row.id, o->change, o->number);
	put(w, &key, SLICE_NONE);
	if (o->name.len > 0) {
		bytes_put_be32(number, o->number);
		key_of_object_name(&key, w->account, c->row.id, o->name);
		put(w, &key, slice(number, sizeof(number)));
	}
	c->row.count++;
	c->row.bytes += o->blob_len;
	if (o->flags & STORE_COUNTED) {
		c->row.counted++;
		c->row.counted_bytes += o->blob_len;
	}
}

static void write_gone(struct writing *w, struct model_collection *c, const struct model_gone *gone)
{
	char row[ROW_GONE_LEN];
	struct key key;
	row_put_gone(row, gone->id);
	key_of_change(&key, w->account, c->row.id, gone->change, gone->number);
	put(w, &key, slice(row, sizeof(row)));
	c->row.digest += digest_row(key_slice(&key), slice(row, sizeof(row)));
}

static void write_collection(struct writing *w, struct model_collection *c)
{
	struct store_account *account = &w->model->account;
	struct key key;
	c->row.count = c->row.bytes = c->row.counted = c->row.counted_bytes = c->row.digest = 0;
	for (size_t i = 0; i < c->object_count; i++)
		write_object(w, c, &c->objects[i]);
	for (size_t i = 0; i < c->gone_count; i++)
		write_gone(w, c, &c->gone[i]);
	buf_clear(&w->row);
	row_add_collection(&w->row, &c->row);
	key_of_collection(&key, KEY_COLLECTION, w->account, c->row.id);
	put(w, &key, buf_slice(&w->row));
	account->digest += digest_row(key_slice(&key), buf_slice(&w->row));
	account->count += c->row.counted;
	account->bytes += c->row.counted_bytes;
	key_of_collection_name(&key, w->account, c->row.kind, c->row.name);
	put(w, &key, id_slice(&c->row.id));
}

static void write_gone_collection(struct writing *w, const struct model_gone *gone)
{
	struct key key;
	buf_clear(&w->row);
	row_add_gone_collection(&w->row, gone->kind);
	key_of_gone(&key, w->account, gone->change, gone->id);
	put(w, &key, buf_slice(&w->row));
	w->model->account.digest += digest_row(key_slice(&key), buf_slice(&w->row));
}

void model_write(struct model *model, struct mirror_rows *to)
{
	struct writing w = {model, to, model->account.id, BUF(ROW_MAX)};
	struct key key;
	model->account.digest = model->account.count = model->account.bytes = 0;
	for (size_t i = 0; i < model->collection_count; i++)
		write_collection(&w, &model->collections[i]);
	for (size_t i = 0; i < model->gone_count; i++)
		write_gone_collection(&w, &model->gone[i]);
	buf_clear(&w.row);
	row_add_account(&w.row, &model->account, model->collection_count);
	key_of_account(&key, KEY_ACCOUNT, w.account);
	put(&w, &key, buf_slice(&w.row));
	buf_free(&w.row);
	bool parsed = mirror_rows_add_references(to);
	must(parsed); /* they were made just now */
	mirror_rows_sort(to);
}
