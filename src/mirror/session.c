/* A connection to the other node as a protocol of the loop. */
#include "mirror/node_internal.h"

#include "net/session.h"

enum {
	INPUT_MAX = 4 * MIRROR_FRAME_MAX,
	UNSENT_MAX = 128 << 10, /* bytes that a small commit, a lease or a PING stand behind */
};

static void wake(void *socket)
{
	net_session_wake(socket);
}

static void wake_behind(void *socket)
{
	net_session_wake_behind(socket);
}

static void cut(void *socket)
{
	net_session_cut(socket);
}

static void unref(void *socket)
{
	net_session_unref(socket);
}

static const struct mirror_wire WIRE = {wake, cut, unref, wake_behind};

/* The session's state is a pointer to the connection. */
static struct mirror_connection *of(struct net_session *net)
{
	return *(struct mirror_connection **)net_state(net);
}

/* Input is read on meanwhile: two nodes that both write would wait for each other. */
static enum net_next send_some(struct net_session *net, struct mirror_connection *c)
{
	while (!net_output_full(net) &&
		mirror_connection_output(c, net_output(net), NET_OUTPUT_LOW))
		;
	return NET_WAIT_BOTH;
}

static enum net_next open_session(struct net_session *net)
{
	struct mirror_connection *c =
		mirror_connection_new(net_service(net), &WIRE, net_session_ref(net), net_log(net));
	*(struct mirror_connection **)net_state(net) = c;
	net_limit_unsent(net, UNSENT_MAX);
	return send_some(net, c);
}

/* Says why and closes. */
static enum net_next give_up(
	struct net_session *net, struct mirror_connection *c, const struct err *why)
{
	mirror_connection_end(c, why);
	(void)mirror_connection_output(c, net_output(net), NET_OUTPUT_LOW);
	return NET_CLOSE;
}

static int take_input(struct net_session *net, struct mirror_connection *c, struct err *err)
{
	struct slice input = net_input(net), rest = input;
	int r = mirror_connection_input(c, &rest, err);
	net_consume(net, input.len - rest.len);
	return r;
}

static enum net_next run(struct net_session *net, unsigned events)
{
	struct mirror_connection *c = of(net);
	struct err err = {0};
	if (events & NET_SHUTDOWN) {
		(void)err_temporary(&err, ERR_UNAVAILABLE, "this node stops");
		return give_up(net, c, &err);
	}
	if ((events & NET_INPUT) && take_input(net, c, &err) < 0)
		return give_up(net, c, &err);
	if (events & NET_EOF) {
		(void)err_temporary(&err, ERR_UNAVAILABLE, "the other node closed the link");
		return give_up(net, c, &err);
	}
	if (mirror_connection_tick(c, &err) < 0)
		return give_up(net, c, &err);
	return send_some(net, c);
}

static void close_session(struct net_session *net)
{
	struct mirror_connection *c = of(net);
	struct err err;
	(void)err_temporary(&err, ERR_UNAVAILABLE, "the connection broke");
	mirror_connection_end(c, &err);
	mirror_connection_unref(c);
}

const struct net_protocol MIRROR_PROTOCOL = {
	.name = "mirror",
	.session_size = sizeof(struct mirror_connection *),
	.open = open_session,
	.run = run,
	.close = close_session,
	.input_max = INPUT_MAX,
	.timeout_ms = MIRROR_PING_MS,
	.last = true, /* clients are still answered, and what they are told is on both disks */
};
