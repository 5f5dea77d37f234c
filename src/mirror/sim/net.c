/* Streams of bytes in pieces, each with the time at which it may arrive. An end of a connection is
 * an activity of its node: it takes what came, ticks, sends what there is, and sleeps until one of
 * these is due again, as a session of the loop does (session.c). */
#include "mirror/sim/net.h"

#include "mirror/sim/lie.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/wait.h"

enum {
	OUTPUT = 64 << 10,
	CONNECT_MS = 3000,
	SPIKE_TIMES = 300, /* once in so many pieces */
	SWAP_TIMES = 8,
};

/* Whole frames, as they were sent at once. */
struct piece {
	struct piece *next;
	int64_t due;
	size_t at, len; /* taken already */
	char bytes[];
};

struct end {
	struct connection *connection;
	struct sim_node *node;
	struct mirror_connection *mirror;
	/* What comes here. */
	struct piece *first, **last;
	size_t bytes;
	int64_t last_due;
	bool over; /* nothing comes behind that */
	struct buf input;
	struct wait *sleeps;
	int64_t sleeps_until;
	bool woken;
	bool cut;   /* by its own node, or with it */
	bool stops; /* with its node, in order */
	bool closed;
};

struct connection {
	struct connection *next;
	struct sim_net *net;
	unsigned refs; /* activities, and what the mirror holds */
	bool broken;   /* nothing that is sent arrives */
	struct end ends[SIM_NODES];
};

struct sim_net {
	struct sim *sim;
	struct connection *connections;
	unsigned cut[SIM_NODES]; /* what comes from that node; how often */
	int64_t latency[SIM_NODES], jitter, slower;
	size_t window; /* bytes on their way; then a sender waits */
};

struct sim_net *sim_net_new(struct sim *sim)
{
	struct sim_net *net = ALLOC(struct sim_net);
	net->sim = sim;
	for (size_t i = 0; i < SIM_NODES; i++)
		net->latency[i] = (int64_t)sim_small(sim->sched, 20);
	net->jitter = 1 + (int64_t)sim_small(sim->sched, 20);
	net->window = sim_once_in(sim->sched, 4) ? 4 << 10 : 256 << 10;
	return net;
}

void sim_net_free(struct sim_net *net)
{
	must(!net->connections);
	free(net);
}

static struct end *other(struct end *end)
{
	return &end->connection->ends[1 - end->node->number];
}

static void drop_pieces(struct end *end, struct piece **from)
{
	for (struct piece *p = *from, *next; p; p = next) {
		next = p->next;
		end->bytes -= p->len - p->at;
		free(p);
	}
	*from = NULL;
	end->last = from;
}

static void unref(struct connection *c)
{
	if (--c->refs > 0)
		return;
	struct connection **at = &c->net->connections;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	for (size_t i = 0; i < SIM_NODES; i++) {
		drop_pieces(&c->ends[i], &c->ends[i].first);
		buf_free(&c->ends[i].input);
	}
	free(c);
}

static void wake(struct end *end)
{
	struct wait *wait = end->sleeps;
	end->woken = true;
	end->sleeps = NULL;
	if (wait)
		wait_done(wait);
}

static void wire_wake(void *socket)
{
	wake(socket);
}

static void wire_cut(void *socket)
{
	struct end *end = socket;
	end->cut = true;
	wake(end);
}

static void wire_unref(void *socket)
{
	unref(((struct end *)socket)->connection);
}

static const struct mirror_wire WIRE = {wire_wake, wire_cut, wire_unref, NULL};

/* A random part of what is on its way to this end is lost, the last of it. */
static void lose_tail(struct end *to)
{
	struct sim_sched *sched = to->connection->net->sim->sched;
	struct piece **at = &to->first;
	while (*at && !sim_once_in(sched, 3))
		at = &(*at)->next;
	drop_pieces(to, at);
}

/* Before which piece the next one arrives, that should come last. */
static struct piece **overtake(struct sim_sched *sched, struct end *to)
{
	struct piece **at = &to->first;
	if (*at && (*at)->at > 0)
		at = &(*at)->next; /* it is being taken */
	while (*at && !sim_once_in(sched, SWAP_TIMES))
		at = &(*at)->next;
	return at;
}

static int64_t latency(struct sim_net *net, unsigned from)
{
	struct sim_sched *sched = net->sim->sched;
	int64_t ms = net->latency[from] + net->slower;
	ms += (int64_t)sim_small(sched, (uint64_t)net->jitter);
	if (sim_once_in(sched, SPIKE_TIMES) && !net->sim->load_over)
		ms += (int64_t)sim_small(sched, SIM_NET_SPIKE_MS);
	return ms;
}

/* To this end. */
static void arrive(struct end *to, struct slice bytes)
{
	struct sim_net *net = to->connection->net;
	if (to->closed || to->connection->broken || bytes.len == 0)
		return;
	struct piece *piece = alloc(sizeof(*piece) + bytes.len);
	*piece = (struct piece){.len = bytes.len};
	memcpy(piece->bytes, bytes.ptr, bytes.len);
	int64_t due = sim_now(net->sim->sched) + latency(net, 1 - to->node->number);
	to->last_due = piece->due = MAX(to->last_due, due);
	struct piece **at = net->sim->lie == SIM_SWAPS ? overtake(net->sim->sched, to) : to->last;
	piece->next = *at;
	*at = piece;
	if (!piece->next)
		to->last = &piece->next;
	to->bytes += bytes.len;
	if (piece->due < to->sleeps_until)
		wake(to);
}

static void send_some(struct end *end)
{
	struct end *to = other(end);
	struct sim_net *net = end->connection->net;
	AUTO(buf_free) struct buf bytes = BUF(SIZE_MAX), back = BUF(SIZE_MAX);
	while (to->bytes < net->window && mirror_connection_output(end->mirror, &bytes, OUTPUT)) {
		sim_lie_frames(net->sim, &bytes, &back);
		arrive(to, buf_slice(&bytes));
		arrive(end, buf_slice(&back));
		buf_clear(&bytes);
		buf_clear(&back);
	}
}

static bool is_due(const struct end *end)
{
	const struct sim_net *net = end->connection->net;
	return net->cut[1 - end->node->number] == 0 &&
	       (end->first ? end->first->due <= sim_now(net->sim->sched) : end->over);
}

/* Some of what came; frames are cut anywhere. */
static int take_input(struct end *end, struct err *err)
{
	struct sim_sched *sched = end->connection->net->sim->sched;
	struct piece *piece = end->first;
	if (!is_due(end) || !piece)
		return 0;
	size_t left = piece->len - piece->at;
	size_t len = sim_once_in(sched, 3) ? 1 + sim_random(sched, left) : left;
	buf_add(&end->input, piece->bytes + piece->at, len);
	piece->at += len;
	end->bytes -= len;
	if (piece->at == piece->len) {
		end->first = piece->next;
		if (!end->first)
			end->last = &end->first;
		free(piece);
	}
	wake(other(end)); /* there is room */
	struct slice rest = buf_slice(&end->input);
	int r = mirror_connection_input(end->mirror, &rest, err);
	buf_consume(&end->input, end->input.len - rest.len);
	return r;
}

/* Says why, if it can. */
static bool give_up(struct end *end, const struct err *why)
{
	AUTO(buf_free) struct buf bytes = BUF(SIZE_MAX);
	mirror_connection_end(end->mirror, why);
	if (!end->cut && mirror_connection_output(end->mirror, &bytes, OUTPUT))
		arrive(other(end), buf_slice(&bytes));
	return false;
}

/* False: it is over. */
static bool serve(struct end *end)
{
	struct err err = {0};
	if (end->cut)
		return false;
	if (end->stops) {
		(void)err_temporary(&err, ERR_UNAVAILABLE, "this node stops");
		return give_up(end, &err);
	}
	if (take_input(end, &err) < 0)
		return give_up(end, &err);
	if (!end->first && is_due(end)) {
		(void)err_temporary(&err, ERR_UNAVAILABLE, "the other node closed the link");
		return give_up(end, &err);
	}
	if (mirror_connection_tick(end->mirror, &err) < 0)
		return give_up(end, &err);
	end->woken = end->cut;
	send_some(end);
	return true;
}

static void rest(struct end *end)
{
	struct sim_net *net = end->connection->net;
	int64_t now = sim_now(net->sim->sched), until = now + MIRROR_PING_MS;
	struct wait wait = {0};
	if (end->woken || is_due(end)) {
		end->woken = false;
		sim_switch(net->sim->sched);
		return;
	}
	if (end->first && net->cut[1 - end->node->number] == 0)
		until = MIN(until, end->first->due);
	end->sleeps = &wait;
	end->sleeps_until = until;
	end->woken &= !wait_until(&wait, clock_mono_ms() + until - now);
	end->sleeps = NULL;
	end->sleeps_until = 0;
}

/* What was sent is on its way, unless the kernel found a reason to drop it. */
static void hang_up(struct end *end)
{
	struct sim_sched *sched = end->connection->net->sim->sched;
	struct end *to = other(end);
	end->closed = true;
	drop_pieces(end, &end->first);
	if (to->over || end->connection->broken)
		return;
	if (end->cut && sim_once_in(sched, 2))
		lose_tail(to);
	to->over = true;
	wake(to);
}

static void session(void *context)
{
	struct end *end = context;
	struct err err;
	end->connection->refs++; /* the mirror's */
	end->mirror = mirror_connection_new(end->node->mirror, &WIRE, end, NULL);
	while (serve(end))
		rest(end);
	(void)err_temporary(&err, ERR_UNAVAILABLE, "the connection broke");
	mirror_connection_end(end->mirror, &err);
	mirror_connection_unref(end->mirror);
	hang_up(end);
	unref(end->connection);
}

static void connect_both(struct sim_net *net)
{
	struct connection *c = ALLOC(struct connection);
	c->net = net;
	c->next = net->connections;
	net->connections = c;
	c->refs = SIM_NODES;
	for (size_t i = 0; i < SIM_NODES; i++) {
		struct end *end = &c->ends[i];
		end->connection = c;
		end->node = net->sim->nodes[i];
		end->last = &end->first;
		end->input = BUF(SIZE_MAX);
		sim_node_run(end->node, session, end);
	}
}

static bool reaches(const struct sim_net *net, const struct sim_node *node)
{
	return node->state == SIM_NODE_UP && sim_other_node(node)->state == SIM_NODE_UP &&
	       net->cut[0] == 0 && net->cut[1] == 0;
}

static void dial(void *context)
{
	struct sim_node *node = context;
	struct sim_net *net = node->sim->net;
	struct sim_sched *sched = node->sim->sched;
	struct err err;
	sim_sleep(sched, latency(net, 0) + latency(net, 1));
	if (reaches(net, node)) {
		connect_both(net);
		return;
	}
	bool silent = net->cut[0] > 0 || net->cut[1] > 0;
	sim_sleep(sched, (int64_t)sim_random(sched, silent ? CONNECT_MS : 10));
	(void)err_temporary(&err, ERR_UNAVAILABLE, "can't connect");
	mirror_dial_failed(node->mirror, &err);
}

void sim_net_dial(struct sim_net *net, struct sim_node *node)
{
	sim_node_run(node, dial, node);
}

static void wake_all(struct sim_net *net)
{
	for (struct connection *c = net->connections; c; c = c->next)
		for (size_t i = 0; i < SIM_NODES; i++)
			wake(&c->ends[i]);
}

void sim_net_cut(struct sim_net *net, unsigned from, bool cut)
{
	net->cut[from] += cut ? 1 : -1u;
	wake_all(net);
}

void sim_net_break(struct sim_net *net)
{
	for (struct connection *c = net->connections; c; c = c->next) {
		c->broken = true;
		for (size_t i = 0; i < SIM_NODES; i++) {
			lose_tail(&c->ends[i]);
			c->ends[i].over = true;
		}
	}
	wake_all(net);
}

void sim_net_slow_down(struct sim_net *net, int64_t ms)
{
	net->slower += ms;
}

void sim_net_node_gone(struct sim_net *net, struct sim_node *node, bool silently)
{
	for (struct connection *c = net->connections; c; c = c->next) {
		struct end *end = &c->ends[node->number], *to = other(end);
		if (end->closed || end->cut)
			continue;
		end->cut = true;
		c->broken = true;
		lose_tail(to);
		to->over |= !silently;
		wake(end);
		wake(to);
	}
}

void sim_net_node_stops(struct sim_net *net, struct sim_node *node)
{
	for (struct connection *c = net->connections; c; c = c->next) {
		c->ends[node->number].stops = true;
		wake(&c->ends[node->number]);
	}
}
