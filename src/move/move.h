/* Moving a user from one node to another while he works: docs/move.md. The node that has him
 * drives; the other one answers (move_protocol). Both keep a mark (move/mark.h).
 *
 * Needs two nodes with the same format of rows. Any thread; a call may wait (base/wait.h). */
#ifndef MOVE_MOVE_H
#define MOVE_MOVE_H

#include "directory/directory.h"
#include "directory/sessions.h"
#include "move/mark.h"
#include "net/session.h"

#include <stdatomic.h>

struct move_node;
/* All is borrowed. */
struct move_options {
	struct store *store;
	struct move_marks *marks;
	struct directory *directory;
	bool internal; /* the directory is the internal one: users' rows move, too */
	struct directory_sessions *sessions;
	const char *folder;      /* of the store, to know about room on its disk */
	const char *secret;      /* that nodes say to each other; NULL: none, so nobody moves */
	const char *authorities; /* file of certificates; "": the system's */
	const atomic_bool *stopping;
	/* Somebody who came lives here from now on. */
	void (*opened)(void *context, const struct directory_user *user);
	/* Somebody lives elsewhere from now on. */
	void (*left)(void *context, struct id account);
	void *context;
};
struct move_node *move_node_new(const struct move_options *options);
void move_node_free(struct move_node *node); /* NULL is fine */
struct move_marks *move_node_marks(struct move_node *node);

/* Takes users in. Its `service` is a struct move_service. */
extern const struct net_protocol move_protocol;
struct move_service {
	struct move_node *node;
	const struct net_trusted *networks; /* who else comes is not listened to */
};

struct move_order {
	struct slice user, from, to;
	struct slice at; /* where the other node listens for this: host or host:port; "": at `to` */
	bool no_flip;    /* somebody else tells the directory; it is waited for */
	int64_t wait_ms; /* for that */
	/* How far it is; false: the caller has gone, which changes nothing. May be NULL. */
	bool (*progress)(void *context, const char *what, uint64_t done, uint64_t total);
	void *context;
};
struct move_outcome {
	bool already;             /* he had moved before */
	bool resumed;             /* an earlier run had come to the flip */
	uint64_t messages, bytes; /* that he has */
	uint64_t sent_rows, sent_bodies, sent_bytes;
	unsigned rounds, sessions; /* copies; sessions that were ended */
	int64_t held_ms, total_ms;
};
/* Moves him, or goes on with a move that was cut short. Negative: `err` says where he is now. */
int move_user(struct move_node *node, const struct move_order *order,
	struct move_outcome *ret_outcome, struct err *err) WARN_UNUSED;
/* Ends a move that has not opened at the other side: he works here again. At the node that takes
 * him in, only as long as part of him is there: then that goes. */
int move_undo(struct move_node *node, struct slice user, struct err *err) WARN_UNUSED;
/* Who has left: what lies here of him goes. */
int move_forget(struct move_node *node, struct slice user, struct err *err) WARN_UNUSED;

#endif
