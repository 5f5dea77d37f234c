/* What belongs to a node whatever it does: who is being moved right now, and small questions. */
#include "move/node_internal.h"

#include "base/alloc.h"
#include "base/must.h"

enum { TIMEOUT_MS = 60 * 1000 };

struct move_node *move_node_new(const struct move_options *options)
{
	struct move_node *node = ALLOC(struct move_node);
	node->options = *options;
	(void)pthread_mutex_init(&node->lock, NULL);
	return node;
}

void move_node_free(struct move_node *node)
{
	if (!node)
		return;
	must(node->busy_count == 0);
	(void)pthread_mutex_destroy(&node->lock);
	free(node);
}

struct move_marks *move_node_marks(struct move_node *node)
{
	return node->options.marks;
}

static bool is_busy(const struct move_node *node, struct id account)
{
	for (size_t i = 0; i < node->busy_count; i++)
		if (id_eq(node->busy[i], account))
			return true;
	return false;
}

int move_node_enter(struct move_node *node, struct id account, struct err *err)
{
	must(pthread_mutex_lock(&node->lock) == 0);
	bool room = node->busy_count < MOVE_RUNS_MAX, busy = is_busy(node, account);
	if (room && !busy)
		node->busy[node->busy_count++] = account;
	must(pthread_mutex_unlock(&node->lock) == 0);
	if (busy)
		return err_temporary(err, ERR_IN_USE, "he is being moved by another command");
	return room ? 0
		    : err_temporary(err, ERR_LIMIT, "%d users are being moved, wait for one",
			      MOVE_RUNS_MAX);
}

void move_node_leave(struct move_node *node, struct id account)
{
	must(pthread_mutex_lock(&node->lock) == 0);
	for (size_t i = 0; i < node->busy_count; i++)
		if (id_eq(node->busy[i], account)) {
			node->busy[i] = node->busy[--node->busy_count];
			break;
		}
	must(pthread_mutex_unlock(&node->lock) == 0);
}

int move_node_find(struct move_node *node, struct slice user, struct arena *arena,
	struct move_mark *ret_mark, struct err *err)
{
	struct move_mark *all;
	size_t count;
	int r = move_marks_list(node->options.marks, arena, &all, &count, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (slice_eq_nocase(all[i].user, user)) {
			*ret_mark = all[i];
			return 0;
		}
	return r < 0 ? r
		     : err_permanent(err, ERR_ABSENT, "%.*s is not being moved, and was not",
			       SLICE_ARG(user));
}

int move_node_link(
	struct move_node *node, struct slice at, struct move_link **ret_link, struct err *err)
{
	const struct move_options *o = &node->options;
	if (!o->secret)
		return err_permanent(err, ERR_BAD_INPUT,
			"store.move_secret_file is not set: nodes that move users share a secret");
	const struct move_link_options options = {
		.host = at,
		.authorities = o->authorities,
		.secret = slice_str(o->secret),
		.timeout_ms = TIMEOUT_MS,
	};
	return move_link_open(&options, ret_link, err);
}

int move_node_ask(struct move_node *node, struct slice user, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	struct directory *d = node->options.directory;
	directory_flush(d, user);
	int r = directory_user(d, user, (enum directory_service)0, arena, ret_user, err);
	if (r == DIRECTORY_UNKNOWN)
		return err_permanent(
			err, ERR_ABSENT, "the directory knows no %.*s", SLICE_ARG(user));
	return r < 0 ? r : 0;
}
