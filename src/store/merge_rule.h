/* What a kind of objects has to say when two states of one account become one (mirror/merge.h):
 * registered by the floor that gives the kind its meaning, run by the mirror, which knows none. */
#ifndef STORE_MERGE_RULE_H
#define STORE_MERGE_RULE_H

#include "store/store.h"

/* One kind's own rule for an object that both sides changed; `was` is NULL when nobody knows. `to`
 * is the later of the two at first; may be changed, with slices into the arena. The same must come
 * out when first and second change places. Rows may be damaged: then `to` stays. */
struct store_merge_rule {
	enum store_kind kind;
	void (*merge)(const struct store_object *was, const struct store_object *first,
		const struct store_object *second, struct arena *arena, struct store_object *to);
};

#endif
