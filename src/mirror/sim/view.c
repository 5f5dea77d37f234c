/* A view is read at one moment, by way of the store and what it keeps in memory. */
#include "mirror/sim/view.h"

#include "mirror/sim/watch.h"

#include "base/alloc.h"
#include "base/bytes.h"

enum { PAUSE_MS = 200 };

struct sim_views {
	struct sim_view of[SIM_NODES][SIM_ACCOUNTS];
};

struct looking {
	struct sim *sim;
	struct sim_node *node;
	unsigned account;
	struct id id;
	struct sim_view *old, new;
	struct sim_seen_collection *at; /* whose objects are read */
	size_t gone;                    /* collections, as the store tells */
	struct err err;
};

static void view_free(struct sim_view *view)
{
	for (size_t i = 0; i < view->count; i++)
		free(view->collections[i].objects);
	free(view->collections);
	*view = (struct sim_view){0};
}

struct sim_views *sim_views_new(void)
{
	return ALLOC(struct sim_views);
}

void sim_views_free(struct sim_views *views)
{
	for (size_t n = 0; n < SIM_NODES; n++)
		for (size_t a = 0; a < SIM_ACCOUNTS; a++)
			view_free(&views->of[n][a]);
	free(views);
}

const struct sim_view *sim_view_of(const struct sim_views *views, unsigned node, unsigned account)
{
	return &views->of[node][account];
}

/* Reading. */

static bool read_object(void *context, const struct store_object *row)
{
	struct looking *l = context;
	struct sim_seen_collection *c = l->at;
	struct sim_object_data data;
	if (!sim_read_object(l->sim->history, row->data, &data)) {
		sim_broken(l->sim, "object %u of collection %u at node %u is nobody's", row->number,
			c->collection, l->node->number);
		return true;
	}
	if (c->object_count == c->object_cap) {
		c->object_cap = c->object_cap ? 2 * c->object_cap : 16;
		c->objects = alloc_resize(c->objects, c->object_cap, sizeof(*c->objects));
	}
	struct sim_seen_object *o = &c->objects[c->object_count++];
	*o = (struct sim_seen_object){.number = row->number,
		.object = data.object,
		.message = data.message,
		.change = row->change,
		.id = row->id,
		.blob = row->blob};
	memcpy(o->flags, data.flags, sizeof(o->flags));
	return true;
}

static int read_collection(struct looking *l, const struct store_collection *row)
{
	struct sim_view *view = &l->new;
	struct sim_collection_data data;
	if (!sim_read_collection(l->sim->history, row->data, &data)) {
		sim_broken(l->sim, "a collection at node %u is nobody's", l->node->number);
		return 0;
	}
	if (view->count == view->cap) {
		view->cap = view->cap ? 2 * view->cap : 8;
		view->collections =
			alloc_resize(view->collections, view->cap, sizeof(*view->collections));
	}
	l->at = &view->collections[view->count++];
	*l->at = (struct sim_seen_collection){.collection = data.collection,
		.id = row->id,
		.kind = row->kind,
		.named = data.named,
		.validity = data.validity,
		.next_number = row->next_number,
		.change = row->change,
		.own_change = row->own_change};
	int r = store_scan_objects(
		l->node->store, l->id, row->id, 1, UINT32_MAX, read_object, l, &l->err);
	bool counts = row->kind == STORE_MAILBOX; /* else no rule does */
	if (r == 0 && (l->at->object_count != row->count || (counts && data.count != row->count)))
		sim_broken(l->sim,
			"collection %u at node %u has %zu objects, its row says %llu, its data %u",
			data.collection, l->node->number, l->at->object_count,
			(unsigned long long)row->count, data.count);
	return r;
}

static int read_kind(struct looking *l, enum store_kind kind)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection *all;
	size_t count;
	int r = store_list_collections(l->node->store, l->id, kind, &arena, &all, &count, &l->err);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = read_collection(l, &all[i]);
	return r;
}

static int read_view(struct looking *l)
{
	struct store_account row;
	int r = store_get_account(l->node->store, l->id, &row, &l->err);
	if (r != 0)
		return r == STORE_ABSENT ? 0 : r;
	l->new.known = true;
	l->new.change = row.change;
	r = read_kind(l, STORE_MAILBOX);
	return r == 0 ? read_kind(l, STORE_SETTINGS) : r;
}

/* Comparing with what was seen before. */

static const struct sim_seen_collection *find_collection(
	const struct sim_view *view, uint32_t collection)
{
	for (size_t i = 0; i < view->count; i++)
		if (view->collections[i].collection == collection)
			return &view->collections[i];
	return NULL;
}

static const struct sim_seen_object *find_object(
	const struct sim_seen_collection *c, uint32_t number)
{
	size_t low = 0, high = c->object_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (c->objects[middle].number == number)
			return &c->objects[middle];
		*(c->objects[middle].number < number ? &low : &high) =
			c->objects[middle].number < number ? middle + 1 : middle;
	}
	return NULL;
}

static void complain(
	struct looking *l, const struct sim_seen_collection *c, uint32_t number, const char *what)
{
	sim_broken(l->sim, "node %u, account %u, collection %u, number %u: %s", l->node->number,
		l->account, c->collection, number, what);
}

static void compare_object(struct looking *l, const struct sim_seen_collection *old,
	const struct sim_seen_collection *new, const struct sim_seen_object *o)
{
	struct sim_series series = {new->collection, new->validity};
	const struct sim_seen_object *before = old ? find_object(old, o->number) : NULL;
	uint32_t named = sim_number_seen(l->sim->history, series, o->number, o->object);
	if (named && named != o->object)
		complain(l, new, o->number, "it named another object before");
	if (o->number >= new->next_number)
		complain(l, new, o->number, "it is not below the next number");
	if (!old)
		return;
	if (!before && o->number < old->next_number)
		complain(l, new, o->number, "a new object below a next number that was seen");
	bool told = o->change > l->old->change;
	if (!before && !told)
		complain(l, new, o->number, "a new object that is not told as a change");
	if (before && memcmp(before->flags, o->flags, sizeof(o->flags)) != 0 && !told)
		complain(l, new, o->number, "other flags that are not told as a change");
}

/* Numbers that were seen and are gone: each must be among the changes. */
struct vanished {
	struct looking *l;
	const struct sim_seen_collection *old, *new;
	size_t count;
};

static bool count_vanished(void *context, const struct store_change *change)
{
	struct vanished *v = context;
	v->count += change->gone && find_object(v->old, change->number) != NULL &&
		    !find_object(v->new, change->number);
	return true;
}

static int compare_vanished(struct looking *l, const struct sim_seen_collection *old,
	const struct sim_seen_collection *new)
{
	struct vanished v = {l, old, new, 0};
	size_t missing = 0;
	for (size_t i = 0; i < old->object_count; i++)
		missing += !find_object(new, old->objects[i].number);
	if (missing == 0)
		return 0;
	int r = store_scan_changes(
		l->node->store, l->id, new->id, l->old->change, count_vanished, &v, &l->err);
	if (r == 0 && v.count != missing)
		complain(l, new, 0, "numbers that vanished are not told as changes");
	return r;
}

/* False: a client begins anew. */
static bool is_same_series(struct looking *l, const struct sim_seen_collection *old,
	const struct sim_seen_collection *new)
{
	if (new->validity < old->validity)
		complain(l, new, 0, "its validity went down");
	if (new->validity != old->validity &&new->own_change <= l->old->change)
		complain(l, new, 0, "another validity that is not told as a change");
	return new->validity == old->validity;
}

static int compare_collection(struct looking *l, const struct sim_seen_collection *new)
{
	const struct sim_seen_collection *found = find_collection(l->old, new->collection);
	const struct sim_seen_collection *old =
		found && is_same_series(l, found, new) ? found : NULL;
	for (size_t i = 0; i < new->object_count; i++)
		compare_object(l, old, new, &new->objects[i]);
	if (new->change > l->new.change || new->own_change > new->change)
		complain(l, new, 0, "its change number is above its owner's");
	if (!old) {
		if (!found && new->change <= l->old->change)
			complain(l, new, 0, "a new collection that is not told as a change");
		return 0;
	}
	if (new->next_number < old->next_number)
		complain(l, new, new->next_number, "the next number went down");
	if (new->change < old->change)
		complain(l, new, 0, "its change number went down");
	if (new->named != old->named &&new->own_change <= l->old->change)
		complain(l, new, 0, "a new name that is not told as a change");
	return compare_vanished(l, old, new);
}

static bool count_gone(void *context, const struct store_collection *row, bool gone)
{
	struct looking *l = context;
	for (size_t i = 0; gone && i < l->old->count; i++)
		if (id_eq(l->old->collections[i].id, row->id))
			l->gone++;
	return true;
}

static int compare_gone(struct looking *l)
{
	size_t missing = 0;
	for (size_t i = 0; i < l->old->count; i++)
		missing += !find_collection(&l->new, l->old->collections[i].collection);
	if (missing == 0)
		return 0;
	int r = store_scan_account_changes(
		l->node->store, l->id, l->old->change, count_gone, l, &l->err);
	if (r == 0 && l->gone != missing)
		sim_broken(l->sim,
			"node %u, account %u: collections that are gone are not told as changes",
			l->node->number, l->account);
	return r;
}

static int compare(struct looking *l)
{
	int r = 0;
	if (l->new.change < l->old->change)
		sim_broken(l->sim, "node %u, account %u: the change number went from %llu to %llu",
			l->node->number, l->account, (unsigned long long)l->old->change,
			(unsigned long long)l->new.change);
	for (size_t i = 0; r == 0 && i < l->new.count; i++)
		r = compare_collection(l, &l->new.collections[i]);
	return r == 0 ? compare_gone(l) : r;
}

static uint64_t signature(const struct sim_view *view)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < view->count; i++)
		sum += (view->collections[i].collection + 1) * UINT64_C(0x9e3779b97f4a7c15) ^
		       view->collections[i].change * UINT64_C(0xbf58476d1ce4e5b9);
	return sum;
}

static void tell(const struct looking *l)
{
	AUTO(buf_free) struct buf text = BUF(20000);
	if (!l->sim->verbose)
		return;
	for (size_t i = 0; i < l->new.count; i++) {
		const struct sim_seen_collection *c = &l->new.collections[i];
		buf_printf(&text, "; %u (named by %u, valid %u, next %u):", c->collection, c->named,
			c->validity, c->next_number);
		for (size_t o = 0; o < c->object_count; o++)
			buf_printf(&text, " %u=%u", c->objects[o].number, c->objects[o].object);
	}
	sim_tell(l->sim, "node %u account %u sees change %llu%s", l->node->number, l->account,
		(unsigned long long)l->new.change, buf_cstr(&text));
}

static void look_at(struct sim_node *node, unsigned account)
{
	struct sim *sim = node->sim;
	struct looking l = {.sim = sim,
		.node = node,
		.account = account,
		.id = sim->history->accounts[account],
		.old = &sim->views->of[node->number][account]};
	sim_freeze(sim->sched);
	int r = read_view(&l);
	tell(&l);
	if (r == 0)
		r = compare(&l);
	sim_thaw(sim->sched);
	if (r == 0)
		sim_watch_saw(node->watch, account, signature(&l.new));
	if (r < 0) { /* it died */
		view_free(&l.new);
		return;
	}
	view_free(l.old);
	*l.old = l.new;
}

void sim_look(struct sim_node *node)
{
	for (unsigned i = 0; i < SIM_ACCOUNTS; i++)
		if (!node->sim->history->removed[i])
			look_at(node, i);
}

static void look_on(void *context)
{
	struct sim_node *node = context;
	struct sim *sim = node->sim;
	while (!sim->load_over) {
		sim_sleep(sim->sched, (int64_t)sim_random(sim->sched, PAUSE_MS));
		unsigned account = (unsigned)sim_random(sim->sched, SIM_ACCOUNTS);
		if (sim->history->removed[account] || !sim_node_enter(node))
			continue;
		look_at(node, account);
		sim_node_leave(node);
	}
	sim->writers--;
}

void sim_views_start(struct sim *sim)
{
	for (size_t n = 0; n < SIM_NODES; n++) {
		sim->writers++;
		sim_spawn(sim->sched, (unsigned)n, look_on, sim->nodes[n]);
	}
}
