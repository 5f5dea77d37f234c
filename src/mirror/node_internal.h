/* What the files of a node share:
 *
 *     node.c        opening, and the clock's tick
 *     operate.c     what operators do and see
 *     dial.c        finding the other node
 *     peer.c        the mirror's peer: sends by the link that is in use
 *     connection.c  one connection;  session.c: with its socket, as a protocol of the loop
 *     meet.c        two nodes that meet: who holds what
 *     settle.c      accounts that are apart become one: the first node's work;  bodies.c: bodies go
 *                   ahead, by lanes.c several pieces at once
 *     held.c        the second node's part in it
 *     verify.c      comparing what is on the disks;  scrub.c: all the time
 *     mend.c        what can't be read
 *
 * Locks, in this order: node.lock; a lease's; peer_lock; a link's. None is held over a wait. */
#ifndef MIRROR_NODE_INTERNAL_H
#define MIRROR_NODE_INTERNAL_H

#include "mirror/ids.h"
#include "mirror/link.h"
#include "mirror/mend.h"
#include "mirror/node.h"
#include "mirror/pairing.h"
#include "mirror/scrub.h"
#include "base/log.h"
#include "net/loop.h"

enum {
	MIRROR_SETTLERS = 3, /* accounts at a time */
	MIRROR_PING_MS = 500,
	MIRROR_TICK_MS = 100,
};

/* What a connection's socket can do; any thread. A simulation has one of its own, as of the next.
 */
struct mirror_wire {
	void (*wake)(void *socket); /* there is output, or the connection has ended */
	void (*cut)(void *socket);  /* closes it at once */
	void (*unref)(void *socket);
	/* As wake, but behind what is there to be done already; NULL: wake does. */
	void (*wake_behind)(void *socket);
};

/* Where a node runs. */
struct mirror_host {
	/* Once, soon, where waiting is allowed. */
	void (*run)(void *host, void (*run)(void *context), void *context);
	/* Begins a connection to the other node; mirror_dial_failed() when that is in vain. */
	void (*dial)(void *host, struct mirror_node *node);
};

/* Counted: its session, and each job that it runs. */
struct mirror_connection {
	atomic_uint refs;
	struct mirror_node *node;
	struct mirror_link *link;
	const struct mirror_wire *wire;
	void *socket; /* a reference */
	const struct log_scope *log;
	atomic_uint_least64_t linking; /* see mirror_linked(); 0 before */
	atomic_int_least64_t heard_ms; /* when something came */
	int64_t opened_ms, pinged_ms;  /* the session's own, as the next */
	bool greeted;
	char software[64];
	int64_t clock_ahead_ms;
	/* Guarded by node.lock. */
	bool ended;
	bool met;          /* meeting has begun */
	bool holds_writes; /* for a meeting */
	bool told_apart;   /* the first node knows which accounts are apart, and may link */
	bool linked;
	struct mirror_ids
		apart; /* the first node: to be settled; the second: before it is linked */
	size_t next_apart, settling;
	struct mirror_ids unsettled; /* tried in vain */
	struct mirror_ids held;      /* the second node: for the first one, which settles */
};

struct mirror_node {
	struct mirror_node_options options;
	struct mirror *mirror;
	struct store *store;
	const struct mirror_host *host; /* NULL: not serving */
	void *host_context;
	struct net_loop *loop;
	struct net_connector *connector;
	struct net_tls_slot *tls;

	pthread_mutex_t lock; /* guards the rest, but what stands below peer_lock */
	bool paired, listening;
	struct mirror_pairing pairing;
	enum mirror_state state; /* never MERGING: see mirror_node_state() */
	int64_t since_ms;        /* wall clock, for people */
	int64_t entered_ms;      /* the state, monotonic clock */
	bool holds_writes;       /* since the start */
	bool has_served;         /* green once: clients are there, who shall not be sent away when
				  * the other node comes back and is behind */
	int64_t holds_until, linked_ms, retry_at;
	bool dialing;
	int64_t dial_at;
	unsigned dial_wait_ms;
	char error[256], merge_error[256], software[64];
	int64_t clock_ahead_ms;
	uint64_t merged, alone_before; /* commits alone, when last in sync */
	struct mirror_scrub scrub;
	struct mirror_mend mend;

	struct mirror_traffic traffic; /* of all links; needs no lock */
	pthread_mutex_t peer_lock;
	struct mirror_connection *current; /* whose link is in use; greeted */
};

extern const struct mirror_peer_ops MIRROR_PEER;
extern const struct net_protocol MIRROR_PROTOCOL; /* its service is a node */

void mirror_node_lock(struct mirror_node *node);
void mirror_node_unlock(struct mirror_node *node);
/* Under node.lock. */
void mirror_node_enter(struct mirror_node *node, enum mirror_state state);
void mirror_node_let_write(struct mirror_node *node); /* if it holds writes since the start */
void mirror_node_say(struct mirror_node *node, const struct err *why);
enum mirror_state mirror_node_state(
	const struct mirror_node *node, const struct mirror_figures *figures);
int mirror_node_use_key(struct mirror_node *node, struct err *err) WARN_UNUSED;
int mirror_not_paired(struct err *err); /* says so: ERR_ABSENT */

/* dial.c */
WARN_UNUSED bool mirror_split_peer(
	const char *peer, const char *default_port, char ret_host[256], char ret_port[8]);
int mirror_check_peer(const char *peer, struct err *err) WARN_UNUSED;
void mirror_dial(void *node);
void mirror_dial_failed(void *node, const struct err *err);
/* Under node.lock: dials again soon; or later than the last time. */
void mirror_dial_reset(struct mirror_node *node);
void mirror_dial_later(struct mirror_node *node);

/* node.c: what the clock asks for, every MIRROR_TICK_MS. */
void mirror_node_tick(void *node);
/* The node is served by this host from now on. */
int mirror_node_start(struct mirror_node *node, const struct mirror_host *host, void *context,
	struct err *err) WARN_UNUSED;

/* connection.c. A new one has the caller's reference, and takes over that of the socket. */
struct mirror_connection *mirror_connection_new(struct mirror_node *node,
	const struct mirror_wire *wire, void *socket, const struct log_scope *log);
bool mirror_connection_output(struct mirror_connection *c, struct buf *to, size_t max);
int mirror_connection_input(
	struct mirror_connection *c, struct slice *bytes, struct err *err) WARN_UNUSED;
/* Every MIRROR_PING_MS, and more often. Negative: it must be closed. */
int mirror_connection_tick(struct mirror_connection *c, struct err *err) WARN_UNUSED;
/* The link is over: nobody waits for it any more, and the node goes on alone. What is left to send
 * says `why`, which may be NULL. */
void mirror_connection_end(struct mirror_connection *c, const struct err *why);
struct mirror_connection *mirror_connection_ref(struct mirror_connection *c);
void mirror_connection_unref(struct mirror_connection *c);
/* The one in use, with a reference; NULL when there is none. */
struct mirror_connection *mirror_connection_current(struct mirror_node *node);
/* Ends it, from anywhere: says why and closes; or at once, since nobody listens. `why` may be NULL.
 */
void mirror_connection_cut(struct mirror_connection *c, const struct err *why);
void mirror_connection_kill(struct mirror_connection *c, const struct err *why);
/* Runs a function where waiting is allowed; holds a reference meanwhile. */
void mirror_connection_run(struct mirror_connection *c,
	void (*run)(struct mirror_connection *c, void *context), void *context);

/* meet.c */
void mirror_meet(struct mirror_connection *c, void *context); /* the first node's */
int mirror_meet_answer(struct mirror_connection *c, struct slice bytes, struct buf *answer,
	struct err *err) WARN_UNUSED;
bool mirror_meet_linked(struct mirror_connection *c);

/* settle.c: as many as are wanted. */
void mirror_settle_start(struct mirror_connection *c);
/* An account that was linked is apart now, by the first node's will. */
void mirror_settle_again(struct mirror_connection *c, struct id account);
void mirror_settle_retry(struct mirror_connection *c);

/* held.c */
int mirror_held_serve(struct mirror_connection *c, unsigned message, struct slice bytes,
	struct buf *answer, struct err *err) WARN_UNUSED;
/* The link is gone: lets all go. */
void mirror_held_drop(struct mirror_node *node, struct mirror_ids *held);

/* verify.c: compares an account at both nodes; if it differs, it is merged anew. */
int mirror_verify_account(struct mirror_connection *c, struct id account,
	void (*differs)(void *context, struct id account, const char *why), void *context,
	struct err *err) WARN_UNUSED;
/* What an account's rows add up to. */
int mirror_digest_serve(struct mirror_node *node, struct slice bytes, struct buf *answer,
	struct err *err) WARN_UNUSED;

#endif
