/* Names of objects: who has which, and what becomes of those that follow others. */
#include "mirror/merge_internal.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "store/digest.h"
#include "store/row.h"

enum { COPY_NAME_MORE = 64 }; /* " (conflict ID)" is shorter */

static int by_name(const void *a, const void *b)
{
	const struct model_object *x = *(const struct model_object *const *)a,
				  *y = *(const struct model_object *const *)b;
	int order = slice_cmp(x->row.name, y->row.name);
	return order != 0 ? order : id_cmp(x->row.id, y->row.id);
}

/* As much as fits, in whole characters of UTF-8. */
static struct slice cut_name(struct slice name, size_t max)
{
	size_t len = MIN(name.len, max);
	while (len > 0 && len < name.len && ((unsigned char)name.ptr[len] & 0xc0) == 0x80)
		len--;
	return slice(name.ptr, len);
}

/* A copy beside the other one. */
static void rename_copy(struct merge *m, struct store_object *o)
{
	char id[ID_TEXT_SIZE + 1];
	AUTO(buf_free) struct buf name = BUF(STORE_NAME_MAX);
	id_to_text(o->id, id);
	buf_add_slice(&name, cut_name(o->name, STORE_NAME_MAX - COPY_NAME_MORE));
	buf_printf(&name, " (conflict %s)", id);
	o->name = arena_copy(&m->to->arena, buf_slice(&name));
	o->change = m->change;
}

static bool says_the_same(const struct store_object *a, const struct store_object *b)
{
	return a->flags == b->flags && id_eq(a->blob, b->blob) && slice_eq(a->data, b->data);
}

/* The same whenever the same two are merged: its time is that of the object, the rest follows from
 * what it says. */
static struct id copy_id(const struct store_object *o)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct id id = o->id;
	row_add_object(&row, o);
	bytes_put_be64((char *)id.bytes + ID_SIZE - sizeof(uint64_t),
		digest_row(id_slice(&o->id), buf_slice(&row)));
	return id;
}

bool merge_make_copy(struct merge *m, enum store_kind kind, const struct model_object *holds,
	const struct model_object *other, struct model_object *ret_copy)
{
	if (merge_rule_of(m, kind)->later_only || other->row.name.len == 0 ||
		says_the_same(&holds->row, &other->row))
		return false;
	*ret_copy = *other;
	ret_copy->row.id = copy_id(&other->row);
	ret_copy->row.origin = ID_NONE;
	rename_copy(m, &ret_copy->row);
	return true;
}

static void drop_objects(struct merge *m, struct model_collection *c)
{
	size_t kept = 0;
	for (size_t i = 0; i < c->object_count; i++) {
		const struct store_object *o = &c->objects[i].row;
		if (!id_is_none(o->id)) {
			c->objects[kept++] = c->objects[i];
			continue;
		}
		model_add_gone(c, &(struct model_gone){.number = o->number, .change = m->change});
	}
	c->object_count = kept;
}

/* Of two objects with one name the older keeps it. The other one goes when it says the same (both
 * sides subscribed to one mailbox), else it is a copy. */
void merge_part_names(struct merge *m, struct model_collection *c)
{
	struct model_object **named = alloc_zero(c->object_count + 1, sizeof(*named));
	size_t count = 0;
	for (size_t i = 0; i < c->object_count; i++)
		if (c->objects[i].row.name.len > 0)
			named[count++] = &c->objects[i];
	qsort(named, count, sizeof(*named), by_name);
	for (size_t i = 1, oldest = 0; i < count; i++) {
		struct store_object *older = &named[oldest]->row, *o = &named[i]->row;
		if (!slice_eq(o->name, older->name)) {
			oldest = i;
			continue;
		}
		c->row.change = m->change;
		if (says_the_same(o, older))
			o->id = ID_NONE;
		else
			rename_copy(m, o);
	}
	free(named);
	drop_objects(m, c);
}

static bool is_taken(const struct merge *m, enum store_kind kind, struct slice name)
{
	for (size_t i = 0; i < m->to->collection_count; i++) {
		const struct store_collection *c = &m->to->collections[i].row;
		if (c->kind == kind && slice_eq(c->name, name))
			return true;
	}
	return false;
}

/* What `side` named as it named a collection that is called otherwise now. */
static void follow(struct merge *m, size_t side, enum store_kind kind, struct slice from,
	const struct store_collection *to)
{
	for (size_t i = 0; i < m->to->collection_count; i++) {
		struct model_collection *c = &m->to->collections[i];
		for (size_t n = 0; c->row.kind == kind && n < c->object_count; n++) {
			struct store_object *o = &c->objects[n].row;
			if (!slice_eq(o->name, from) || merge_lives_at(m, 1 - side, o->id))
				continue; /* the other side knew it */
			o->name = to->name;
			o->change = c->row.change = m->change;
		}
	}
}

void merge_follow_names(struct merge *m)
{
	for (size_t i = 0; i < m->to->collection_count; i++) {
		const struct store_collection *now = &m->to->collections[i].row;
		enum store_kind kind = merge_rule_of(m, now->kind)->names_in;
		for (size_t side = 0; kind && side < MERGE_SIDES; side++) {
			const struct model_collection *then =
				model_find_collection(m->sides[side].model, now->id);
			if (then && !slice_eq(then->row.name, now->name) &&
				!is_taken(m, now->kind, then->row.name))
				follow(m, side, kind, then->row.name, now);
		}
	}
}
