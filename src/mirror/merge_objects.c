/* The objects of one collection. */
#include "mirror/merge_internal.h"

#include "base/alloc.h"
#include "store/key.h"
#include "store/row.h"

/* Objects and tombstones of one side, by the id of the object. */
struct by_id {
	const struct model_object **objects;
	const struct model_gone **gone;
	size_t object_count, gone_count;
};

struct objects {
	struct merge *m;
	const struct model_collection *const *from;
	struct by_id by_id[MERGE_SIDES];
	struct model_collection *to;
	bool differs;
};

static int by_object_id(const void *a, const void *b)
{
	return id_cmp((*(const struct model_object *const *)a)->row.id,
		(*(const struct model_object *const *)b)->row.id);
}

static int by_gone_id(const void *a, const void *b)
{
	return id_cmp((*(const struct model_gone *const *)a)->id,
		(*(const struct model_gone *const *)b)->id);
}

static struct by_id sort_by_id(const struct model_collection *c)
{
	struct by_id sorted = {0};
	if (!c)
		return sorted;
	sorted.objects = alloc_zero(c->object_count + 1, sizeof(*sorted.objects));
	sorted.gone = alloc_zero(c->gone_count + 1, sizeof(*sorted.gone));
	for (size_t i = 0; i < c->object_count; i++)
		sorted.objects[sorted.object_count++] = &c->objects[i];
	for (size_t i = 0; i < c->gone_count; i++)
		if (!id_is_none(c->gone[i].id))
			sorted.gone[sorted.gone_count++] = &c->gone[i];
	qsort(sorted.objects, sorted.object_count, sizeof(*sorted.objects), by_object_id);
	qsort(sorted.gone, sorted.gone_count, sizeof(*sorted.gone), by_gone_id);
	return sorted;
}

static const struct model_object *find_object(const struct by_id *sorted, struct id id)
{
	struct model_object wanted = {.row.id = id};
	const struct model_object *key = &wanted;
	const struct model_object *const *found =
		sorted->object_count == 0 ? NULL
					  : bsearch(&key, sorted->objects, sorted->object_count,
						    sizeof(key), by_object_id);
	return found ? *found : NULL;
}

static bool is_gone(const struct objects *o, size_t side, struct id id)
{
	const struct by_id *sorted = &o->by_id[side];
	struct model_gone wanted = {.id = id};
	const struct model_gone *key = &wanted;
	if (mirror_ids_has(&o->m->deleted[side], id))
		return true;
	return sorted->gone_count > 0 &&
	       bsearch(&key, sorted->gone, sorted->gone_count, sizeof(key), by_gone_id) != NULL;
}

static bool same_content(const struct store_object *a, const struct store_object *b)
{
	return a->flags == b->flags && id_eq(a->blob, b->blob) && slice_eq(a->name, b->name) &&
	       slice_eq(a->data, b->data);
}

static void keep(struct objects *o, const struct model_object *object)
{
	model_add_object(o->to, object);
}

/* In the result it is something else than on one side at least. */
static void put(struct objects *o, const struct model_object *object)
{
	struct model_object changed = *object;
	changed.row.change = o->m->change;
	model_add_object(o->to, &changed);
	o->differs = true;
}

/* As it was when they parted. False when nobody knows. */
static bool find_was(const struct objects *o, const struct model_object *const sides[MERGE_SIDES],
	struct store_object *ret_was, bool *ret_second_is_later)
{
	struct mirror_was notes[MERGE_SIDES] = {0};
	bool known = false;
	for (size_t i = 0; i < MERGE_SIDES; i++) {
		uint32_t number = sides[i]->row.number;
		struct store_object row;
		if (!merge_noted(o->m, i, o->to->row.id, number, &notes[i]) ||
			!row_get_object(notes[i].row, &row) ||
			(known && row.change >= ret_was->change))
			continue;
		*ret_was = row;
		ret_was->number = number;
		known = true;
	}
	*ret_second_is_later = notes[1].changed > notes[0].changed;
	if (!known) /* one of them is what the other one was made of, by a commit that one side has
		     */
		*ret_second_is_later = sides[1]->row.change > sides[0]->row.change;
	return known;
}

/* What one side noted is newer than what the other side, which noted nothing, still has. */
static bool is_behind(const struct objects *o, const struct model_object *object, size_t side,
	const struct store_object *was)
{
	struct mirror_was own;
	return object->row.change < was->change &&
	       !merge_noted(o->m, side, o->to->row.id, object->row.number, &own);
}

/* Its old number is gone; not the object, when `id` is none. */
static void give_up_number(struct objects *o, uint32_t number, struct id id)
{
	model_add_gone(
		o->to, &(struct model_gone){.id = id, .number = number, .change = o->m->change});
	o->differs = true;
}

/* The two may have it under different numbers, after a merge that one of them has not heard of.
 * What neither has announced without it may stay. */
static uint32_t joint_number(
	struct objects *o, const struct model_object *first, const struct model_object *second)
{
	uint32_t a = first->row.number, b = second->row.number;
	if (a == b)
		return a;
	const struct model_collection *without = o->from[a > b];
	uint32_t number =
		MAX(a, b) >= without->row.next_number ? MAX(a, b) : merge_number(&o->to->row);
	if (a != number)
		give_up_number(o, a, ID_NONE);
	if (b != number)
		give_up_number(o, b, ID_NONE);
	return number;
}

static void put_copy(
	struct objects *o, const struct model_object *holds, const struct model_object *other)
{
	struct model_object copy;
	if (!merge_make_copy(o->m, o->to->row.kind, holds, other, &copy))
		return;
	copy.row.number = merge_number(&o->to->row);
	put(o, &copy);
}

/* Both sides have it, and not the same. */
static void put_merged(
	struct objects *o, const struct model_object *first, const struct model_object *second)
{
	const struct store_merge_rule *rule = merge_rule_of(o->m, o->to->row.kind);
	const struct model_object *const sides[MERGE_SIDES] = {first, second};
	struct store_object was;
	bool second_is_later;
	bool known = find_was(o, sides, &was, &second_is_later);
	const struct model_object *later = second_is_later ? second : first;
	bool first_behind = known && is_behind(o, first, 0, &was);
	bool second_behind = known && is_behind(o, second, 1, &was);
	bool first_stayed = known && (first_behind || same_content(&was, &first->row));
	bool second_stayed = known && (second_behind || same_content(&was, &second->row));
	/* Who changed it to and fro is ahead of who never heard of what it was in between. */
	if (first_stayed || second_stayed)
		later = first_stayed && !second_behind ? second : first;
	struct model_object merged = *later;
	/* When nobody noted anything, the later one was made of the other; but with a body of its
	 * own it is one delivery that both made. */
	bool made_twice = !known && !id_eq(first->row.blob, second->row.blob);
	bool both_changed = known && !first_stayed && !second_stayed;
	if (rule->merge && (both_changed || made_twice))
		rule->merge(known ? &was : NULL, &first->row, &second->row, &o->m->to->arena,
			&merged.row);
	else if (both_changed)
		put_copy(o, later, later == first ? second : first);
	merged.row.number = joint_number(o, first, second);
	put(o, &merged);
}

static void take_both(
	struct objects *o, const struct model_object *first, const struct model_object *second)
{
	if (!same_content(&first->row, &second->row))
		put_merged(o, first, second);
	else if (first->row.change == second->row.change && first->row.number == second->row.number)
		keep(o, first);
	else {
		struct model_object same = *first;
		same.row.number = joint_number(o, first, second);
		put(o, &same);
	}
}

/* One that only `side` has, and that the other has not deleted: it came after they parted. Below a
 * number that the other side has announced it can't appear. */
static void take_new(struct objects *o, size_t side, const struct model_object *object)
{
	const struct model_collection *other = o->from[1 - side];
	struct model_object moved = *object;
	if (!other || object->row.number >= other->row.next_number) {
		if (other)
			put(o, object);
		else
			keep(o, object);
		return;
	}
	moved.row.number = merge_number(&o->to->row);
	put(o, &moved);
	/* Not of the object, which lives on. */
	model_add_gone(
		o->to, &(struct model_gone){.number = object->row.number, .change = o->m->change});
}

static void take_only(struct objects *o, size_t side, const struct model_object *object)
{
	struct model_object taken = *object;
	if (merge_take_moved(o->m, side, o->to->row.kind, &taken))
		take_new(o, side, &taken);
	else
		give_up_number(o, object->row.number, object->row.id);
}

static void take_objects(struct objects *o, size_t side)
{
	const struct model_collection *c = o->from[side];
	for (size_t i = 0; c && i < c->object_count; i++) {
		const struct model_object *object = &c->objects[i];
		const struct model_object *there = find_object(&o->by_id[1 - side], object->row.id);
		if (there && side == 0)
			take_both(o, object, there);
		else if (!there && !is_gone(o, 1 - side, object->row.id))
			take_only(o, side, object);
		else if (!there)
			give_up_number(o, object->row.number, object->row.id);
	}
}

static int by_number_then_id(const void *a, const void *b)
{
	const struct model_gone *x = a, *y = b;
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	int order = id_cmp(y->id, x->id); /* one that names its object first */
	return order != 0 ? order : x->change < y->change ? -1 : x->change > y->change;
}

/* One tombstone a number. What both sides have stays as it is. */
static void join_tombstones(struct objects *o)
{
	struct model_collection *to = o->to;
	size_t count = 0;
	if (to->gone_count > 1)
		qsort(to->gone, to->gone_count, sizeof(*to->gone), by_number_then_id);
	for (size_t i = 0; i < to->gone_count;) {
		struct model_gone gone = to->gone[i];
		size_t same = 1;
		while (i + same < to->gone_count && to->gone[i + same].number == gone.number)
			same++;
		bool both = same == 2 && to->gone[i + 1].change == gone.change &&
			    id_eq(to->gone[i + 1].id, gone.id);
		if (!both && o->from[0] && o->from[1]) {
			gone.change = o->m->change;
			o->differs = true;
		}
		to->gone[count++] = gone;
		i += same;
	}
	to->gone_count = count;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = ((const struct model_object *)a)->row.number,
		 y = ((const struct model_object *)b)->row.number;
	return x < y ? -1 : x > y;
}

void merge_objects(struct merge *m, const struct model_collection *const from[MERGE_SIDES],
	struct model_collection *to)
{
	struct objects o = {.m = m, .from = from, .to = to};
	for (size_t i = 0; i < MERGE_SIDES; i++)
		o.by_id[i] = sort_by_id(from[i]);
	for (size_t i = 0; i < MERGE_SIDES; i++)
		take_objects(&o, i);
	for (size_t i = 0; i < MERGE_SIDES; i++)
		for (size_t g = 0; from[i] && g < from[i]->gone_count; g++)
			model_add_gone(to, &from[i]->gone[g]);
	join_tombstones(&o);
	if (to->object_count > 1)
		qsort(to->objects, to->object_count, sizeof(*to->objects), by_number);
	if (o.differs)
		to->row.change = m->change;
	for (size_t i = 0; i < MERGE_SIDES; i++) {
		free(o.by_id[i].objects);
		free(o.by_id[i].gone);
	}
}
