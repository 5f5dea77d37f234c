/* Both disks hold the same; and that is what the history allows:
 *
 * - A message whose delivery was acknowledged is there, unless somebody tried to expunge it or to
 *   delete the collection that he saw it in. Moving makes another object of it; one of them lives.
 * - An object that was expunged or moved away, acknowledged, is nowhere: gone wins, by id.
 * - A message is at one place, wherever it was moved to at either side.
 * - A flag or a name that was overwritten, acknowledged, by somebody who saw it, does not come
 * back.
 * - A collection whose making was acknowledged is there, unless somebody tried to delete it, or
 *   another one had the same name once: then they may have become one.
 * - Nothing is there that nobody tried to make, and nothing twice. */
#include "mirror/sim/check.h"

#include "mirror/sim/view.h"
#include "mirror/sim/watch.h"

#include "mirror/alone.h"
#include "mirror/rows.h"
#include "store/key.h"

enum { PATIENCE_MS = 10 * 1000 };

/* Rows. */

static bool add_row(void *context, struct slice key, struct slice value)
{
	mirror_rows_add(context, key, value);
	return true;
}

static void load_rows(struct sim_node *node, struct mirror_rows *to)
{
	const struct store_driver *driver;
	struct store_db *db = sim_disk_inner(node->disk, &driver);
	(void)driver->scan(db, NULL, SLICE("\""), SLICE("\xff"), false, add_row, to, NULL);
}

static void describe(struct slice key, struct buf *to)
{
	buf_printf(to, "%c", key.ptr[0]);
	for (size_t i = 1; i < key.len; i++)
		buf_printf(to, "%02x", (unsigned char)key.ptr[i]);
}

static void miss_row(struct sim *sim, size_t node, const struct mirror_row *row)
{
	AUTO(buf_free) struct buf key = BUF(2000);
	describe(row->key, &key);
	sim_broken(sim, "node %zu has not the same row %s", node, buf_cstr(&key));
}

/* Left by what went wrong: the next meeting drops it. */
static bool is_staged(struct slice key)
{
	return key.ptr[0] == KEY_REF &&
	       id_eq(key_id_at(key, KEY_ACCOUNT_LEN), STORE_STAGING_ACCOUNT);
}

static void tell_staged(struct sim *sim, size_t node, struct slice key)
{
	char blob[ID_TEXT_SIZE + 1];
	id_to_text(key_id_at(key, 1), blob);
	sim_tell(sim, "node %zu still has blob %s staged", node, blob);
}

static bool is_taken(const struct mirror_row *row)
{
	struct mirror_offer offer;
	return row->key.len == KEY_ACCOUNT_LEN && mirror_offer_read(row->value, &offer) &&
	       offer.taken;
}

static void compare_rows(struct sim *sim)
{
	struct mirror_rows rows[SIM_NODES] = {MIRROR_ROWS_NONE, MIRROR_ROWS_NONE};
	for (size_t i = 0; i < SIM_NODES; i++)
		load_rows(sim->nodes[i], &rows[i]);
	for (size_t i = 0; i < SIM_NODES; i++)
		for (size_t r = 0; r < rows[i].count; r++) {
			const struct mirror_row *row = &rows[i].list[r];
			if (row->key.ptr[0] == KEY_BASE) {
				if (!id_eq(key_account(row->key), STORE_STAGING_ACCOUNT))
					sim_broken(sim, "node %zu has notes left", i);
				continue;
			}
			if (row->key.ptr[0] == KEY_OFFER) {
				if (!is_taken(row))
					sim_broken(sim, "node %zu has an offer left", i);
				continue;
			}
			if (is_staged(row->key)) {
				tell_staged(sim, i, row->key);
				continue;
			}
			const struct mirror_row *there = mirror_rows_find(&rows[1 - i], row->key);
			if (!there || !slice_eq(there->value, row->value))
				miss_row(sim, 1 - i, row);
		}
	for (size_t i = 0; i < SIM_NODES; i++)
		mirror_rows_free(&rows[i]);
}

struct finding {
	struct sim *sim;
	unsigned node;
};

static void report(void *context, const struct store_finding *finding)
{
	struct finding *f = context;
	sim_broken(f->sim, "node %u: %s %s", f->node, finding->object, finding->text);
}

static void check_store(struct sim_node *node)
{
	struct finding f = {node->sim, node->number};
	struct err err;
	if (store_check(node->store, report, NULL, &f, &err) != 0)
		sim_broken(node->sim, "node %u can't be checked: %s", node->number, err.text);
}

/* What is there. */

static void check_body(struct sim_node *node, const struct sim_seen_object *o)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf body = BUF(SIZE_MAX);
	struct sim *sim = node->sim;
	struct err err;
	if (id_is_none(o->blob))
		return;
	int r = store_read_blob(node->store, o->blob, 0, UINT64_MAX, &body, &err);
	struct slice wanted = sim_body(sim->history->messages[o->message].body, &arena);
	if (r != 0 || !slice_eq(buf_slice(&body), wanted))
		sim_broken(sim, "node %u: the body of object %u %s", node->number, o->object,
			r == 0 ? "is another one" : "can't be read");
}

/* What was set at one side and deleted there with its collection may live as what the other side
 * has moved it to, which knows nothing of that. */
static void check_flags(struct sim *sim, const struct sim_seen_object *o)
{
	const struct sim_history *h = sim->history;
	if (h->objects[o->object].moved && h->messages[o->message].may_go)
		return;
	for (size_t i = 0; i < SIM_FLAGS; i++)
		if (h->overwritten[o->flags[i]])
			sim_broken(sim, "flag %zu of object %u is %u again, which was overwritten",
				i, o->object, o->flags[i]);
}

static void find_object(struct sim *sim, unsigned account, const struct sim_seen_object *seen)
{
	struct sim_object *o = &sim->history->objects[seen->object];
	struct sim_message *m = &sim->history->messages[o->message];
	if (!o->tried || !id_eq(o->id, seen->id) || seen->message != o->message ||
		m->account != account)
		sim_broken(sim, "object %u is not what was made", seen->object);
	if (o->gone)
		sim_broken(
			sim, "object %u of message %u is gone and lives", seen->object, o->message);
	if (o->found)
		sim_broken(sim, "object %u is there twice", seen->object);
	if (m->found && !o->found)
		sim_broken(sim, "message %u is at two places", o->message);
	o->found = m->found = true;
	check_flags(sim, seen);
}

static void find_collection(struct sim *sim, unsigned account, const struct sim_seen_collection *c)
{
	struct sim_made *made = &sim->history->collections[c->collection];
	if (!id_eq(made->id, c->id) || made->account != account)
		sim_broken(sim, "collection %u is not what was made", c->collection);
	if (made->found)
		sim_broken(sim, "collection %u is there twice", c->collection);
	/* One that was deleted at one side comes back as it was at the other. */
	if (sim->history->overwritten[c->named] && !made->may_go)
		sim_broken(sim, "collection %u has the name of operation %u, which was overwritten",
			c->collection, c->named);
	made->found = true;
}

static void walk(struct sim *sim, unsigned account)
{
	const struct sim_view *view = sim_view_of(sim->views, 0, account);
	for (size_t i = 0; i < view->count; i++) {
		const struct sim_seen_collection *c = &view->collections[i];
		find_collection(sim, account, c);
		for (size_t o = 0; o < c->object_count; o++)
			find_object(sim, account, &c->objects[o]);
	}
}

static void check_bodies(struct sim_node *node, unsigned account)
{
	const struct sim_view *view = sim_view_of(node->sim->views, node->number, account);
	for (size_t i = 0; i < view->count; i++)
		for (size_t o = 0; o < view->collections[i].object_count; o++)
			check_body(node, &view->collections[i].objects[o]);
}

/* What should be there. */

static void check_messages(struct sim *sim)
{
	const struct sim_history *h = sim->history;
	for (uint32_t i = 1; i <= h->message_count; i++) {
		const struct sim_message *m = &h->messages[i];
		if (m->acked && !m->may_go && !m->found && !h->removed[m->account])
			sim_broken(sim, "message %u of account %u is lost%s", i, m->account,
				m->cut_short ? "; the link was lost while it was delivered" : "");
	}
}

static bool had_same_name(const struct sim_history *h, uint32_t which)
{
	const struct sim_made *made = &h->collections[which];
	for (uint32_t i = 1; i <= h->collection_count; i++)
		if (i != which && h->collections[i].account == made->account &&
			(h->collections[i].names & made->names) != 0)
			return true;
	return false;
}

static void check_collections(struct sim *sim)
{
	const struct sim_history *h = sim->history;
	for (uint32_t i = 1; i <= h->collection_count; i++) {
		const struct sim_made *made = &h->collections[i];
		if (made->acked && !made->may_go && !made->found && !h->removed[made->account] &&
			!had_same_name(h, i))
			sim_broken(sim, "collection %u of account %u is lost", i, made->account);
	}
}

static void check_told(struct sim *sim)
{
	bool owed = false;
	for (size_t i = 0; i < SIM_NODES; i++)
		owed |= sim_watch_is_owed(sim->nodes[i]->watch);
	if (!owed)
		return;
	sim_sleep(sim->sched, PATIENCE_MS);
	for (size_t i = 0; i < SIM_NODES; i++)
		sim_look(sim->nodes[i]);
}

void sim_check(struct sim *sim)
{
	compare_rows(sim);
	for (size_t i = 0; i < SIM_NODES; i++) {
		sim_look(sim->nodes[i]);
		check_store(sim->nodes[i]);
		for (unsigned a = 0; a < SIM_ACCOUNTS; a++)
			if (!sim->history->removed[a])
				check_bodies(sim->nodes[i], a);
	}
	for (unsigned a = 0; a < SIM_ACCOUNTS; a++)
		if (!sim->history->removed[a])
			walk(sim, a);
	check_messages(sim);
	check_collections(sim);
	check_told(sim);
}
