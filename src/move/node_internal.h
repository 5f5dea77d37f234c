/* What the files of a node share. */
#ifndef MOVE_NODE_INTERNAL_H
#define MOVE_NODE_INTERNAL_H

#include "move/link.h"
#include "move/move.h"

#include <pthread.h>

enum { MOVE_RUNS_MAX = 16 };

struct move_node {
	struct move_options options;
	pthread_mutex_t lock;          /* guards what follows */
	struct id busy[MOVE_RUNS_MAX]; /* accounts that a call of this process moves */
	size_t busy_count;
};

/* One call at a time for an account: ERR_IN_USE. */
int move_node_enter(struct move_node *node, struct id account, struct err *err) WARN_UNUSED;
void move_node_leave(struct move_node *node, struct id account);
/* The mark of that name. ERR_ABSENT: there is none. */
int move_node_find(struct move_node *node, struct slice user, struct arena *arena,
	struct move_mark *ret_mark, struct err *err) WARN_UNUSED;
int move_node_link(struct move_node *node, struct slice at, struct move_link **ret_link,
	struct err *err) WARN_UNUSED;
/* The directory's answer past what is remembered; who is suspended is told about, too. */
int move_node_ask(struct move_node *node, struct slice user, struct arena *arena,
	struct directory_user *ret_user, struct err *err) WARN_UNUSED;

/* copy.c: what the other side has, and making it the same. */
struct move_copy {
	struct move_node *node;
	struct move_link *link;
	struct id account, run;
	struct mirror_rows *have; /* at the other side */
	struct buf missed;        /* ids of bodies that had gone when they were to be sent */
	bool broken;              /* the link is */
	const struct move_order *order;
	struct move_outcome *outcome;
};
/* Asks which rows are there; sends bodies that are missing. */
int move_copy_begin(struct move_copy *copy, struct err *err) WARN_UNUSED;
/* Reads all rows here and sends what differs. *ret_bytes is how much that was. */
int move_copy_round(
	struct move_copy *copy, const char *what, uint64_t *ret_bytes, struct err *err) WARN_UNUSED;
/* Nobody writes any more: the last difference, and the other side's word that it is the same. */
int move_copy_finish(struct move_copy *copy, struct slice user, struct err *err) WARN_UNUSED;
void move_copy_end(struct move_copy *copy);

#endif
