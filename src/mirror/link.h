/* One connection between the two nodes, without its socket: what is to be sent is asked for when
 * the socket has room, what came is put in. Between them it is the mirror's peer: leases go over in
 * order, messages in parts that alternate, so that a large one holds up no small one. How much may
 * be under way is counted by sorts of messages (docs/mirror-protocol.md, "How much at once"): no
 * message waits for room behind a larger one.
 *
 * Any thread may call any function, but input one at a time. */
#ifndef MIRROR_LINK_H
#define MIRROR_LINK_H

#include "mirror/frame.h"
#include "mirror/node.h"

struct mirror_link;
struct mirror_job; /* a request that came whole */

struct mirror_link_ops {
	/* There is something to send. Called with a lock held; must not wait or call the link. */
	void (*has_output)(void *context);
	/* The same, and it gains by waiting a moment for more: a commit. */
	void (*has_commit)(void *context);
	/* Calls mirror_job_run(job) soon, where waiting is allowed; jobs need no order. Each is run
	 * once, even when the connection has ended meanwhile. */
	void (*spawn)(void *context, struct mirror_job *job);
	/* A commit of the other node. 0, or negative: it is not taken. */
	int (*apply)(void *context, const struct mirror_commit *commit, struct err *err);
	/* Another request; adds the answer, if there is any. */
	int (*serve)(void *context, unsigned message, struct slice bytes, struct buf *answer,
		struct err *err);

	/* While input is taken: must not wait. */
	/* HELLO came, of a node that this one could talk to. */
	int (*greeted)(void *context, const struct mirror_frame *hello, struct err *err);
	/* Leases, as mirror_lease_wanted() and mirror_lease_given(). */
	bool (*wanted)(void *context, struct id account);
	bool (*given)(void *context, struct id account);
	/* From here on both commit together. False: it could not have said that. */
	bool (*linked)(void *context);

	/* What the other node sent makes no sense, as a job found: the connection must end. May be
	 * called more than once. */
	void (*broken)(void *context, const struct err *why);
};

/* See struct mirror_link_status. */
struct mirror_traffic {
	atomic_uint_least64_t sent, sent_plain, received, received_plain;
};

struct mirror_link_options {
	struct id cluster, node;
	struct slice software; /* borrowed, as the next */
	struct mirror_traffic *traffic;
	enum mirror_compress compress;
};

/* HELLO is the first thing to send. */
struct mirror_link *mirror_link_new(const struct mirror_link_options *options,
	const struct mirror_link_ops *ops, void *context);
/* After mirror_link_end(), and when all jobs have run. */
void mirror_link_free(struct mirror_link *link);

/* Adds what is to be sent, about `max` bytes of it. False: nothing is. */
bool mirror_link_output(struct mirror_link *link, struct buf *to, size_t max);
/* Takes whole frames off the front of *bytes. Negative: the connection must end, *err says why. */
int mirror_link_input(struct mirror_link *link, struct slice *bytes, struct err *err) WARN_UNUSED;
/* The connection is over: what is under way is told so, and everything after it at once. The last
 * thing to send tells the other node why; NULL: nothing does. */
void mirror_link_end(struct mirror_link *link, const char *why);

void mirror_job_run(struct mirror_job *job);

/* Every MIRROR_PING_MS: when commits were being applied at the last PING already, and the same ones
 * still are, others no longer wait for them. */
void mirror_link_ping(struct mirror_link *link);
/* Of the last 16 PINGs the one that was answered soonest: how far away the other node is, whatever
 * waits for the wire. Negative: none was yet. */
int64_t mirror_link_round_trip_us(struct mirror_link *link);
/* Whether messages that gain by it are packed now. */
bool mirror_link_packs(struct mirror_link *link);
void mirror_link_say_linked(struct mirror_link *link);
/* For struct mirror_peer_ops. */
void mirror_link_want(struct mirror_link *link, struct id account);
void mirror_link_give(struct mirror_link *link, struct id account);
void mirror_link_ship(struct mirror_link *link, const struct mirror_commit *commit,
	struct mirror_shipment *shipment);
/* Any request; `message` begins with its kind, and is taken over. Waits: 0 when it was done, with
 * its answer appended. */
int mirror_link_ask(struct mirror_link *link, struct buf *message, struct buf *answer,
	struct err *err) WARN_UNUSED;

#endif
