#include "mirror/ids.h"

#include "base/alloc.h"
#include "base/bytes.h"

void mirror_ids_add(struct mirror_ids *ids, struct id id)
{
	if (ids->count == ids->cap) {
		ids->cap = ids->cap ? ids->cap * 2 : 16;
		ids->list = alloc_resize(ids->list, ids->cap, sizeof(*ids->list));
	}
	ids->list[ids->count++] = id;
}

bool mirror_ids_take(struct mirror_ids *ids, struct id id)
{
	for (size_t i = 0; i < ids->count; i++)
		if (id_eq(ids->list[i], id)) {
			ids->list[i] = ids->list[--ids->count];
			return true;
		}
	return false;
}

static int by_id(const void *a, const void *b)
{
	return id_cmp(*(const struct id *)a, *(const struct id *)b);
}

void mirror_ids_sort(struct mirror_ids *ids)
{
	size_t kept = 0;
	if (ids->count > 1)
		qsort(ids->list, ids->count, sizeof(*ids->list), by_id);
	for (size_t i = 0; i < ids->count; i++)
		if (i == 0 || !id_eq(ids->list[i], ids->list[kept - 1]))
			ids->list[kept++] = ids->list[i];
	ids->count = kept;
}

bool mirror_ids_has(const struct mirror_ids *sorted, struct id id)
{
	return sorted->count > 0 &&
	       bsearch(&id, sorted->list, sorted->count, sizeof(id), by_id) != NULL;
}

bool mirror_ids_read(struct slice bytes, struct mirror_ids *to)
{
	struct id id;
	while (id_cut(&bytes, &id))
		mirror_ids_add(to, id);
	return bytes.len == 0;
}

void mirror_ids_free(struct mirror_ids *ids)
{
	free(ids->list);
	*ids = (struct mirror_ids){0};
}
