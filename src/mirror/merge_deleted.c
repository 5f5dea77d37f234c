/* What a side has noted and has no more, it deleted. Of a collection that it still has tombstones
 * say so; one that it has no more may be part of another one at the other side, by a merge that
 * this side has not heard of: then there is no tombstone of the objects where they are now. */
#include "mirror/merge_internal.h"

#include "store/key.h"
#include "store/row.h"

static bool read_noted(
	const struct merge *m, size_t side, const struct mirror_row *note, struct id *ret_id)
{
	struct mirror_was was;
	struct store_object object;
	if (note->key.len != KEY_OBJECT_LEN ||
		model_find_collection(m->sides[side].model, key_collection(note->key)) ||
		!mirror_was_read(note->value, &was) || !row_get_object(was.row, &object))
		return false;
	*ret_id = object.id;
	return true;
}

static void keep_living(
	const struct model *model, const struct mirror_ids *noted, struct mirror_ids *living)
{
	for (size_t c = 0; c < model->collection_count; c++)
		for (size_t i = 0; i < model->collections[c].object_count; i++)
			if (mirror_ids_has(noted, model->collections[c].objects[i].row.id))
				mirror_ids_add(living, model->collections[c].objects[i].row.id);
	mirror_ids_sort(living);
}

void merge_deleted_init(struct merge *m)
{
	for (size_t side = 0; side < MERGE_SIDES; side++) {
		const struct mirror_rows *notes = m->sides[side].notes;
		struct mirror_ids noted = {0}, living = {0};
		struct id id;
		for (size_t i = 0; i < notes->count; i++)
			if (read_noted(m, side, &notes->list[i], &id))
				mirror_ids_add(&noted, id);
		mirror_ids_sort(&noted);
		if (noted.count > 0)
			keep_living(m->sides[side].model, &noted, &living);
		for (size_t i = 0; i < noted.count; i++)
			if (!mirror_ids_has(&living, noted.list[i]))
				mirror_ids_add(&m->deleted[side], noted.list[i]);
		mirror_ids_free(&noted);
		mirror_ids_free(&living);
	}
}

void merge_deleted_deinit(struct merge *m)
{
	for (size_t side = 0; side < MERGE_SIDES; side++)
		mirror_ids_free(&m->deleted[side]);
}
