/* Opening and serving, and the clock's tick: who is silent, who is looked for, what is tried again.
 * What operators do is in operate.c. */
#include "mirror/node_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"
#include "mirror/driver_internal.h"
#include "net/address.h"
#include "net/tls.h"

enum {
	SILENCE_MS = 2000,
	RETRY_MS = 1000,
	BACKLOG = 8,
	CONNECT_MS = 1500, /* the kernel's own tries come further and further apart */
};

void mirror_node_lock(struct mirror_node *node)
{
	(void)pthread_mutex_lock(&node->lock);
}

void mirror_node_unlock(struct mirror_node *node)
{
	(void)pthread_mutex_unlock(&node->lock);
}

void mirror_node_enter(struct mirror_node *node, enum mirror_state state)
{
	if (node->state != state) {
		node->since_ms = clock_wall_ms();
		node->entered_ms = clock_mono_ms();
	}
	node->state = state;
}

void mirror_node_let_write(struct mirror_node *node)
{
	if (node->holds_writes)
		mirror_let_write(node->mirror);
	node->holds_writes = false;
	mirror_set_looking(node->mirror, false);
}

void mirror_node_say(struct mirror_node *node, const struct err *why)
{
	(void)snprintf(node->error, sizeof(node->error), "%s", why->text);
}

int mirror_node_open(
	const struct mirror_node_options *options, struct mirror_node **ret_node, struct err *err)
{
	struct mirror_node *node = ALLOC(struct mirror_node);
	struct mirror_options mirror = {.inner = options->inner,
		.inner_options = options->inner_options,
		.peer = &MIRROR_PEER,
		.peer_context = node};
	node->options = *options;
	if (node->options.silence_ms == 0)
		node->options.silence_ms = SILENCE_MS;
	must(pthread_mutex_init(&node->lock, NULL) == 0);
	must(pthread_mutex_init(&node->peer_lock, NULL) == 0);
	int r = mirror_pairing_load(options->folder, &node->pairing, err);
	node->paired = r == 0;
	if (r >= 0)
		r = mirror_open(&mirror, &node->mirror, err);
	if (r < 0) {
		mirror_node_free(node);
		return r;
	}
	if (node->paired)
		mirror_pair(node->mirror, node->pairing.is_first);
	node->since_ms = clock_wall_ms();
	node->entered_ms = clock_mono_ms();
	mirror_node_enter(node, !node->paired          ? MIRROR_UNPAIRED
				: node->pairing.paused ? MIRROR_PAUSED
						       : MIRROR_ALONE);
	mirror_answer_ahead(node->mirror, options->ack == MIRROR_ACK_ONE);
	*ret_node = node;
	return 0;
}

struct store_db *mirror_node_db(struct mirror_node *node)
{
	return mirror_db(node->mirror);
}

void mirror_node_attach(struct mirror_node *node, struct store *store)
{
	node->store = store;
	mirror_attach(node->mirror, store);
	/* Not before: opening an empty store writes what format it has. */
	mirror_refuse_alone(
		node->mirror, node->paired && node->options.ack == MIRROR_ACK_BOTH_OR_TEMPFAIL);
}

void mirror_node_free(struct mirror_node *node)
{
	if (!node)
		return;
	net_tls_slot_free(node->tls);
	free(node->scrub.accounts);
	explicit_bzero(node->pairing.key, sizeof(node->pairing.key));
	(void)pthread_mutex_destroy(&node->lock);
	(void)pthread_mutex_destroy(&node->peer_lock);
	free(node);
}

static void listen_failed(void *service, const struct err *err)
{
	struct mirror_node *node = service;
	mirror_node_lock(node);
	if (!node->current)
		mirror_node_say(node, err);
	mirror_node_unlock(node);
}

/* Only the first node is connected to; once it listens it does so until the end. */
static int start_listening(struct mirror_node *node, struct err *err)
{
	struct net_address address;
	struct net_listener_options options = {.protocol = &MIRROR_PROTOCOL,
		.service = node,
		.tls = node->tls,
		.tls_at_once = true,
		.failed = listen_failed};
	if (node->listening || !node->loop)
		return 0;
	if (net_address_parse(slice_str(node->options.listen), &address, err) < 0 ||
		net_address_listen(&address, BACKLOG, 0600, &options.fd, err) < 0)
		return err_prefix(err, "mirror, listen %s", node->options.listen);
	int r = net_loop_listen(node->loop, &options, err);
	node->listening = r == 0;
	return r;
}

int mirror_node_use_key(struct mirror_node *node, struct err *err)
{
	if (!node->paired || !node->tls)
		return 0;
	const struct mirror_pairing *p = &node->pairing;
	int r = net_tls_slot_set_key(
		node->tls, id_slice(&p->cluster), slice(p->key, MIRROR_KEY_SIZE), err);
	return r == 0 && p->is_first ? start_listening(node, err) : r;
}

/* What a tick found to do, outside of the lock. */
struct todo {
	bool dial;
	bool scrub, mend;
	struct mirror_connection *silent, *linked;
};

static void look(struct mirror_node *node, int64_t now, struct todo *todo)
{
	struct mirror_connection *c = node->current;
	if (node->holds_writes && node->state == MIRROR_LOOKING && now >= node->holds_until) {
		mirror_node_enter(node, MIRROR_ALONE);
		mirror_node_let_write(node);
	}
	if (node->holds_writes && node->state != MIRROR_MEETING && node->state != MIRROR_LOOKING)
		mirror_node_let_write(node);
	if (c && now - atomic_load(&c->heard_ms) > node->options.silence_ms)
		todo->silent = mirror_connection_ref(c);
	else if (c && c->linked && c->settling == 0 && c->unsettled.count > 0 &&
		 now >= node->retry_at) {
		node->retry_at = now + RETRY_MS;
		todo->linked = mirror_connection_ref(c);
	}
	todo->scrub = mirror_scrub_is_due(node, now);
	todo->mend = mirror_mend_is_due(node, now);
	todo->dial = node->paired && !node->pairing.paused && !node->pairing.is_first && !c &&
		     !node->dialing && now >= node->dial_at;
	node->dialing |= todo->dial;
}

enum mirror_state mirror_node_state(
	const struct mirror_node *node, const struct mirror_figures *figures)
{
	/* The last account of all is linked before this node's disk has what it became. */
	bool merging = figures->leases.apart > 0 || (node->current && node->current->settling > 0);
	return node->state == MIRROR_IN_SYNC && merging ? MIRROR_MERGING : node->state;
}

/* Once in sync nothing is on one disk only. Figures are counted over all leases: only when there is
 * something to forget. */
static void forget_unmirrored(struct mirror_node *node)
{
	mirror_node_lock(node);
	if (node->state == MIRROR_IN_SYNC &&
		mirror_commits(node->mirror).alone != node->alone_before) {
		struct mirror_figures figures = mirror_figures(node->mirror);
		if (mirror_node_state(node, &figures) == MIRROR_IN_SYNC) {
			node->alone_before = figures.commits.alone;
			node->since_ms = clock_wall_ms();
		}
	}
	mirror_node_unlock(node);
}

void mirror_node_tick(void *context)
{
	struct mirror_node *node = context;
	struct todo todo = {0};
	struct err err;
	mirror_node_lock(node);
	look(node, clock_mono_ms(), &todo);
	mirror_node_unlock(node);
	if (todo.silent) {
		(void)err_temporary(&err, ERR_UNAVAILABLE,
			"the other node was silent for more than %u ms", node->options.silence_ms);
		mirror_connection_kill(todo.silent, &err);
		mirror_connection_unref(todo.silent);
	}
	if (todo.linked) {
		mirror_settle_retry(todo.linked);
		mirror_connection_unref(todo.linked);
	}
	if (todo.dial)
		node->host->dial(node->host_context, node);
	if (todo.scrub)
		node->host->run(node->host_context, mirror_scrub_run, node);
	if (todo.mend)
		node->host->run(node->host_context, mirror_mend_run, node);
	forget_unmirrored(node);
}

int mirror_node_start(
	struct mirror_node *node, const struct mirror_host *host, void *context, struct err *err)
{
	mirror_node_lock(node);
	node->host = host;
	node->host_context = context;
	mirror_dial_reset(node);
	mirror_scrub_start(node);
	node->dial_at = 0;
	if (node->state == MIRROR_ALONE) {
		mirror_node_enter(node, MIRROR_LOOKING);
		node->holds_writes = true;
		mirror_set_looking(node->mirror, true);
		node->holds_until = clock_mono_ms() + node->options.silence_ms;
		mirror_hold_writes(node->mirror); /* nobody writes yet, so this does not wait */
	}
	int r = mirror_node_use_key(node, err);
	mirror_node_unlock(node);
	return r;
}

static void run_on_loop(void *host, void (*run)(void *context), void *context)
{
	net_loop_spawn(host, run, context);
}

static void dial_on_loop(void *host, struct mirror_node *node)
{
	net_loop_spawn(host, mirror_dial, node);
}

static const struct mirror_host ON_LOOP = {run_on_loop, dial_on_loop};

int mirror_node_serve(struct mirror_node *node, struct net_loop *loop, struct err *err)
{
	struct net_connector_options options = {.protocol = &MIRROR_PROTOCOL,
		.service = node,
		.connect_timeout_ms = CONNECT_MS,
		.failed = mirror_dial_failed};
	node->loop = loop;
	node->tls = net_tls_slot_new();
	node->connector = net_loop_connector(loop, &options);
	if (mirror_node_start(node, &ON_LOOP, loop, err) < 0)
		return -1;
	net_loop_every(loop, MIRROR_TICK_MS, mirror_node_tick, node);
	return 0;
}
