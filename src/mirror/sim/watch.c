/* A writer tells when its commit returns, which may wait for the other node long after readers see
 * what was committed here: so there is a time of grace. */
#include "mirror/sim/watch.h"

#include "mirror/sim/history.h"

#include "base/alloc.h"

enum { GRACE_MS = 8000 };

struct watched {
	struct sim_node *node;
	unsigned account;
	struct store_watch *watch;
	int64_t told_ms;
	bool seen;
	uint64_t signature;
	int64_t seen_ms; /* the last time */
	bool owed;       /* to be told, since owed_ms; it happened after owed_from */
	int64_t owed_ms, owed_from;
};

struct sim_watch {
	struct watched accounts[SIM_ACCOUNTS];
};

static int64_t now(const struct watched *w)
{
	return sim_now(w->node->sim->sched);
}

static void woken(void *context, struct id account)
{
	struct watched *w = context;
	w->told_ms = now(w);
}

struct sim_watch *sim_watch_new(struct sim_node *node)
{
	struct sim_watch *watch = ALLOC(struct sim_watch);
	for (unsigned i = 0; i < SIM_ACCOUNTS; i++) {
		struct watched *w = &watch->accounts[i];
		w->node = node;
		w->account = i;
		w->told_ms = -1;
		w->watch = store_watch(node->store, node->sim->history->accounts[i], woken, w);
	}
	return watch;
}

void sim_watch_free(struct sim_watch *watch)
{
	for (size_t i = 0; i < SIM_ACCOUNTS; i++)
		store_unwatch(watch->accounts[i].node->store, watch->accounts[i].watch);
	free(watch);
}

void sim_watch_saw(struct sim_watch *watch, unsigned account, uint64_t signature)
{
	struct watched *w = &watch->accounts[account];
	if (w->seen && signature != w->signature && !w->owed) {
		w->owed = true;
		w->owed_ms = now(w);
		w->owed_from = w->seen_ms;
	}
	if (w->owed && w->told_ms >= w->owed_from)
		w->owed = false;
	if (w->owed && now(w) > w->owed_ms + GRACE_MS) {
		sim_broken(w->node->sim, "node %u: nobody was told of a change to account %u",
			w->node->number, account);
		w->owed = false;
	}
	w->seen = true;
	w->signature = signature;
	w->seen_ms = now(w);
}

bool sim_watch_is_owed(const struct sim_watch *watch)
{
	for (size_t i = 0; i < SIM_ACCOUNTS; i++) {
		const struct watched *w = &watch->accounts[i];
		if (w->owed && w->told_ms < w->owed_from)
			return true;
	}
	return false;
}
