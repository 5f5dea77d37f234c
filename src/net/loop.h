/* The parking lot: every connection that waits is parked in one epoll set (one-shot), and a small
 * pool of worker threads runs those that have something to do.
 *
 * A worker that takes an event runs that session to its next wait as plain sequential code, on the
 * same thread, with no hand-over. A session may block a worker on the store or on a peer: when all
 * workers are busy another one is started, up to workers_max; surplus ones end after idling. A
 * client that is slow to send or to read never holds a worker. Connections come by listeners, or
 * are opened by connectors; both are served alike.
 *
 * Threads: any thread may call net_session_wake() and net_loop_stop(); the rest says so. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/err.h"

struct net_address;
struct net_loop;
struct net_protocol;
struct net_tls_client;
struct net_tls_slot;
struct net_trusted;

struct net_loop_options {
	unsigned workers_min; /* kept while idle; 0 means the number of CPUs */
	unsigned workers_max; /* 0 means 256 */
	/* Sessions that wait for the store, and those that run; 0 means 4,096. When all wait, no
	 * new event is taken until one goes on. */
	unsigned runners_max;
	unsigned max_connections; /* in all, with those that we open; 0 means 100,000 */
	/* Same client address (IPv6: /64), all listeners; 0 means 1,000. Unix sockets and trusted
	 * addresses are not counted: those count their own clients, or name them by PROXY. */
	unsigned max_per_address;
	unsigned handshake_timeout_ms; /* PROXY header and TLS, each; 0 means 30 s */
	unsigned write_timeout_ms;     /* a client that takes nothing is cut; 0 means 5 min */
};

struct net_listener_options {
	int fd; /* bound and listening; owned by the loop from now on */
	const struct net_protocol *protocol;
	void *service;            /* the protocol's own context; borrowed, outlives the loop */
	struct net_tls_slot *tls; /* certificates; NULL when this listener has no TLS */
	bool tls_at_once;         /* implicit TLS: handshake before the greeting */
	bool proxy_header;        /* PROXY v1/v2 header is required from trusted addresses */
	const struct net_trusted *trusted; /* who may send PROXY headers; NULL nobody */
	bool plain_loopback_ok; /* net_is_secure() holds for loopback clients without TLS */
	/* A handshake before open() that failed or took too long: whose, and why. On a thread of
	 * the loop. May be NULL. */
	void (*failed)(void *service, const struct err *err);
};

struct net_connector_options {
	const struct net_protocol *protocol;
	void *service;               /* as a listener's */
	unsigned connect_timeout_ms; /* until open(), with TLS; 0 means 10 s */
	/* A connection that did not come as far as open(): to whom, and why. On a thread of the
	 * loop. May be NULL. */
	void (*failed)(void *service, const struct err *err);
};

int net_loop_new(const struct net_loop_options *options, struct net_loop **ret_loop,
	struct err *err) WARN_UNUSED;
/* Before or while the loop runs. */
int net_loop_listen(struct net_loop *loop, const struct net_listener_options *options,
	struct err *err) WARN_UNUSED;
/* Makes sessions of connections that we open. Owned by the loop. Before or while it runs. */
struct net_connector *net_loop_connector(
	struct net_loop *loop, const struct net_connector_options *options);
/* Begins to connect to a TCP or Unix address; never blocks, any thread. From then on it is a
 * session like others: either open() to close() are called, or failed(), be it because the loop
 * stops. net_peer() is `address`. `tls` NULL: plain; it is needed during the call only. Counts
 * among max_connections, not by address. Negative: nothing was begun, nothing will be called. */
int net_connector_connect(struct net_connector *connector, const struct net_address *address,
	struct net_tls_client *tls, struct err *err) WARN_UNUSED;
/* Serves until net_loop_stop(); returns after every session's close() has run, and what was given
 * to net_loop_spawn(). */
int net_loop_run(struct net_loop *loop, struct err *err) WARN_UNUSED;
/* Async-signal-safe. Listeners close at once, who is connecting is dropped, parked sessions get
 * NET_SHUTDOWN (their chance to say BYE or 421), running commands end first; then those get it
 * whose protocol ends last; what is still there after grace_ms is cut. What then waits for another
 * server (net/client.h) fails, some of it earlier (ends_early), and has a second to say so. */
void net_loop_stop(struct net_loop *loop, unsigned grace_ms);
void net_loop_free(struct net_loop *loop);

/* Calls `run` on a thread of the loop every interval_ms, from then on; for housekeeping. */
void net_loop_every(
	struct net_loop *loop, unsigned interval_ms, void (*run)(void *context), void *context);
/* Calls `run` once, soon, on a thread of the loop; it may wait (base/wait.h). net_loop_run()
 * returns after all of them have ended. From any thread before net_loop_stop(); while the loop
 * stops, from what still runs on it. */
void net_loop_spawn(struct net_loop *loop, void (*run)(void *context), void *context);
/* Figures for metrics; any thread. */
struct net_loop_figures {
	uint64_t accepted, refused_limit, connections, parked, workers, workers_busy;
	uint64_t waiting; /* in the middle of a command, holding no worker */
};
struct net_loop_figures net_loop_figures(struct net_loop *loop);

#endif
