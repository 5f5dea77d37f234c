/* A connection to the other node, without its socket: what a node does with a link, and what
 * becomes of it all when that is gone. Who has the socket (session.c) brings bytes and takes some.
 */
#include "mirror/node_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

enum {
	GREETING_MS = 5000, /* for HELLO */
	CLOCK_ALARM_MS = 60 * 1000,
};

struct mirror_connection *mirror_connection_ref(struct mirror_connection *c)
{
	(void)atomic_fetch_add(&c->refs, 1);
	return c;
}

void mirror_connection_unref(struct mirror_connection *c)
{
	if (atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	mirror_link_free(c->link);
	c->wire->unref(c->socket);
	mirror_ids_free(&c->apart);
	mirror_ids_free(&c->held);
	mirror_ids_free(&c->unsettled);
	free(c);
}

struct mirror_connection *mirror_connection_current(struct mirror_node *node)
{
	(void)pthread_mutex_lock(&node->peer_lock);
	struct mirror_connection *c = node->current;
	if (c)
		(void)mirror_connection_ref(c);
	(void)pthread_mutex_unlock(&node->peer_lock);
	return c;
}

/* Under node.lock. Returns the one before, whose reference goes over to the caller. */
static struct mirror_connection *make_current(struct mirror_node *node, struct mirror_connection *c)
{
	(void)pthread_mutex_lock(&node->peer_lock);
	struct mirror_connection *before = node->current;
	node->current = c ? mirror_connection_ref(c) : NULL;
	(void)pthread_mutex_unlock(&node->peer_lock);
	return before;
}

struct task {
	struct mirror_connection *c;
	void (*run)(struct mirror_connection *c, void *context);
	void *context;
};

static void run_task(void *context)
{
	struct task task = *(struct task *)context;
	free(context);
	task.run(task.c, task.context);
	mirror_connection_unref(task.c);
}

void mirror_connection_run(struct mirror_connection *c,
	void (*run)(struct mirror_connection *c, void *context), void *context)
{
	struct task *task = ALLOC(struct task);
	*task = (struct task){mirror_connection_ref(c), run, context};
	c->node->host->run(c->node->host_context, run_task, task);
}

/* The link is over: nobody waits for it any more, and the node goes on alone. Once. */
void mirror_connection_end(struct mirror_connection *c, const struct err *why)
{
	struct mirror_node *node = c->node;
	struct mirror_ids held = {0};
	struct mirror_connection *before = NULL;
	mirror_node_lock(node);
	bool first = !c->ended;
	bool held_writes = c->holds_writes, told = c->told_apart;
	c->ended = true;
	c->holds_writes = false;
	if (first) {
		held = c->held;
		c->held = (struct mirror_ids){0};
	}
	if (first && why)
		mirror_node_say(node, why);
	if (first && c->linked)
		mirror_dial_reset(node);
	else if (first)
		mirror_dial_later(node);
	if (node->current == c) {
		before = make_current(node, NULL);
		mirror_alone(node->mirror);
		if (node->state == MIRROR_MEETING || node->state == MIRROR_IN_SYNC)
			mirror_node_enter(node, MIRROR_ALONE);
		log_warn(c->log, "mirror link lost", F_STR("why", node->error));
	}
	mirror_node_unlock(node);
	if (first)
		mirror_link_end(c->link, why ? why->text : NULL);
	mirror_held_drop(node, &held);
	if (held_writes && told) /* the first node may have been linked for a moment */
		mirror_leases_doubt_away(mirror_leases(node->mirror), &c->apart);
	if (held_writes)
		mirror_let_write(node->mirror);
	if (before)
		mirror_connection_unref(before);
}

void mirror_connection_cut(struct mirror_connection *c, const struct err *why)
{
	mirror_connection_end(c, why);
	c->wire->wake(c->socket);
}

void mirror_connection_kill(struct mirror_connection *c, const struct err *why)
{
	mirror_connection_end(c, why);
	c->wire->cut(c->socket);
}

/* What the link calls. */

static void has_output(void *context)
{
	struct mirror_connection *c = context;
	c->wire->wake(c->socket);
}

static void has_commit(void *context)
{
	struct mirror_connection *c = context;
	(c->wire->wake_behind ? c->wire->wake_behind : c->wire->wake)(c->socket);
}

static void run_job(struct mirror_connection *c, void *context)
{
	mirror_job_run(context);
}

static void spawn(void *context, struct mirror_job *job)
{
	mirror_connection_run(context, run_job, job);
}

static int apply(void *context, const struct mirror_commit *commit, struct err *err)
{
	struct mirror_connection *c = context;
	return mirror_apply(c->node->mirror, atomic_load(&c->linking), commit, err);
}

static int serve(
	void *context, unsigned message, struct slice bytes, struct buf *answer, struct err *err)
{
	struct mirror_connection *c = context;
	switch ((enum mirror_message)message) {
	case MIRROR_MEET:
		return mirror_meet_answer(c, bytes, answer, err);
	case MIRROR_HOLD:
	case MIRROR_RELEASE:
	case MIRROR_BODIES:
	case MIRROR_STAGE:
	case MIRROR_SETTLE:
	case MIRROR_APART:
	case MIRROR_ROSTER:
		return mirror_held_serve(c, message, bytes, answer, err);
	case MIRROR_DIGEST:
		return mirror_digest_serve(c->node, bytes, answer, err);
	case MIRROR_COMMIT:
	case MIRROR_ANSWER:
		break;
	}
	return err_permanent(err, ERR_BAD_INPUT, "message %u is not known here", message);
}

/* Whether it is the node that we are paired with; the first time any is that knows the key. */
static int check_node(struct mirror_node *node, const struct mirror_frame *hello, struct err *err)
{
	struct mirror_pairing *p = &node->pairing;
	if (!node->paired)
		return err_temporary(err, ERR_DENIED, "this node is not paired");
	if (p->paused)
		return err_temporary(err, ERR_DENIED, "this node's mirror is paused");
	if (id_is_none(p->other)) {
		p->other = hello->node;
		return mirror_pairing_save(node->options.folder, p, err);
	}
	if (!id_eq(p->other, hello->node))
		return err_permanent(err, ERR_DENIED,
			"another machine has this pair's key: `rookery mirror replace` takes a "
			"new one in");
	return 0;
}

static int greeted(void *context, const struct mirror_frame *hello, struct err *err)
{
	struct mirror_connection *c = context, *before = NULL;
	struct mirror_node *node = c->node;
	c->clock_ahead_ms = hello->clock_ms - clock_wall_ms();
	(void)snprintf(c->software, sizeof(c->software), "%.*s",
		(int)MIN(hello->software.len, sizeof(c->software) - 1), hello->software.ptr);
	mirror_node_lock(node);
	int r = c->ended ? -1 : check_node(node, hello, err);
	if (r == 0) {
		before = make_current(node, c);
		if (before) /* its end does not say so: it is not the current one any more */
			mirror_alone(node->mirror);
		node->clock_ahead_ms = c->clock_ahead_ms;
		memcpy(node->software, c->software, sizeof(node->software));
		mirror_node_enter(node, MIRROR_MEETING);
		c->greeted = true;
		node->dialing = false;
	}
	mirror_node_unlock(node);
	if (before) { /* only one of the two connects, so that one is dead */
		mirror_connection_kill(before, NULL);
		mirror_connection_unref(before);
	}
	if (r < 0)
		return r;
	log_info(c->log, "mirror link up", F_STR("software", c->software));
	if (c->clock_ahead_ms > CLOCK_ALARM_MS || c->clock_ahead_ms < -CLOCK_ALARM_MS)
		log_error(c->log, "the two nodes' clocks differ",
			F_INT("other_is_ahead_ms", c->clock_ahead_ms));
	if (mirror_is_first(node->mirror))
		mirror_connection_run(c, mirror_meet, NULL);
	return 0;
}

static bool wanted(void *context, struct id account)
{
	struct mirror_connection *c = context;
	return mirror_lease_wanted(
		mirror_leases(c->node->mirror), atomic_load(&c->linking), account);
}

static bool given(void *context, struct id account)
{
	struct mirror_connection *c = context;
	return mirror_lease_given(
		mirror_leases(c->node->mirror), atomic_load(&c->linking), account);
}

static bool linked(void *context)
{
	return mirror_meet_linked(context);
}

static const struct mirror_link_ops LINK_OPS = {
	.has_output = has_output,
	.has_commit = has_commit,
	.spawn = spawn,
	.apply = apply,
	.serve = serve,
	.greeted = greeted,
	.wanted = wanted,
	.given = given,
	.linked = linked,
};

struct mirror_connection *mirror_connection_new(struct mirror_node *node,
	const struct mirror_wire *wire, void *socket, const struct log_scope *log)
{
	struct mirror_connection *c = ALLOC(struct mirror_connection);
	atomic_init(&c->refs, 1);
	c->node = node;
	c->wire = wire;
	c->socket = socket;
	c->log = log;
	mirror_node_lock(node);
	struct mirror_link_identity identity = {
		node->pairing.cluster, node->pairing.node, slice_str(node->options.version)};
	mirror_node_unlock(node);
	c->link = mirror_link_new(&identity, &LINK_OPS, c);
	c->opened_ms = c->pinged_ms = clock_mono_ms();
	atomic_init(&c->heard_ms, c->pinged_ms);
	return c;
}

bool mirror_connection_output(struct mirror_connection *c, struct buf *to, size_t max)
{
	return mirror_link_output(c->link, to, max);
}

int mirror_connection_input(struct mirror_connection *c, struct slice *bytes, struct err *err)
{
	atomic_store(&c->heard_ms, clock_mono_ms());
	return mirror_link_input(c->link, bytes, err);
}

int mirror_connection_tick(struct mirror_connection *c, struct err *err)
{
	int64_t now = clock_mono_ms();
	mirror_node_lock(c->node);
	bool ended = c->ended;
	mirror_node_unlock(c->node);
	if (ended)
		return err_temporary(err, ERR_UNAVAILABLE, "the link is over");
	if (!c->greeted && now - c->opened_ms > GREETING_MS)
		return err_temporary(err, ERR_UNAVAILABLE, "the other node says nothing");
	if (now - c->pinged_ms >= MIRROR_PING_MS) {
		c->pinged_ms = now;
		mirror_link_ping(c->link);
	}
	return 0;
}
