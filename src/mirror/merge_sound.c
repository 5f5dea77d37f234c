/* Two sides that differ though neither wrote anything apart: one of them has been damaged. Each has
 * digests of its rows, which were made when these were written, so it is known which one. */
#include "mirror/merge_internal.h"

#include "base/alloc.h"
#include "store/digest.h"
#include "store/key.h"
#include "store/row.h"

struct adding {
	const struct model *model;
	struct buf row;
};

static uint64_t object_digest(
	struct adding *a, const struct model_collection *c, const struct store_object *object)
{
	struct key key;
	buf_clear(&a->row);
	row_add_object(&a->row, object);
	key_of_object(&key, KEY_OBJECT, a->model->account.id, c->row.id, object->number);
	return digest_row(key_slice(&key), buf_slice(&a->row));
}

static uint64_t gone_digest(
	const struct adding *a, const struct model_collection *c, const struct model_gone *gone)
{
	char row[ROW_GONE_LEN];
	struct key key;
	row_put_gone(row, gone->id);
	key_of_change(&key, a->model->account.id, c->row.id, gone->change, gone->number);
	return digest_row(key_slice(&key), slice(row, sizeof(row)));
}

static bool is_collection_sound(struct adding *a, const struct model_collection *c)
{
	uint64_t digest = 0;
	for (size_t i = 0; i < c->object_count; i++)
		digest += object_digest(a, c, &c->objects[i].row);
	for (size_t i = 0; i < c->gone_count; i++)
		digest += gone_digest(a, c, &c->gone[i]);
	return digest == c->row.digest;
}

static uint64_t collection_digest(struct adding *a, const struct store_collection *collection)
{
	struct key key;
	buf_clear(&a->row);
	row_add_collection(&a->row, collection);
	key_of_collection(&key, KEY_COLLECTION, a->model->account.id, collection->id);
	return digest_row(key_slice(&key), buf_slice(&a->row));
}

static uint64_t gone_collection_digest(struct adding *a, const struct model_gone *gone)
{
	struct key key;
	buf_clear(&a->row);
	row_add_gone_collection(&a->row, gone->kind);
	key_of_gone(&key, a->model->account.id, gone->change, gone->id);
	return digest_row(key_slice(&key), buf_slice(&a->row));
}

static bool is_sound(const struct model *model)
{
	struct adding a = {model, BUF(ROW_MAX)};
	uint64_t digest = 0;
	bool sound = true;
	for (size_t i = 0; sound && i < model->collection_count; i++) {
		sound = is_collection_sound(&a, &model->collections[i]);
		digest += collection_digest(&a, &model->collections[i].row);
	}
	for (size_t i = 0; i < model->gone_count; i++)
		digest += gone_collection_digest(&a, &model->gone[i]);
	buf_free(&a.row);
	return sound && digest == model->account.digest;
}

static void copy_collection(const struct model_collection *from, struct model *to)
{
	struct model_collection *c = model_add_collection(to, &from->row);
	for (size_t i = 0; i < from->object_count; i++)
		model_add_object(c, &from->objects[i]);
	for (size_t i = 0; i < from->gone_count; i++)
		model_add_gone(c, &from->gone[i]);
}

bool merge_take_sound(
	const struct merge_side *first, const struct merge_side *second, struct model *ret_model)
{
	if (first->notes->count > 0 || second->notes->count > 0)
		return false;
	bool sound = is_sound(first->model);
	if (sound == is_sound(second->model))
		return false;
	const struct model *from = sound ? first->model : second->model;
	*ret_model = (struct model){.arena = ARENA_EMPTY, .account = from->account};
	for (size_t i = 0; i < from->collection_count; i++)
		copy_collection(&from->collections[i], ret_model);
	for (size_t i = 0; i < from->gone_count; i++)
		model_add_gone_collection(ret_model, &from->gone[i]);
	return true;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = ((const struct model_object *)a)->row.number,
		 y = ((const struct model_object *)b)->row.number;
	return x < y ? -1 : x > y;
}

static int by_gone_number(const void *a, const void *b)
{
	uint32_t x = ((const struct model_gone *)a)->number,
		 y = ((const struct model_gone *)b)->number;
	return x < y ? -1 : x > y;
}

static int by_id(const void *a, const void *b)
{
	return id_cmp(((const struct model_collection *)a)->row.id,
		((const struct model_collection *)b)->row.id);
}

static void fill_collection(const struct model_collection *from, struct model_collection *to)
{
	struct model_gone *gone = alloc_zero(to->gone_count + 1, sizeof(*gone));
	size_t count = to->object_count;
	if (to->gone_count > 0)
		memcpy(gone, to->gone, to->gone_count * sizeof(*gone));
	qsort(gone, to->gone_count, sizeof(*gone), by_gone_number);
	struct model_collection had = *to;
	for (size_t i = 0; i < from->object_count; i++) {
		struct model_gone key = {.number = from->objects[i].row.number};
		had.objects = to->objects; /* the first ones stay in order */
		if (!model_find_object(&had, key.number) &&
			!bsearch(&key, gone, to->gone_count, sizeof(*gone), by_gone_number))
			model_add_object(to, &from->objects[i]);
	}
	if (to->object_count > count)
		qsort(to->objects, to->object_count, sizeof(*to->objects), by_number);
	to->row.next_number = MAX(to->row.next_number, from->row.next_number);
	free(gone);
}

static bool is_gone(const struct model *model, struct id collection)
{
	for (size_t i = 0; i < model->gone_count; i++)
		if (id_eq(model->gone[i].id, collection))
			return true;
	return false;
}

static void fill(const struct model *from, struct model *to)
{
	struct model had = *to;
	for (size_t i = 0; i < from->collection_count; i++) {
		const struct model_collection *c = &from->collections[i];
		had.collections = to->collections;
		struct model_collection *own = model_find_collection(&had, c->row.id);
		if (own)
			fill_collection(c, own);
		else if (!is_gone(to, c->row.id))
			fill_collection(c, model_add_collection(to, &c->row));
	}
	if (to->collection_count > had.collection_count)
		qsort(to->collections, to->collection_count, sizeof(*to->collections), by_id);
}

void mirror_fill_gaps(struct model *first, struct model *second)
{
	bool sound = is_sound(first), other_sound = is_sound(second);
	if (!sound)
		fill(second, first);
	if (!other_sound)
		fill(first, second);
}
