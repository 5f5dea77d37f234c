/* rookery user move, rookery user moves */
#include "admin/commands.h"

#include "admin/cluster.h"
#include "admin/values.h"

enum { MINUTE_MS = 60 * 1000, WAIT_MINUTES = 60, WAIT_MINUTES_MAX = 24 * 60 };

static int nodes_of(const struct admin *admin, struct move_node **ret_node, struct err *err)
{
	*ret_node = admin->moves;
	return admin->moves ? 0
			    : err_temporary(err, ERR_UNAVAILABLE,
				      "users are moved by the running server: start it first "
				      "(`rookery serve`)");
}

static json_t *outcome_json(const struct move_order *order, const struct move_outcome *o)
{
	json_t *text = o->already ? json_sprintf("%.*s lives at %.*s already.",
					    SLICE_ARG(order->user), SLICE_ARG(order->to))
		       : o->resumed
			       ? json_sprintf("%.*s lives at %.*s now.", SLICE_ARG(order->user),
					 SLICE_ARG(order->to))
			       : json_sprintf("%.*s lives at %.*s now: %llu messages, held for "
					      "%lld ms of %lld ms.",
					 SLICE_ARG(order->user), SLICE_ARG(order->to),
					 (unsigned long long)o->messages, (long long)o->held_ms,
					 (long long)o->total_ms);
	return json_pack("{s:o, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "message",
		text, "already", o->already, "resumed", o->resumed, "messages",
		(json_int_t)o->messages, "bytes", (json_int_t)o->bytes, "rows",
		(json_int_t)o->sent_rows, "sent_bodies", (json_int_t)o->sent_bodies, "sent_bytes",
		(json_int_t)o->sent_bytes, "rounds", (json_int_t)o->rounds, "sessions",
		(json_int_t)o->sessions, "held_ms", (json_int_t)o->held_ms, "ms",
		(json_int_t)o->total_ms);
}

static int wait_of(const struct admin_call *call, int64_t *ret_ms, struct err *err)
{
	const char *text = admin_option_text(call, "wait");
	uint64_t minutes = WAIT_MINUTES;
	if (text && (!slice_to_u64(slice_str(text), WAIT_MINUTES_MAX, &minutes) || minutes == 0))
		return err_permanent(
			err, ERR_BAD_INPUT, "--wait takes minutes, 1 to %d", WAIT_MINUTES_MAX);
	*ret_ms = (int64_t)minutes * MINUTE_MS;
	return 0;
}

static int move(
	struct move_node *node, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct move_outcome outcome;
	struct move_order order = {
		.user = admin_argument(call, 0),
		.from = admin_argument(call, 1),
		.to = admin_argument(call, 2),
		.at = slice_str(admin_option_text(call, "at")),
		.no_flip = admin_option_on(call, "no-flip"),
		.progress = call->progress,
		.context = call->context,
	};
	if (call->argument_count != 3)
		return err_permanent(
			err, ERR_BAD_INPUT, "expected who is to be moved, from where and to where");
	if (wait_of(call, &order.wait_ms, err) < 0 || move_user(node, &order, &outcome, err) < 0)
		return -1;
	*ret_result = outcome_json(&order, &outcome);
	return 0;
}

int admin_user_move(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	bool undo = admin_option_on(call, "undo"), forget = admin_option_on(call, "forget");
	struct slice user = admin_argument(call, 0);
	struct move_node *node;
	if (nodes_of(admin, &node, err) < 0)
		return -1;
	if (!undo && !forget) {
		if (move(node, call, ret_result, err) < 0)
			return -1;
		/* Proxies remember where he lived, and hold his sessions there. */
		admin_cluster_tell(admin->cluster, ADMIN_NEWS_KICK, user, *ret_result);
		return 0;
	}
	if (call->argument_count != 1 || (undo && forget))
		return err_permanent(
			err, ERR_BAD_INPUT, "--undo and --forget take a user and nothing else");
	if ((undo ? move_undo(node, user, err) : move_forget(node, user, err)) < 0)
		return -1;
	*ret_result = admin_message(
		undo ? "%.*s stays here." : "Nothing of %.*s is left here.", SLICE_ARG(user));
	return 0;
}

int admin_user_moves(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct move_node *node;
	struct move_mark *all;
	size_t count;
	if (nodes_of(admin, &node, err) < 0 ||
		move_marks_list(move_node_marks(node), &arena, &all, &count, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(rows,
			json_pack("{s:o, s:s, s:o, s:o, s:o}", "name", admin_string(all[i].user),
				"state", move_state_name(all[i].state), "from",
				admin_string(all[i].from), "to", admin_string(all[i].to), "since",
				admin_time(all[i].since)));
	*ret_result = json_pack("{s:o}", "rows", rows);
	return 0;
}
