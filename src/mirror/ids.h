/* Lists of ids, and as bytes. */
#ifndef MIRROR_IDS_H
#define MIRROR_IDS_H

#include "base/id.h"
#include "base/slice.h"

struct mirror_ids {
	struct id *list;
	size_t count, cap;
};

void mirror_ids_add(struct mirror_ids *ids, struct id id);
WARN_UNUSED bool mirror_ids_take(struct mirror_ids *ids, struct id id); /* removes it */
void mirror_ids_sort(struct mirror_ids *ids);                           /* each once */
bool mirror_ids_has(const struct mirror_ids *sorted, struct id id);
WARN_UNUSED bool mirror_ids_read(struct slice bytes, struct mirror_ids *to);
void mirror_ids_free(struct mirror_ids *ids);

#endif
