/* A process: its store, its tick, and how many are in it. */
#include "mirror/sim/node.h"

#include "mirror/sim/data.h"
#include "mirror/sim/net.h"
#include "mirror/sim/watch.h"

#include "base/alloc.h"
#include "base/must.h"

enum {
	POLL_MS = 7,
	SILENCE_MIN_MS = 900,
	SILENCE_MS = 3000,
	CLOSED_AFTER_MS = 45 * 1000, /* who waits for a lock waits no longer */
};

struct sim_node *sim_node_new(struct sim *sim, unsigned number, const char *folder)
{
	struct sim_node *node = ALLOC(struct sim_node);
	node->sim = sim;
	node->number = number;
	node->folder = folder;
	node->disk = sim_disk_new(sim, number);
	if (sim_once_in(sim->sched, 4))
		node->silence_ms = SILENCE_MIN_MS + (unsigned)sim_random(sim->sched, SILENCE_MS);
	return node;
}

void sim_node_free(struct sim_node *node)
{
	must(node->state == SIM_NODE_OFF);
	sim_disk_free(node->disk);
	free(node);
}

struct sim_node *sim_other_node(const struct sim_node *node)
{
	return node->sim->nodes[1 - node->number];
}

struct visit {
	struct sim_node *node;
	void (*run)(void *context);
	void *context;
};

static void run_visit(void *context)
{
	struct visit visit = *(struct visit *)context;
	free(context);
	visit.run(visit.context);
	visit.node->running--;
}

void sim_node_run(struct sim_node *node, void (*run)(void *context), void *context)
{
	struct visit *visit = ALLOC(struct visit);
	*visit = (struct visit){node, run, context};
	node->running++;
	sim_spawn(node->sim->sched, node->number, run_visit, visit);
}

bool sim_node_enter(struct sim_node *node)
{
	bool up = node->state == SIM_NODE_UP;
	node->running += up;
	return up;
}

void sim_node_leave(struct sim_node *node)
{
	node->running--;
}

static void host_run(void *host, void (*run)(void *context), void *context)
{
	sim_node_run(host, run, context);
}

static void host_dial(void *host, struct mirror_node *mirror)
{
	struct sim_node *node = host;
	sim_net_dial(node->sim->net, node);
}

static const struct mirror_host HOST = {host_run, host_dial};

/* Ticks go on while the last of a dead process runs. */
static void tick(void *context)
{
	struct sim_node *node = context;
	unsigned life = node->life;
	for (;;) {
		sim_sleep(node->sim->sched, MIRROR_TICK_MS);
		if (node->state == SIM_NODE_OFF || node->life != life)
			return;
		mirror_node_tick(node->mirror);
	}
}

/* A bit that flips in what is packed ends the link, and no rule has anything to find. */
static enum mirror_compress compress_of(const struct sim *sim)
{
	static const enum mirror_compress ALL[] = {
		MIRROR_COMPRESS_YES, MIRROR_COMPRESS_AUTO, MIRROR_COMPRESS_NO};
	return sim->lie == SIM_FLIPS ? MIRROR_COMPRESS_NO : ALL[sim->seed % ARRAY_LEN(ALL)];
}

void sim_node_start(struct sim_node *node)
{
	struct mirror_node_options options = {.folder = node->folder,
		.inner = &sim_disk_driver,
		.inner_options = {.path = sim_disk_path(node->disk)},
		.rules = sim_rules,
		.listen = "*:7625",
		.version = "simulation",
		.silence_ms = node->silence_ms,
		.compress = compress_of(node->sim),
		.ack = node->sim->always_both                   ? MIRROR_ACK_BOTH_OR_TEMPFAIL
		       : node->sim->answers_ahead[node->number] ? MIRROR_ACK_ONE
								: MIRROR_ACK_BOTH};
	struct err err;
	must(node->state == SIM_NODE_OFF && node->running == 0);
	int r = mirror_node_open(&options, &node->mirror, &err);
	must(r == 0);
	struct store_options of_store = {
		.driver = &mirror_driver, .db = mirror_node_db(node->mirror)};
	r = store_open(&of_store, &node->store, &err);
	must(r == 0);
	mirror_node_attach(node->mirror, node->store);
	r = mirror_node_start(node->mirror, &HOST, node, &err);
	must(r == 0);
	node->watch = sim_watch_new(node);
	node->life++;
	node->state = SIM_NODE_UP;
	sim_spawn(node->sim->sched, node->number, tick, node);
	sim_tell(node->sim, "node %u starts", node->number);
}

void sim_node_kill(struct sim_node *node, bool silently)
{
	sim_tell(node->sim, "node %u is killed%s", node->number, silently ? " silently" : "");
	node->state = SIM_NODE_DEAD;
	sim_disk_crash(node->disk);
	sim_net_node_gone(node->sim->net, node, silently);
}

void sim_node_stop(struct sim_node *node)
{
	sim_tell(node->sim, "node %u stops", node->number);
	node->state = SIM_NODE_STOPPING;
	sim_net_node_stops(node->sim->net, node);
}

void sim_node_close(struct sim_node *node)
{
	struct sim_sched *sched = node->sim->sched;
	int64_t until = sim_now(sched) + CLOSED_AFTER_MS;
	while (node->running > 0 && sim_now(sched) < until)
		sim_sleep(sched, POLL_MS);
	if (node->running > 0) {
		sim_broken(node->sim, "node %u: %u activities do not end", node->number,
			node->running);
		sim_stop(sched);
		sim_switch(sched);
	}
	sim_watch_free(node->watch);
	store_close(node->store);
	mirror_node_free(node->mirror);
	node->store = NULL;
	node->watch = NULL;
	node->mirror = NULL;
	node->state = SIM_NODE_OFF;
	sim_tell(node->sim, "node %u is closed", node->number);
}

bool sim_node_is_linked(const struct sim_node *node)
{
	struct mirror_connection *c =
		node->state == SIM_NODE_UP ? mirror_connection_current(node->mirror) : NULL;
	bool linked = c && c->linked; /* nobody else runs now */
	if (c)
		mirror_connection_unref(c);
	return linked;
}

static bool look(struct sim_node *node, struct mirror_status *ret_status)
{
	if (node->state != SIM_NODE_UP)
		return false;
	mirror_node_status(node->mirror, ret_status);
	return true;
}

bool sim_is_undisturbed(struct sim *sim)
{
	for (size_t i = 0; i < SIM_NODES; i++) {
		struct mirror_status status;
		if (!look(sim->nodes[i], &status) || !status.figures.linked ||
			status.figures.leases.apart > 0)
			return false;
	}
	return true;
}

bool sim_is_in_sync(struct sim *sim)
{
	for (size_t i = 0; i < SIM_NODES; i++) {
		struct mirror_status status;
		if (!look(sim->nodes[i], &status) || status.state != MIRROR_IN_SYNC)
			return false;
	}
	return true;
}
