/* Connections that we open: they become sessions of the loop at once, and connect as such
 * (drive.c).
 */
#include "net/session_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"
#include "base/must.h"

#include <unistd.h>

enum { CONNECT_MS = 10 * 1000 };

/* What its sessions look up is what those of a listener do; there is no listening socket, no
 * certificates and no PROXY header. */
struct net_connector {
	struct net_connector *next;
	struct net_loop *loop;
	struct net_listener_options sessions;
	unsigned timeout_ms;
};

struct net_connector *net_loop_connector(
	struct net_loop *loop, const struct net_connector_options *options)
{
	net_protocol_check(options->protocol);
	struct net_connector *connector = ALLOC(struct net_connector);
	*connector = (struct net_connector){
		.loop = loop,
		.sessions = {.fd = -1,
			.protocol = options->protocol,
			.service = options->service,
			.failed = options->failed},
		.timeout_ms =
			options->connect_timeout_ms ? options->connect_timeout_ms : CONNECT_MS,
	};
	(void)pthread_mutex_lock(&loop->lock);
	connector->next = loop->connectors;
	loop->connectors = connector;
	(void)pthread_mutex_unlock(&loop->lock);
	return connector;
}

void net_connectors_free(struct net_connector *first)
{
	while (first) {
		struct net_connector *connector = first;
		first = connector->next;
		free(connector);
	}
}

/* Under the lock that says when the loop stops: what is begun before that, it still sees. */
static int begin(struct net_session *s, struct err *err)
{
	struct net_loop *loop = s->loop;
	(void)pthread_mutex_lock(&loop->lock);
	bool stopping = atomic_load(&loop->stopping);
	bool begun = !stopping && net_session_begin(s);
	(void)pthread_mutex_unlock(&loop->lock);
	if (stopping)
		return err_temporary(err, ERR_UNAVAILABLE, "the server stops");
	return begun ? 0 : err_temporary(err, ERR_LIMIT, "too many connections");
}

int net_connector_connect(struct net_connector *connector, const struct net_address *address,
	struct net_tls_client *tls, struct err *err)
{
	if (address->len == 0 || address->storage.ss_family == AF_UNSPEC)
		return err_permanent(err, ERR_BAD_INPUT, "no address to connect to");
	int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(err, errno, "cannot open a socket");
	net_socket_set_options(fd);
	struct net_session *s = net_session_new(connector->loop, &connector->sessions, fd, address);
	s->outgoing = true;
	s->stage = NET_STAGE_CONNECT;
	s->stage_ends = clock_mono_ms() + connector->timeout_ms;
	if ((tls && net_tls_connect(tls, NULL, s->near.top, &s->near.top, err) != 0) ||
		begin(s, err) != 0) {
		net_session_drop(s);
		return -1;
	}
	return 0;
}
