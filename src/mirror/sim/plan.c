/* Each fault is an activity: it waits for its time, breaks something, waits, and mends it. */
#include "mirror/sim/plan.h"

#include "mirror/sim/net.h"
#include "mirror/sim/node.h"

#include "base/alloc.h"

enum {
	LOAD_MIN_MS = 1500,
	LOAD_MS = 9000,
	FAULTS_MAX = 6,
	FAULT_MS = 5000, /* mostly less */
	POLL_MS = 20,
	AIM_MS = 3000,
	AIM_POLL_MS = 3,
	MERGE_MS = 100,
	WEIGHT_MAX = 10,
};

struct fault {
	struct sim *sim;
	struct sim_node *node;
	int64_t start_ms, for_ms;
	bool aimed; /* at the middle of a merge */
	void (*run)(struct fault *fault);
};

static void pass(const struct fault *f)
{
	sim_sleep(f->sim->sched, f->for_ms);
}

/* Nobody else stops or starts it meanwhile. */
static void take_node(struct sim_node *node)
{
	while (node->busy)
		sim_sleep(node->sim->sched, POLL_MS);
	node->busy = true;
}

/* Nobody hears the other. */
static void partition(struct fault *f)
{
	sim_tell(f->sim, "the network is cut");
	for (unsigned i = 0; i < SIM_NODES; i++)
		sim_net_cut(f->sim->net, i, true);
	pass(f);
	for (unsigned i = 0; i < SIM_NODES; i++)
		sim_net_cut(f->sim->net, i, false);
	sim_tell(f->sim, "the network is whole");
}

static void cut_one_way(struct fault *f)
{
	sim_tell(f->sim, "nothing comes from node %u", f->node->number);
	sim_net_cut(f->sim->net, f->node->number, true);
	pass(f);
	sim_net_cut(f->sim->net, f->node->number, false);
	sim_tell(f->sim, "node %u is heard again", f->node->number);
}

static void break_link(struct fault *f)
{
	sim_tell(f->sim, "connections break");
	sim_net_break(f->sim->net);
}

static void slow_down(struct fault *f)
{
	int64_t ms = (int64_t)sim_small(f->sim->sched, 700);
	sim_tell(f->sim, "the network takes %lld ms longer", (long long)ms);
	sim_net_slow_down(f->sim->net, ms);
	pass(f);
	sim_net_slow_down(f->sim->net, -ms);
}

static void crash(struct fault *f)
{
	take_node(f->node);
	sim_node_kill(f->node, sim_once_in(f->sim->sched, 2));
	sim_node_close(f->node);
	pass(f);
	sim_node_start(f->node);
	f->node->busy = false;
}

static void crash_both(struct fault *f)
{
	bool silently = sim_once_in(f->sim->sched, 2);
	for (size_t i = 0; i < SIM_NODES; i++)
		take_node(f->sim->nodes[i]);
	for (size_t i = 0; i < SIM_NODES; i++)
		sim_node_kill(f->sim->nodes[i], silently);
	for (size_t i = 0; i < SIM_NODES; i++)
		sim_node_close(f->sim->nodes[i]);
	for (size_t i = 0; i < SIM_NODES; i++) {
		pass(f);
		sim_node_start(f->sim->nodes[i]);
		f->sim->nodes[i]->busy = false;
	}
}

static void restart(struct fault *f)
{
	take_node(f->node);
	sim_node_stop(f->node);
	sim_node_close(f->node);
	pass(f);
	sim_node_start(f->node);
	f->node->busy = false;
}

static void fill_disk(struct fault *f)
{
	sim_tell(f->sim, "the disk of node %u is full", f->node->number);
	sim_disk_fill(f->node->disk, true);
	pass(f);
	sim_disk_fill(f->node->disk, false);
	sim_tell(f->sim, "the disk of node %u has room", f->node->number);
}

/* An operator who tries until it works. */
static void set_paused(struct sim_node *node, bool pause)
{
	for (bool done = false; !done;) {
		struct err err;
		if (sim_node_enter(node)) {
			done = mirror_node_pause(node->mirror, pause, &err) == 0;
			sim_node_leave(node);
		}
		if (!done)
			sim_sleep(node->sim->sched, POLL_MS);
	}
	sim_tell(node->sim, "node %u is %s", node->number, pause ? "paused" : "resumed");
}

static void pause_mirror(struct fault *f)
{
	set_paused(f->node, true);
	pass(f);
	set_paused(f->node, false);
}

static void move_clock(struct fault *f)
{
	int64_t ms = (int64_t)sim_random(f->sim->sched, 20000) - 10000;
	sim_tell(f->sim, "the clock of node %u is %lld ms ahead", f->node->number, (long long)ms);
	sim_skew(f->sim->sched, f->node->number, ms);
}

static void differs(void *context, struct id account, const char *why)
{
	struct fault *f = context;
	sim_tell(f->sim, "verify at node %u: %s", f->node->number, why);
	if (strcmp(why, "it is not merged yet") != 0)
		sim_broken(f->sim, "verify at node %u: %s", f->node->number, why);
}

static void verify(struct fault *f)
{
	struct mirror_verify_result result;
	struct err err;
	bool repair = sim_once_in(f->sim->sched, 2);
	if (!sim_node_enter(f->node))
		return;
	int r = mirror_node_verify(f->node->mirror, repair, NULL, differs, f, &result, &err);
	sim_tell(f->sim, "node %u %s", f->node->number, r == 0 ? "was verified" : err.text);
	sim_node_leave(f->node);
}

/* What a role does every few minutes. */
static void keep_up(struct fault *f)
{
	struct store_db *db;
	uint64_t freed = 0;
	struct err err;
	if (!sim_node_enter(f->node))
		return;
	const struct store_driver *driver = store_driver_of(f->node->store, &db);
	int r = store_sweep(f->node->store, NULL, NULL, &err);
	if (r == 0)
		r = driver->compact(db, true, NULL, NULL, &freed, &err);
	sim_tell(f->sim, "node %u %s", f->node->number, r == 0 ? "was swept" : err.text);
	sim_node_leave(f->node);
}

static const struct {
	const char *name;
	unsigned weight;
	void (*run)(struct fault *fault);
} FAULTS[] = {
	{"partition", 10, partition},
	{"one-way", 6, cut_one_way},
	{"break", 8, break_link},
	{"slow", 3, slow_down},
	{"crash", 10, crash},
	{"crash-both", 3, crash_both},
	{"restart", 3, restart},
	{"full", 5, fill_disk},
	{"pause", 4, pause_mirror},
	{"clock", 2, move_clock},
	{"verify", 2, verify},
	{"sweep", 2, keep_up},
};

static size_t pick_fault(struct sim *sim)
{
	for (;;) {
		size_t which = sim_random(sim->sched, ARRAY_LEN(FAULTS));
		if (sim_random(sim->sched, WEIGHT_MAX) < FAULTS[which].weight &&
			sim_has(sim, FAULTS[which].name))
			return which;
	}
}

static bool is_merging(struct sim *sim)
{
	struct sim_node *first = sim->nodes[0];
	return sim_node_is_linked(first) && first->mirror->current->settling > 0;
}

/* Until some accounts are being merged, if it comes to that soon. */
static void aim(struct fault *f)
{
	struct sim_sched *sched = f->sim->sched;
	int64_t until = sim_now(sched) + AIM_MS;
	while (!is_merging(f->sim) && sim_now(sched) < until)
		sim_sleep(sched, AIM_POLL_MS);
	sim_sleep(sched, (int64_t)sim_small(sched, MERGE_MS));
}

static void run_fault(void *context)
{
	struct fault *f = context;
	sim_sleep(f->sim->sched, f->start_ms);
	if (f->aimed)
		aim(f);
	f->run(f);
	f->sim->faults--;
	free(f);
}

int64_t sim_plan_start(struct sim *sim)
{
	struct sim_sched *sched = sim->sched;
	int64_t load_ms = LOAD_MIN_MS + (int64_t)sim_random(sched, LOAD_MS);
	uint64_t count = sim_random(sched, FAULTS_MAX + 1);
	for (uint64_t i = 0; i < count; i++) {
		/* One after the other: a seed means the same whatever the compiler. */
		struct fault *f = ALLOC(struct fault);
		f->sim = sim;
		f->node = sim->nodes[sim_random(sched, SIM_NODES)];
		f->start_ms = (int64_t)sim_random(sched, (uint64_t)load_ms);
		f->for_ms = (int64_t)sim_small(sched, FAULT_MS);
		f->aimed = sim_once_in(sched, 3);
		f->run = FAULTS[pick_fault(sim)].run;
		sim->faults++;
		sim_spawn(sched, f->node->number, run_fault, f);
	}
	return load_ms;
}
