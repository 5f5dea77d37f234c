/* Collections that became one by a merge that only one side has heard of. The other side still has
 * the one that went, with objects that lie elsewhere now: to be merged with those it is taken for
 * the one that stayed. */
#include "mirror/ids.h"
#include "mirror/merge.h"

#include "store/key.h"

static struct mirror_ids ids_of(const struct model_collection *c)
{
	struct mirror_ids ids = {0};
	for (size_t i = 0; i < c->object_count; i++)
		mirror_ids_add(&ids, c->objects[i].row.id);
	for (size_t i = 0; i < c->gone_count; i++)
		if (!id_is_none(c->gone[i].id))
			mirror_ids_add(&ids, c->gone[i].id);
	mirror_ids_sort(&ids);
	return ids;
}

/* Objects keep their ids when collections are joined, and only then: what is moved or copied gets a
 * new one. */
static bool shares(const struct mirror_ids *ids, const struct model_collection *c)
{
	for (size_t i = 0; i < c->object_count; i++)
		if (mirror_ids_has(ids, c->objects[i].row.id))
			return true;
	for (size_t i = 0; i < c->gone_count; i++)
		if (mirror_ids_has(ids, c->gone[i].id))
			return true;
	return false;
}

/* What has become of it; NULL: nothing. */
static const struct model_collection *find_joined(
	const struct model *there, const struct model_collection *c)
{
	const struct model_collection *found = NULL;
	if (model_find_collection(there, c->row.id))
		return NULL;
	struct mirror_ids ids = ids_of(c);
	for (size_t i = 0; !found && i < there->collection_count; i++)
		if (there->collections[i].row.kind == c->row.kind &&
			shares(&ids, &there->collections[i]))
			found = &there->collections[i];
	mirror_ids_free(&ids);
	return found;
}

static void rename_notes(struct mirror_rows *notes, struct id from, struct id to)
{
	for (size_t i = 0; i < notes->count; i++) {
		struct slice key = notes->list[i].key;
		if (key.len < KEY_COLLECTION_LEN || !id_eq(key_collection(key), from))
			continue;
		char *bytes = arena_alloc(&notes->arena, key.len);
		memcpy(bytes, key.ptr, key.len);
		memcpy(bytes + KEY_ACCOUNT_LEN, to.bytes, ID_SIZE);
		notes->list[i].key = slice(bytes, key.len);
	}
}

/* Of its own row it keeps nothing: that says what the other one did not. */
static void become(struct model_collection *c, const struct store_collection *joined)
{
	c->row.id = joined->id;
	c->row.name = joined->name;
	c->row.data = joined->data;
	c->row.created = joined->created;
	c->row.own_change = joined->own_change;
}

static int by_id(const void *a, const void *b)
{
	return id_cmp(((const struct model_collection *)a)->row.id,
		((const struct model_collection *)b)->row.id);
}

void mirror_follow_joins(
	const struct model *there, struct model *here, struct mirror_rows *here_notes)
{
	for (size_t i = 0; i < here->collection_count; i++) {
		struct model_collection *c = &here->collections[i];
		const struct model_collection *joined = find_joined(there, c);
		if (!joined || model_find_collection(here, joined->row.id))
			continue;
		rename_notes(here_notes, c->row.id, joined->row.id);
		become(c, &joined->row);
		qsort(here->collections, here->collection_count, sizeof(*here->collections), by_id);
		i = (size_t)-1; /* they have other places now */
	}
	mirror_rows_sort(here_notes);
}
