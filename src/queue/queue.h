/* Mail that waits: for a destination elsewhere, or for our own store while that is away.
 *
 * A message is durable when queue_add() returns 0. An entry is one recipient of it (entry.h), an
 * object of a system account of the mx's own store, so whatever carries a store carries the queue.
 * Entries are spread over shards, which are accounts, so that many writers share a sync. When and
 * in which order they are tried is schedule.h's affair; workers are jobs of the loop, one a
 * connection. docs/queue.md has the rules. */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "net/loop.h"
#include "queue/entry.h"
#include "queue/report.h"
#include "queue/schedule.h"
#include "store/store.h"

struct queue;

enum {
	QUEUE_SHARDS = 64,     /* that a node makes */
	QUEUE_BATCH_MAX = 100, /* recipients of one transaction */
	QUEUE_RECIPIENTS_MAX = 100000,
	QUEUE_HOST_MAX = 256,
	QUEUE_NAME_SIZE = 24, /* of a place's name, with its NUL */
};

/* What became of an entry in a transaction. */
struct queue_outcome {
	int result;                /* 0; or negative, and err says why, and whether for good */
	struct err err;            /* temporary: it is tried again */
	char host[QUEUE_HOST_MAX]; /* that said so; empty: nobody was asked */
	int code;                  /* that it said; 0: none */
	bool relayed;              /* gone to a host that sends no reports (RFC 3461 5.2.2) */
	bool lost;                 /* the answer was cut off: it may arrive twice */
	/* Local, and nothing was tried: he lives at this place now, and it goes there at once. */
	bool moved;
	char place[QUEUE_PLACE_MAX + 1];
};

/* One message to some of its recipients. */
struct queue_delivery {
	const struct queue_entry *entries; /* the envelope is that of the first */
	/* Some of it may have arrived already: `message` of the entries says which one it is. */
	bool again;
	struct queue_outcome *outcomes; /* of each */
	size_t count;
	struct slice message; /* complete, with its trace fields */
};

/* Positive outcome of send(): the connection can't be used any more. */
enum { QUEUE_PEER_GONE = 1 };

/* How messages leave, and how senders hear of them. Calls may wait; from many threads at once. */
struct queue_transport {
	/* To a destination, by its name (queue/destination.h). Negative: it can't be reached;
	 * ERR_PERMANENT: it never will (no such domain). */
	int (*open)(void *context, struct slice destination, void **ret_peer, struct err *err);
	/* 0 or QUEUE_PEER_GONE: all outcomes are filled. Negative: the connection broke before
	 * anything was said about the message; it waits with its destination. */
	int (*send)(void *peer, struct queue_delivery *delivery, struct err *err);
	void (*close)(void *peer);
	/* Of a local entry whose place can't be reached: where he lives now. Negative: can't be
	 * told. NULL: where it was. */
	int (*place)(void *context, const struct queue_entry *entry,
		char ret_place[QUEUE_PLACE_MAX + 1], struct err *err);
	/* The sender is to hear of these entries of one message (those that ask for it, see
	 * queue_report_wanted()). Durable when 0. */
	int (*report)(void *context, enum queue_report_action action,
		const struct queue_delivery *delivery, struct err *err);
};

enum { QUEUE_RETRIES_MAX = 16 };
struct queue_options {
	struct store *store; /* all pointers are borrowed */
	struct id node;      /* whose shards are made: each node of a mirror has its own */
	struct net_loop *loop;
	const struct queue_transport *transport;
	void *context;
	struct queue_schedule_options schedule;
	/* Between attempts, the last one for all that follow. None: 5, 15, 30 minutes, 1, 2 hours,
	 * 4 hours. */
	unsigned retry_ms[QUEUE_RETRIES_MAX];
	size_t retry_count;
	/* Beside another node that has the same entries: whether this one works on a shard, by its
	 * account; asked again and again. NULL: on all. */
	bool (*works_on)(void *context, struct id account);
	/* Whether anything may be tried now; the same. NULL: always. */
	bool (*is_ready)(void *context);
	/* The other one may have tried what arrived here before this moment, since 1970. NULL:
	 * there is no other one. */
	int64_t (*shared_until_ms)(void *context);
	/* Whether that is the other one, and it is there: what it has claimed it sends yet. */
	bool (*is_other)(void *context, struct id node);
	/* A file that tells which messages were under way when this process was killed
	 * (queue/underway.h), and which run of the machine this is. NULL: all may have been. */
	const char *underway, *boot;
	int64_t lifetime_ms; /* 0: 5 days; then it has failed */
	int64_t delay_ms;    /* 0: 4 hours; then the sender hears that it takes long */
};
/* Reads all entries that it works on. Nothing is tried before queue_start(). */
int queue_open(
	const struct queue_options *options, struct queue **ret_queue, struct err *err) WARN_UNUSED;
void queue_start(struct queue *queue);
/* No more workers begin; those that run end when the loop does. */
void queue_stop(struct queue *queue);
/* After the loop has ended. NULL is fine. */
void queue_close(struct queue *queue);

struct queue_recipient {
	struct slice address;
	unsigned notify;
	struct slice orcpt;
	bool local;
	struct slice place; /* where, as queue_entry; for local ones */
};
struct queue_message {
	/* That it went out under already, in vain as far as is known. ID_NONE: it did not. */
	struct id id;
	struct slice sender; /* empty: a report */
	enum envelope_body body;
	enum envelope_ret ret;
	bool smtputf8, requiretls, tls_optional;
	struct slice envid, user, session;
	const struct queue_recipient *recipients; /* one that is there twice is kept once */
	size_t count;
	struct slice held;       /* why it is not tried until it is released; empty: it is tried */
	struct slice head, text; /* the message: one behind the other */
	/* Written in the same commit; NULL: nothing is. */
	const struct queue_also *also;
};
/* What goes with a message or not at all, in an account of the same store. */
struct queue_also {
	struct id account;
	int (*write)(void *context, struct store_write *write, struct err *err);
	void *context;
};
/* Durable when 0. ERR_TEMPORARY: the disk is full, or refused. */
int queue_add(
	struct queue *queue, const struct queue_message *message, struct err *err) WARN_UNUSED;

/* Whether a shard is one of those that this node made. */
WARN_UNUSED bool queue_is_shard_of(struct id account, struct id node);

/* What operators do. Places have a name, "5.1042", which is this node's. */
void queue_place_name(struct queue_place place, char ret_name[QUEUE_NAME_SIZE]);
WARN_UNUSED bool queue_place_read(struct slice name, struct queue_place *ret_place);
/* All entries, by shard and number, until `visit` returns false. `here`: this node works on it. */
int queue_scan(struct queue *queue,
	bool (*visit)(void *context, struct queue_place place, const struct queue_entry *entry,
		uint64_t bytes, bool here),
	void *context, struct err *err) WARN_UNUSED;
/* Whether this node works on it. */
WARN_UNUSED bool queue_is_here(struct queue *queue, struct queue_place place);
/* One entry, and its message when `ret_message` is not NULL. STORE_ABSENT. */
int queue_get(struct queue *queue, struct queue_place place, struct arena *arena,
	struct queue_entry *ret_entry, struct buf *ret_message, struct err *err) WARN_UNUSED;
enum queue_change { QUEUE_HOLD, QUEUE_RELEASE, QUEUE_REMOVE, QUEUE_RETRY };
/* STORE_ABSENT. One that is being tried at this moment may be delivered yet. What the other node
 * works on can be held and removed here (ERR_UNAVAILABLE). */
int queue_change(struct queue *queue, struct queue_place place, enum queue_change change,
	struct err *err) WARN_UNUSED;
/* All that waits for a destination ("": our store; a domain's with all that is special, see
 * queue/destination.h), or (ptr NULL) for any, is tried now. How many. */
uint64_t queue_flush(struct queue *queue, struct slice destination);
void queue_list_destinations(struct queue *queue,
	void (*visit)(void *context, const struct queue_destination_figures *figures),
	void *context);

struct queue_figures {
	uint64_t entries, destinations, connections, unreachable; /* now */
	uint64_t held;
	uint64_t added, delivered, delayed, failed, lost; /* since the start: entries */
};
struct queue_figures queue_figures(struct queue *queue);

#endif
