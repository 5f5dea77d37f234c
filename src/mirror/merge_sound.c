/* Two sides that differ though neither wrote anything apart: one of them has been damaged. Each has
 * digests of its rows, which were made when these were written, so it is known which one. */
#include "mirror/merge_internal.h"

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
