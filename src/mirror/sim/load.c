/* Who writes, and what must hold once an operation was acknowledged. */
#include "mirror/sim/load.h"

#include "mirror/sim/operation.h"

#include "base/alloc.h"
#include "store/key.h"

enum { PAUSE_MIN_MS = 50, PAUSE_MS = 600, WRITERS_MAX = 3, TWO_ACCOUNTS_TIMES = 8 };

/* The client was told. */
static void acknowledge(struct sim_operation *op, bool cut_short)
{
	struct sim_history *h = op->history;
	for (size_t i = 0; i < op->effect_count; i++) {
		const struct sim_effect *e = &op->effects[i];
		uint32_t before;
		switch (e->kind) {
		case SIM_DELIVERED:
			h->messages[e->what].acked = true;
			h->messages[e->what].cut_short = cut_short;
			break;
		case SIM_MADE:
			h->collections[e->what].acked = true;
			break;
		case SIM_GONE:
			h->objects[e->what].gone = true;
			break;
		case SIM_OVERWROTE:
			h->overwritten[e->what] = true;
			break;
		case SIM_NUMBERED:
			before = sim_number_seen(h, e->series, e->number, e->what);
			if (before && before != e->what)
				sim_broken(op->sim,
					"number %u of collection %u was given to object %u, and "
					"named %u before",
					e->number, e->series.collection, e->what, before);
			break;
		}
	}
}

/* And always, when it was said so. */
static void check_object_is_at_both(struct sim_operation *op, const struct sim_effect *e)
{
	AUTO(buf_free) struct buf row = BUF(1000);
	const struct store_driver *driver;
	const struct sim_made *made = &op->history->collections[e->series.collection];
	struct sim_node *there = sim_other_node(op->node);
	struct store_db *db = sim_disk_inner(there->disk, &driver);
	struct key key;
	key_of_object(&key, KEY_OBJECT, op->history->accounts[made->account], made->id, e->number);
	if (driver->get(db, NULL, key_slice(&key), &row, NULL) != 0)
		sim_broken(op->sim, "node %u acknowledged object %u, and only its disk has it",
			op->node->number, e->what);
}

/* What was answered and is on its way to the other disk is counted. */
static bool is_on_its_way(struct sim_node *node)
{
	return node->sim->answers_ahead[node->number] &&
	       mirror_commits(node->mirror->mirror).ahead > 0;
}

/* While the two are linked, what one of them acknowledged the other one has. */
static void check_both_have_it(struct sim_operation *op)
{
	const struct store_driver *driver;
	for (size_t i = 0; i < op->account_count; i++) {
		AUTO(buf_free) struct buf here = BUF(1000), there = BUF(1000);
		struct buf *const rows[SIM_NODES] = {&here, &there};
		struct key key;
		key_of_account(&key, KEY_ACCOUNT, op->history->accounts[op->accounts[i]]);
		for (size_t n = 0; n < SIM_NODES; n++) {
			struct store_db *db = sim_disk_inner(op->sim->nodes[n]->disk, &driver);
			(void)driver->get(db, NULL, key_slice(&key), rows[n], NULL);
		}
		if (!slice_eq(buf_slice(&here), buf_slice(&there)) && sim_is_undisturbed(op->sim) &&
			!is_on_its_way(op->node))
			sim_broken(op->sim,
				"node %u acknowledged a write to account %u that node %u does not "
				"have, and they are linked",
				op->node->number, op->accounts[i], 1 - op->node->number);
	}
}

static void tell(struct sim_operation *op, size_t which, const char *outcome)
{
	static const char *const KINDS[] = {"delivers", "makes", "drops", "overwrites", "numbers"};
	if (!op->sim->verbose)
		return;
	AUTO(buf_free) struct buf text = BUF(2000);
	for (size_t i = 0; i < op->effect_count; i++) {
		const struct sim_effect *e = &op->effects[i];
		buf_printf(&text, " %s %u", KINDS[e->kind], e->what);
		if (e->kind == SIM_NUMBERED)
			buf_printf(&text, " (%u in %u)", e->number, e->series.collection);
	}
	sim_tell(op->sim, "node %u account %u: %s%s: %s", op->node->number, op->accounts[0],
		sim_operation_name(which), buf_cstr(&text), outcome);
}

static int commit(struct sim_operation *op, size_t which)
{
	unsigned life = op->node->life;
	bool linked = sim_node_is_linked(op->node);
	tell(op, which, "is tried");
	int r = store_write_commit(op->write, &op->err);
	/* A dead process tells nobody. */
	if (r == 0 && (op->node->life != life || op->node->state == SIM_NODE_DEAD))
		r = err_temporary(&op->err, ERR_UNAVAILABLE, "the node died");
	tell(op, which, r == 0 ? "done" : op->err.text);
	if (r == 0) {
		acknowledge(op, linked && !sim_node_is_linked(op->node));
		check_both_have_it(op);
		for (size_t i = 0; op->sim->always_both && i < op->effect_count; i++)
			if (op->effects[i].kind == SIM_NUMBERED)
				check_object_is_at_both(op, &op->effects[i]);
	}
	return r;
}

static int run(struct sim_operation *op, size_t which)
{
	struct id ids[SIM_PARTS_MAX];
	for (size_t i = 0; i < op->account_count; i++)
		ids[i] = op->history->accounts[op->accounts[i]];
	int r = store_write_begin(op->node->store, ids, op->account_count, &op->write, &op->err);
	if (r < 0)
		return r;
	r = sim_operation_make(op, which);
	if (r == 0)
		return commit(op, which);
	store_write_abort(op->write);
	return r;
}

static void operate(struct sim_node *node)
{
	struct sim *sim = node->sim;
	struct sim_operation op = {.sim = sim, .history = sim->history, .node = node};
	size_t which = sim_operation_pick(sim);
	op.accounts[op.account_count++] = (unsigned)sim_random(sim->sched, SIM_ACCOUNTS);
	unsigned second = (op.accounts[0] + 1) % SIM_ACCOUNTS;
	if (which == SIM_DELIVER && sim_once_in(sim->sched, TWO_ACCOUNTS_TIMES) &&
		!sim->history->removed[second])
		op.accounts[op.account_count++] = second;
	if (!sim->history->removed[op.accounts[0]])
		(void)run(&op, which);
	arena_free(&op.arena);
}

void sim_load_deliver(struct sim_node *node, unsigned account)
{
	struct sim_operation op = {.sim = node->sim,
		.history = node->sim->history,
		.node = node,
		.accounts = {account},
		.account_count = 1};
	if (op.history->removed[account])
		return;
	if (run(&op, SIM_DELIVER) != 0)
		sim_broken(node->sim, "node %u takes no mail in the end: %s", node->number,
			op.err.text);
	arena_free(&op.arena);
}

struct writer {
	struct sim_node *node;
	uint64_t pause_ms;
};

static void write_on(void *context)
{
	struct writer *writer = context;
	struct sim *sim = writer->node->sim;
	while (!sim->load_over) {
		sim_sleep(sim->sched, (int64_t)sim_small(sim->sched, writer->pause_ms));
		if (sim->load_over || !sim_node_enter(writer->node))
			continue;
		operate(writer->node);
		sim_node_leave(writer->node);
	}
	sim->writers--;
	free(writer);
}

void sim_load_start(struct sim *sim)
{
	for (size_t n = 0; n < SIM_NODES; n++) {
		uint64_t count = 1 + sim_random(sim->sched, WRITERS_MAX);
		for (uint64_t i = 0; i < count; i++) {
			struct writer *writer = ALLOC(struct writer);
			writer->node = sim->nodes[n];
			writer->pause_ms = PAUSE_MIN_MS + sim_random(sim->sched, PAUSE_MS);
			sim->writers++;
			sim_spawn(sim->sched, (unsigned)n, write_on, writer);
		}
	}
}
