/* Objects that were moved while two nodes were apart. A move makes another object, which knows the
 * first one (store_object_identity), so what was moved is found again under the same identity.
 *
 *   moved at one side     what the other side changed of the old one goes along
 *   moved at both         the one that was taken away from its old place later stays
 *   gone at the other     it goes too
 *
 * What cannot be known to be the same lives on. */
#include "mirror/ids.h"
#include "mirror/merge_internal.h"

#include "base/alloc.h"
#include "store/key.h"
#include "store/row.h"

/* What has an identity, at one side. */
struct known {
	struct id identity;
	const struct model_object *object; /* lives; NULL: it was noted */
	struct store_object was;
	mirror_time changed;
};

struct merge_moves {
	struct known *living, *noted; /* by identity */
	struct mirror_ids gone;       /* of all collections, sorted */
	size_t living_count, noted_count;
};

static int by_identity(const void *a, const void *b)
{
	return id_cmp(((const struct known *)a)->identity, ((const struct known *)b)->identity);
}

static const struct known *find(const struct known *list, size_t count, struct id identity)
{
	struct known wanted = {.identity = identity};
	return count == 0 ? NULL : bsearch(&wanted, list, count, sizeof(wanted), by_identity);
}

static void list_model(const struct model *model, struct merge_moves *moves)
{
	size_t objects = 0;
	for (size_t c = 0; c < model->collection_count; c++)
		objects += model->collections[c].object_count;
	moves->living = alloc_zero(objects + 1, sizeof(*moves->living));
	for (size_t c = 0; c < model->collection_count; c++) {
		const struct model_collection *in = &model->collections[c];
		for (size_t i = 0; i < in->object_count; i++)
			moves->living[moves->living_count++] = (struct known){
				.identity = store_object_identity(&in->objects[i].row),
				.object = &in->objects[i]};
		for (size_t i = 0; i < in->gone_count; i++)
			if (!id_is_none(in->gone[i].id))
				mirror_ids_add(&moves->gone, in->gone[i].id);
	}
	qsort(moves->living, moves->living_count, sizeof(*moves->living), by_identity);
	mirror_ids_sort(&moves->gone);
}

static void list_notes(const struct mirror_rows *notes, struct merge_moves *moves)
{
	struct mirror_was was;
	moves->noted = alloc_zero(notes->count + 1, sizeof(*moves->noted));
	for (size_t i = 0; i < notes->count; i++) {
		struct known *known = &moves->noted[moves->noted_count];
		struct slice key = notes->list[i].key;
		if (key.len != KEY_OBJECT_LEN || !mirror_was_read(notes->list[i].value, &was) ||
			!row_get_object(was.row, &known->was))
			continue;
		known->identity = store_object_identity(&known->was);
		known->changed = was.changed;
		moves->noted_count++;
	}
	qsort(moves->noted, moves->noted_count, sizeof(*moves->noted), by_identity);
}

static bool has_moved(const struct model *model)
{
	for (size_t c = 0; c < model->collection_count; c++)
		for (size_t i = 0; i < model->collections[c].object_count; i++)
			if (!id_is_none(model->collections[c].objects[i].row.origin))
				return true;
	return false;
}

void merge_moves_init(struct merge *m)
{
	if (!has_moved(m->sides[0].model) && !has_moved(m->sides[1].model))
		return;
	m->moves = alloc_zero(MERGE_SIDES, sizeof(*m->moves));
	for (size_t i = 0; i < MERGE_SIDES; i++) {
		list_model(m->sides[i].model, &m->moves[i]);
		list_notes(m->sides[i].notes, &m->moves[i]);
	}
}

void merge_moves_deinit(struct merge *m)
{
	for (size_t i = 0; m->moves && i < MERGE_SIDES; i++) {
		free(m->moves[i].living);
		free(m->moves[i].noted);
		mirror_ids_free(&m->moves[i].gone);
	}
	free(m->moves);
}

static const struct known *noted(const struct merge *m, size_t side, struct id identity)
{
	return find(m->moves[side].noted, m->moves[side].noted_count, identity);
}

/* Whether that object was at this side, and is not any more. */
static bool had(const struct merge *m, size_t side, const struct store_object *object)
{
	const struct known *was = noted(m, side, store_object_identity(object));
	return mirror_ids_has(&m->moves[side].gone, object->id) ||
	       (was && id_eq(was->was.id, object->id));
}

/* Whether it came after the two had parted. */
static bool is_new(const struct merge *m, size_t side, const struct store_object *object)
{
	const struct known *was = noted(m, side, store_object_identity(object));
	return object->change > m->parted[side].change && !(was && id_eq(was->was.id, object->id));
}

/* The number of its last change before the two parted, of one that is not new. */
static uint64_t last_change(const struct merge *m, size_t side, const struct store_object *object)
{
	const struct known *was = noted(m, side, store_object_identity(object));
	return was && id_eq(was->was.id, object->id) ? was->was.change : object->change;
}

/* `there` is what the other side has of it. */
static bool holds(const struct merge *m, size_t side, const struct store_object *object,
	const struct store_object *there)
{
	const struct known *here = noted(m, side, store_object_identity(object)),
			   *other = noted(m, 1 - side, store_object_identity(object));
	mirror_time mine = here ? here->changed : 0, yours = other ? other->changed : 0;
	bool new = is_new(m, side, object), other_new = is_new(m, 1 - side, there);
	if (id_is_none(there->origin) || had(m, side, there))
		return true; /* of that this one was made */
	if (new != other_new)
		return new;
	if (had(m, 1 - side, object))
		return false;
	/* One was made of the other by a commit that one side has not heard of. */
	if (!new &&last_change(m, side, object) != last_change(m, 1 - side, there))
		return last_change(m, side, object) > last_change(m, 1 - side, there);
	if (mine != yours)
		return mine > yours;
	if (object->change != there->change)
		return object->change > there->change;
	return id_cmp(object->id, there->id) < 0;
}

/* What it was when they parted is known, and at the other side it is there no more. */
static bool is_expunged(const struct merge *m, size_t side, struct id identity)
{
	const struct merge_moves *there = &m->moves[1 - side];
	for (size_t i = 0; i < MERGE_SIDES; i++) {
		const struct known *was = noted(m, i, identity);
		if (was && mirror_ids_has(&there->gone, was->was.id))
			return true;
	}
	return false;
}

static bool same_content(const struct store_object *a, const struct store_object *b)
{
	return a->flags == b->flags && id_eq(a->blob, b->blob) && slice_eq(a->name, b->name) &&
	       slice_eq(a->data, b->data);
}

/* Under the kind's rule they are one object that both sides changed. */
static void merge_content(struct merge *m, size_t side, const struct store_merge_rule *rule,
	const struct store_object *was, const struct store_object *there, struct store_object *to)
{
	struct store_object then = *was, sides[MERGE_SIDES];
	if (!rule->merge)
		return;
	sides[side] = *to;
	sides[1 - side] = *there;
	then.id = sides[1 - side].id = to->id;
	rule->merge(&then, &sides[0], &sides[1], &m->to->arena, to);
}

static void take_changes(struct merge *m, size_t side, const struct store_merge_rule *rule,
	const struct model_object *there, struct model_object *to)
{
	struct id identity = store_object_identity(&to->row);
	const struct known *here = noted(m, side, identity), *other = noted(m, 1 - side, identity);
	const struct known *was =
		!here || (other && other->was.change < here->was.change) ? other : here;
	struct model_object before = *to;
	if (!was || same_content(&was->was, &there->row))
		return;
	if (!other && there->row.change < was->was.change)
		return; /* it has not heard of the last change before they parted */
	if (same_content(&was->was, &to->row)) {
		*to = *there;
		to->row.id = before.row.id;
		to->row.origin = before.row.origin;
		to->row.number = before.row.number;
	} else {
		merge_content(m, side, rule, &was->was, &there->row, &to->row);
	}
	if (!same_content(&before.row, &to->row))
		to->row.change = m->change;
}

bool merge_take_moved(
	struct merge *m, size_t side, enum store_kind kind, struct model_object *object)
{
	if (id_is_none(object->row.origin))
		return true; /* it was not moved */
	const struct known *there = find(
		m->moves[1 - side].living, m->moves[1 - side].living_count, object->row.origin);
	if (!there)
		return !is_expunged(m, side, object->row.origin);
	if (id_eq(there->object->row.id, object->row.id))
		return true; /* its collection was joined with another one, and nobody moved it */
	if (!holds(m, side, &object->row, &there->object->row))
		return false;
	take_changes(m, side, merge_rule_of(m, kind), there->object, object);
	return true;
}
