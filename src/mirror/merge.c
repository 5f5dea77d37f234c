/* An account: which collections there are, what they are called, and who has which name. */
#include "mirror/merge_internal.h"

#include "base/alloc.h"
#include "store/key.h"
#include "store/row.h"

const struct store_merge_rule *merge_rule_of(const struct merge *m, enum store_kind kind)
{
	const struct store_merge_rule *rule = m->rules;
	while (rule->kind && rule->kind != kind)
		rule++;
	return rule;
}

bool merge_noted(const struct merge *m, size_t side, struct id collection, uint32_t number,
	struct mirror_was *ret_was)
{
	struct key key;
	if (number == 0)
		key_of_collection(&key, KEY_BASE, m->account, collection);
	else
		key_of_object(&key, KEY_BASE, m->account, collection, number);
	const struct mirror_row *row = mirror_rows_find(m->sides[side].notes, key_slice(&key));
	return row && mirror_was_read(row->value, ret_was);
}

static int by_gone_id(const void *a, const void *b)
{
	return id_cmp((*(const struct model_gone *const *)a)->id,
		(*(const struct model_gone *const *)b)->id);
}

static const struct model_gone *find_gone(const struct merge *m, size_t side, struct id id)
{
	struct model_gone wanted = {.id = id};
	const struct model_gone *key = &wanted;
	const struct model_gone *const *found = bsearch(
		&key, m->gone[side], m->sides[side].model->gone_count, sizeof(key), by_gone_id);
	return found ? *found : NULL;
}

static void sort_gone(struct merge *m)
{
	for (size_t side = 0; side < MERGE_SIDES; side++) {
		const struct model *model = m->sides[side].model;
		m->gone[side] = alloc_zero(model->gone_count + 1, sizeof(*m->gone[side]));
		for (size_t i = 0; i < model->gone_count; i++)
			m->gone[side][i] = &model->gone[i];
		qsort(m->gone[side], model->gone_count, sizeof(*m->gone[side]), by_gone_id);
	}
}

/* Of three sides: what was changed holds, and of two changes the later. */
static struct slice pick(const struct slice *was, struct slice first, struct slice second,
	bool second_is_later, bool *ret_both_changed)
{
	bool first_stayed = was && slice_eq(*was, first);
	bool second_stayed = was && slice_eq(*was, second);
	*ret_both_changed = !slice_eq(first, second) && !first_stayed && !second_stayed;
	if (*ret_both_changed)
		return second_is_later ? second : first;
	return first_stayed ? second : first;
}

/* As it was when they parted. False when nobody knows. */
static bool find_was(const struct merge *m, struct id collection, struct store_collection *ret_was,
	bool *ret_second_is_later)
{
	struct mirror_was notes[MERGE_SIDES] = {0};
	bool known = false;
	struct store_collection row;
	/* The older one: a side may have noted what only it had. */
	for (size_t i = 0; i < MERGE_SIDES; i++)
		if (merge_noted(m, i, collection, 0, &notes[i]) &&
			row_get_collection(notes[i].row, &row) &&
			(!known || row.own_change < ret_was->own_change)) {
			*ret_was = row;
			known = true;
		}
	ret_was->id = collection;
	*ret_second_is_later = notes[1].changed > notes[0].changed;
	return known;
}

static void merge_name_and_data(struct merge *m, const struct store_collection *first,
	const struct store_collection *second, struct store_collection *to)
{
	const struct store_merge_rule *rule = merge_rule_of(m, first->kind);
	struct store_collection was;
	struct mirror_was own;
	bool later, both_changed;
	bool known = find_was(m, first->id, &was, &later);
	if (!known)
		later = second->own_change > first->own_change;
	if (known && first->own_change < was.own_change && !merge_noted(m, 0, first->id, 0, &own)) {
		to->name = second->name;
		to->data = second->data;
		return;
	}
	if (known && second->own_change < was.own_change && !merge_noted(m, 1, first->id, 0, &own))
		return; /* as the first one has it */
	to->name = pick(known ? &was.name : NULL, first->name, second->name, later, &both_changed);
	to->data = pick(known ? &was.data : NULL, first->data, second->data, later, &both_changed);
	if (both_changed && rule->merge_collection)
		rule->merge_collection(known ? &was : NULL, first, second, &m->to->arena, to);
}

/* The row of one that both have. */
static void merge_row(struct merge *m, const struct store_collection *first,
	const struct store_collection *second, struct store_collection *to)
{
	*to = *first;
	merge_name_and_data(m, first, second, to);
	to->next_number = MAX(first->next_number, second->next_number);
	to->created = MIN(first->created, second->created);
	to->change = MAX(first->change, second->change);
	to->own_change = MAX(first->own_change, second->own_change);
	if (!slice_eq(to->name, first->name) || !slice_eq(to->name, second->name) ||
		!slice_eq(to->data, first->data) || !slice_eq(to->data, second->data))
		to->own_change = to->change = m->change;
	if (first->next_number != second->next_number || first->change != second->change ||
		first->own_change != second->own_change)
		to->change = m->change;
}

static void add_gone(struct merge *m, struct id id, enum store_kind kind)
{
	model_add_gone_collection(
		m->to, &(struct model_gone){.id = id, .change = m->change, .kind = kind});
}

/* Tombstones of a collection that comes back: the other side has not heard of the new ones. */
static void revive_gone(
	struct merge *m, size_t side, const struct model_collection *c, struct model_collection *to)
{
	for (size_t i = 0; i < c->gone_count; i++) {
		struct model_gone gone = c->gone[i];
		if (gone.change > m->parted[side].change)
			gone.change = m->change;
		model_add_gone(to, &gone);
	}
}

bool merge_lives_at(const struct merge *m, size_t side, struct id id)
{
	const struct model *model = m->sides[side].model;
	for (size_t c = 0; c < model->collection_count; c++)
		for (size_t i = 0; i < model->collections[c].object_count; i++)
			if (id_eq(model->collections[c].objects[i].row.id, id))
				return true;
	return false;
}

static void begin_revival(struct merge *m, struct model_collection *to)
{
	const struct store_merge_rule *rule = merge_rule_of(m, to->row.kind);
	to->row.change = to->row.own_change = m->change;
	if (rule->revive)
		rule->revive(&m->to->arena, &to->row);
}

/* Whether the other side, which deleted the collection, knew the object. What came since they
 * parted, which is not noted, it did not; nor what has a number above those that it noted as given
 * out. */
static bool was_known(const struct merge *m, size_t side, const struct model_collection *c,
	const struct store_object *object)
{
	struct mirror_was was;
	struct store_collection then;
	if (merge_noted(m, 1 - side, c->row.id, 0, &was) && row_get_collection(was.row, &then))
		if (object->number >= then.next_number)
			return false;
	return object->change <= m->parted[side].change ||
	       merge_noted(m, side, c->row.id, object->number, &was);
}

/* What came that the other side did not know, of a collection that it deleted meanwhile. An object
 * may live under another one there, which this one was joined with by a merge that this side has
 * not heard of. */
static void revive(struct merge *m, size_t side, const struct model_collection *c)
{
	struct model_collection *to = NULL;
	for (size_t i = 0; i < c->object_count; i++) {
		struct model_object object = c->objects[i];
		if (was_known(m, side, c, &object.row) ||
			mirror_ids_has(&m->deleted[1 - side], object.row.id) ||
			merge_lives_at(m, 1 - side, object.row.id) ||
			!merge_take_moved(m, side, c->row.kind, &object))
			continue;
		if (!to) {
			to = model_add_collection(m->to, &c->row);
			begin_revival(m, to);
			revive_gone(m, side, c, to);
		}
		object.row.change = m->change;
		model_add_object(to, &object);
	}
	if (!to) {
		add_gone(m, c->row.id, c->row.kind);
		return;
	}
	for (size_t i = 0; i < c->object_count; i++)
		if (!model_find_object(to, c->objects[i].row.number))
			model_add_gone(to, &(struct model_gone){.id = c->objects[i].row.id,
						   .number = c->objects[i].row.number,
						   .change = m->change});
}

/* One that only `side` has. If the other one had deleted it before a merge that it never heard of,
 * it was revived by that. */
static void merge_one(struct merge *m, size_t side, const struct model_collection *c)
{
	const struct model_collection *from[MERGE_SIDES] = {NULL, NULL};
	const struct model_gone *gone = find_gone(m, 1 - side, c->row.id);
	if (gone && gone->change > m->sides[1 - side].taken) {
		revive(m, side, c);
		return;
	}
	struct model_collection *to = model_add_collection(m->to, &c->row);
	from[side] = c;
	merge_objects(m, from, to);
	to->row.change = to->row.own_change = m->change;
}

static void merge_both(struct merge *m, const struct model_collection *first,
	const struct model_collection *second)
{
	const struct model_collection *from[MERGE_SIDES] = {first, second};
	struct store_collection row;
	merge_row(m, &first->row, &second->row, &row);
	merge_objects(m, from, model_add_collection(m->to, &row));
}

/* Both lists are by id. */
static void merge_collections(struct merge *m)
{
	const struct model *a = m->sides[0].model, *b = m->sides[1].model;
	size_t i = 0, j = 0;
	while (i < a->collection_count || j < b->collection_count) {
		int order = i == a->collection_count ? 1
			    : j == b->collection_count
				    ? -1
				    : id_cmp(a->collections[i].row.id, b->collections[j].row.id);
		if (order < 0)
			merge_one(m, 0, &a->collections[i++]);
		else if (order > 0)
			merge_one(m, 1, &b->collections[j++]);
		else
			merge_both(m, &a->collections[i++], &b->collections[j++]);
	}
}

/* Those of collections that were gone at one side, and stay so. What both sides have stays as it
 * is; one that a side still had is among the result's already. */
static void merge_gone(struct merge *m)
{
	for (size_t side = 0; side < MERGE_SIDES; side++) {
		const struct model *model = m->sides[side].model;
		const struct model *other = m->sides[1 - side].model;
		for (size_t i = 0; i < model->gone_count; i++) {
			struct model_gone gone = model->gone[i];
			const struct model_gone *there = find_gone(m, 1 - side, gone.id);
			if (model_find_collection(other, gone.id) || (there && side > 0))
				continue;
			if (!there || there->change != gone.change)
				gone.change = m->change;
			model_add_gone_collection(m->to, &gone);
		}
	}
}

/* One delivery that both made (mail/change.h) is one object. */
static void merge_twin(
	struct merge *m, const struct model_object *object, struct model_collection *to)
{
	const struct store_merge_rule *rule = merge_rule_of(m, to->row.kind);
	size_t i = 0;
	while (!id_eq(to->objects[i].row.id, object->row.id))
		i++;
	struct store_object *twin = &to->objects[i].row, was = *twin;
	if (rule->merge)
		rule->merge(NULL, &was, &object->row, &m->to->arena, twin);
	twin->change = m->change;
}

/* The collection's objects go over to `to`, with numbers of its own. */
static void move_all(struct merge *m, struct model_collection *from, struct model_collection *to)
{
	struct mirror_ids here = {0};
	for (size_t i = 0; i < to->object_count; i++)
		mirror_ids_add(&here, to->objects[i].row.id);
	mirror_ids_sort(&here);
	for (size_t i = 0; i < from->object_count; i++) {
		struct model_object object = from->objects[i];
		if (mirror_ids_has(&here, object.row.id)) {
			merge_twin(m, &object, to);
			continue;
		}
		object.row.number = merge_number(&to->row);
		object.row.change = m->change;
		model_add_object(to, &object);
	}
	mirror_ids_free(&here);
	to->row.change = m->change;
}

static void join(struct merge *m, struct model_collection *from, struct model_collection *to)
{
	const struct store_merge_rule *rule = merge_rule_of(m, to->row.kind);
	to->row.own_change = m->change;
	if (rule->join)
		rule->join(&from->row, &m->to->arena, &to->row);
	to->row.next_number = MAX(to->row.next_number, from->row.next_number);
	move_all(m, from, to);
	add_gone(m, from->row.id, from->row.kind);
}

static int by_kind_and_name(const void *a, const void *b)
{
	const struct store_collection *x = &(*(struct model_collection *const *)a)->row,
				      *y = &(*(struct model_collection *const *)b)->row;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	int order = slice_cmp(x->name, y->name);
	return order != 0 ? order : id_cmp(x->id, y->id);
}

/* One name made twice: the older collection keeps it and gets the objects of the other. */
static void join_names(struct merge *m)
{
	struct model *to = m->to;
	struct model_collection **named = alloc_zero(to->collection_count + 1, sizeof(*named));
	size_t count = to->collection_count, kept = 0;
	for (size_t i = 0; i < count; i++)
		named[i] = &to->collections[i];
	qsort(named, count, sizeof(*named), by_kind_and_name);
	for (size_t i = 1, first = 0; i < count; i++) {
		struct model_collection *a = named[first], *b = named[i];
		if (a->row.kind != b->row.kind || !slice_eq(a->row.name, b->row.name)) {
			first = i;
			continue;
		}
		join(m, b, a);
		free(b->objects);
		free(b->gone);
		b->row.id = ID_NONE;
	}
	free(named);
	for (size_t i = 0; i < count; i++)
		if (!id_is_none(to->collections[i].row.id))
			to->collections[kept++] = to->collections[i];
	to->collection_count = kept;
}

/* What a collection's data says of its objects. */
static void count_objects(struct merge *m, struct model_collection *c)
{
	const struct store_merge_rule *rule = merge_rule_of(m, c->row.kind);
	struct slice said = c->row.data;
	if (c->row.change != m->change || !rule->count)
		return; /* both sides have these objects, and counted them */
	const struct store_object **objects = alloc_zero(c->object_count + 1, sizeof(*objects));
	for (size_t i = 0; i < c->object_count; i++)
		objects[i] = &c->objects[i].row;
	rule->count(objects, c->object_count, &m->to->arena, &c->row);
	free((void *)objects);
	if (!slice_eq(said, c->row.data))
		c->row.own_change = m->change;
}

/* What is right among all collections is their kinds' affair. */
static void complete(struct merge *m)
{
	struct model *to = m->to;
	struct store_collection **all =
		alloc_zero(to->collection_count + 1, sizeof(struct store_collection *));
	struct store_collection *before = alloc_zero(to->collection_count + 1, sizeof(*before));
	for (size_t i = 0; i < to->collection_count; i++) {
		all[i] = &to->collections[i].row;
		before[i] = *all[i];
	}
	for (const struct store_merge_rule *rule = m->rules; rule->kind; rule++)
		if (rule->complete)
			rule->complete(all, to->collection_count, &to->arena);
	for (size_t i = 0; i < to->collection_count; i++) {
		if (before[i].next_number != all[i]->next_number)
			all[i]->change = m->change;
		if (!slice_eq(before[i].data, all[i]->data))
			all[i]->change = all[i]->own_change = m->change;
	}
	free(all);
	free(before);
}

static void merge_account(struct merge *m)
{
	const struct store_account *a = &m->sides[0].model->account,
				   *b = &m->sides[1].model->account;
	m->to->account = *a;
	m->to->account.change = m->change;
	m->to->account.created = MIN(a->created, b->created);
}

static void read_parted(struct merge *m)
{
	struct key key;
	key_of_account(&key, KEY_BASE, m->account);
	for (size_t i = 0; i < MERGE_SIDES; i++) {
		const struct mirror_row *row = mirror_rows_find(m->sides[i].notes, key_slice(&key));
		if (!row || !mirror_parted_read(row->value, &m->parted[i]))
			m->parted[i].change = m->sides[i].model->account.change;
	}
}

int mirror_merge(const struct merge_side *first, const struct merge_side *second,
	const struct store_merge_rule *rules, struct model *ret_model, struct err *err)
{
	const struct store_account *a = &first->model->account, *b = &second->model->account;
	struct merge m = {.sides = {*first, *second},
		.rules = rules,
		.account = a->id,
		.change = MAX(a->change, b->change) + 1,
		.to = ret_model};
	if (!id_eq(a->id, b->id))
		return err_bug(err, "two accounts are no two sides of one");
	if (a->gone || b->gone || first->model->sweeping || second->model->sweeping)
		return err_temporary(
			err, ERR_IN_USE, "something large of this account is being deleted");
	if (m.change > ROW_CHANGE_MAX)
		return err_permanent(err, ERR_LIMIT, "the account has no change numbers left");
	if (merge_take_sound(first, second, ret_model))
		return 0;
	*ret_model = (struct model){.arena = ARENA_EMPTY};
	read_parted(&m);
	sort_gone(&m);
	merge_moves_init(&m);
	merge_deleted_init(&m);
	merge_collections(&m);
	merge_gone(&m);
	for (size_t i = 0; i < MERGE_SIDES; i++)
		free(m.gone[i]);
	merge_moves_deinit(&m);
	merge_deleted_deinit(&m);
	merge_follow_names(&m);
	join_names(&m);
	for (size_t i = 0; i < ret_model->collection_count; i++) {
		merge_part_names(&m, &ret_model->collections[i]);
		count_objects(&m, &ret_model->collections[i]);
	}
	complete(&m);
	merge_account(&m);
	return 0;
}
