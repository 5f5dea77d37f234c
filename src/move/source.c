/* The node that has the user drives: docs/move.md has the steps, and what a crash in each leaves.
 */
#include "move/target_internal.h"

#include "base/clock.h"
#include "base/wait.h"
#include "move/account.h"

enum {
	ROUNDS_MAX = 8,
	SMALL = 512 * 1024, /* bytes of a round: then the last difference will be small, too */
	SESSIONS_GRACE_MS = 100,
	HELD_TIMEOUT_MS = 15 * 1000, /* of an answer while he is held */
	PERSIST_MS = 30 * 1000,      /* with what can't be taken back */
	LOOK_MS = 200,
};

#define STATE(state) (1U << (state))

struct moving {
	struct move_node *node;
	const struct move_order *order;
	struct move_outcome *outcome;
	struct err *err;
	struct arena arena;
	struct directory_user user;
	struct move_mark mark;
	struct move_link *link;
	int64_t begin_ms, held_since_ms;
};

static const struct move_options *options(const struct moving *m)
{
	return &m->node->options;
}

static void tell(const struct moving *m, const char *what)
{
	log_info(NULL, "moving", F_SLICE("user", m->user.name), F_STR("step", what));
	if (m->order->progress)
		(void)m->order->progress(m->order->context, what, 0, 0);
}

static int set_state(struct moving *m, enum move_state state, unsigned expected, struct id run)
{
	struct move_mark mark = m->mark;
	mark.state = state;
	int r = move_marks_set(options(m)->marks, &mark, expected, run, m->err);
	if (r == 0)
		m->mark.state = state;
	return r;
}

static bool is_host(struct slice host, struct slice named)
{
	return slice_eq_nocase(host, named);
}

static int ask(struct moving *m, struct move_request *q)
{
	AUTO(buf_free) struct buf answer = BUF(MOVE_GREETING_MAX);
	bool broken;
	q->account = m->mark.account;
	q->run = m->mark.run;
	int r = move_link_ask(m->link, q, &answer, &broken, m->err);
	return r < 0 ? err_prefix(m->err, "%.*s", SLICE_ARG(m->mark.to)) : 0;
}

static int ask_plain(struct moving *m, enum move_type type)
{
	struct move_request q = {.type = type};
	return ask(m, &q);
}

/* An error that comes after words of ours keeps its class. */
static int fail(struct moving *m, const char *words)
{
	return err_prefix(m->err, "%s", words);
}

/* --- before anything is done */

static int lives_elsewhere(const struct moving *m)
{
	return err_permanent(m->err, ERR_BAD_INPUT,
		"the directory says that he lives at %.*s, not at %.*s", SLICE_ARG(m->user.to_host),
		SLICE_ARG(m->order->from));
}

static int load_mark(struct moving *m)
{
	int r = move_marks_get(options(m)->marks, m->user.account, &m->arena, &m->mark, m->err);
	if (r == STORE_ABSENT)
		m->mark = (struct move_mark){.state = MOVE_NONE};
	return r < 0 ? r : 0;
}

/* The move that is under way, or was, must be this one. */
static int is_same_move(const struct moving *m)
{
	return is_host(m->mark.to, m->order->to)
		       ? 0
		       : err_permanent(m->err, ERR_IN_USE,
				 "a move to %.*s has begun: end it, or undo it first",
				 SLICE_ARG(m->mark.to));
}

/* By writing what is there: whoever may not write hears it before he is held. */
static int try_directory(struct moving *m)
{
	if (m->order->no_flip)
		return 0;
	int r = directory_set_host(options(m)->directory, m->user.name, m->order->from, m->err);
	return r < 0 ? fail(m, "the directory can't be told (see --no-flip)") : 0;
}

static void new_mark(struct moving *m)
{
	m->mark = (struct move_mark){
		.account = m->user.account,
		.state = MOVE_COPYING,
		.run = id_new(),
		.user = m->user.name,
		.from = m->order->from,
		.to = m->order->to,
		.at = m->order->at.len > 0 ? m->order->at : move_host_alone(m->order->to),
		.since = clock_wall(),
		.flipped_by_other = m->order->no_flip,
	};
}

/* --- copying */

static int begin_at_target(struct moving *m)
{
	struct store_account account = {0};
	int r = store_get_account(options(m)->store, m->mark.account, &account, m->err);
	if (r != 0 || account.gone)
		return r < 0 ? r
			     : err_permanent(m->err, ERR_ABSENT,
				       "he has no mailboxes here, so there is nothing to move");
	m->outcome->messages = account.count;
	m->outcome->bytes = account.bytes;
	struct move_request q = {
		.type = MOVE_BEGIN,
		.user = m->mark.user,
		.from = m->mark.from,
		.to = m->mark.to,
		.internal = options(m)->internal,
		.bytes = account.bytes,
	};
	return ask(m, &q);
}

static int copy_while_he_works(struct moving *m, struct move_copy *copy)
{
	int r = begin_at_target(m);
	if (r == 0)
		r = move_copy_begin(copy, m->err);
	for (unsigned i = 0; r == 0 && i < ROUNDS_MAX; i++) {
		uint64_t bytes;
		r = move_copy_round(
			copy, i == 0 ? "copying" : "copying what changed", &bytes, m->err);
		if (r == 0 && i > 0 && bytes < SMALL)
			break;
	}
	return r;
}

static int hold(struct moving *m)
{
	const struct directory_who who = {.account = m->mark.account, .user = m->mark.user};
	m->held_since_ms = clock_mono_ms();
	int r = set_state(m, MOVE_HELD, STATE(MOVE_COPYING), m->mark.run);
	if (r == 0)
		m->outcome->sessions =
			directory_sessions_end(options(m)->sessions, &who, SESSIONS_GRACE_MS);
	return r;
}

static int bring_all(struct moving *m)
{
	struct mirror_rows have = MIRROR_ROWS_NONE;
	struct move_copy copy = {
		.node = m->node,
		.link = m->link,
		.account = m->mark.account,
		.run = m->mark.run,
		.have = &have,
		.missed = BUF(MOVE_MESSAGE_MAX),
		.order = m->order,
		.outcome = m->outcome,
	};
	int r = copy_while_he_works(m, &copy);
	if (r == 0) {
		tell(m, "holding him");
		move_link_set_timeout(m->link, HELD_TIMEOUT_MS);
		r = hold(m);
	}
	if (r == 0)
		r = move_copy_finish(&copy, m->mark.user, m->err);
	move_copy_end(&copy);
	return r;
}

/* Nothing was flipped: he works here, as if nothing had been. A mark may be on the disk though
 * setting it has failed. */
static int let_in_again(struct moving *m)
{
	const unsigned may = STATE(MOVE_COPYING) | STATE(MOVE_HELD) | STATE(MOVE_FLIPPING);
	struct err why = *m->err;
	int r = set_state(m, MOVE_COPYING, may, m->mark.run);
	if (r < 0)
		log_error(
			NULL, "a user is still held", F_SLICE("user", m->mark.user), F_ERR(m->err));
	*m->err = why;
	return fail(m, r < 0 ? "not moved, and still held: give the same command again"
			     : "not moved, he works here as before");
}

/* --- from the flip on */

static bool is_flipped(struct moving *m)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user user;
	struct err err;
	return move_node_ask(m->node, m->mark.user, &arena, &user, &err) == 0 &&
	       is_host(user.to_host, m->mark.to);
}

static bool goes_on(const struct moving *m, int64_t deadline)
{
	if (atomic_load(options(m)->stopping) || clock_mono_ms() >= deadline)
		return false;
	wait_pause(clock_mono_ms() + LOOK_MS);
	return true;
}

static int await_flip(struct moving *m)
{
	int64_t deadline = clock_mono_ms() + m->order->wait_ms;
	tell(m, "waiting for the directory");
	while (!is_flipped(m))
		if (!goes_on(m, deadline))
			return err_temporary(m->err, ERR_UNAVAILABLE,
				"the directory does not say that he lives at %.*s",
				SLICE_ARG(m->mark.to));
	return 0;
}

/* ERR_PERMANENT: it said no, and has not done it. */
static int flip(struct moving *m)
{
	int64_t deadline = clock_mono_ms() + PERSIST_MS;
	if (m->mark.flipped_by_other)
		return await_flip(m);
	tell(m, "telling the directory");
	for (;;) {
		int r = directory_set_host(options(m)->directory, m->mark.user, m->mark.to, m->err);
		if (r == 0 || m->err->class == ERR_PERMANENT || !goes_on(m, deadline))
			return r;
	}
}

static int connect_again(struct moving *m)
{
	move_link_close(m->link);
	m->link = NULL;
	int r = move_node_link(m->node, m->mark.at, &m->link, m->err);
	if (r == 0)
		move_link_set_timeout(m->link, HELD_TIMEOUT_MS);
	return r;
}

static int open_there(struct moving *m)
{
	int64_t deadline = clock_mono_ms() + PERSIST_MS;
	tell(m, "opening");
	for (;;) {
		int r = m->link ? 0 : connect_again(m);
		if (r == 0)
			r = ask_plain(m, MOVE_OPEN);
		if (r == 0 || !goes_on(m, deadline))
			return r;
		move_link_close(m->link);
		m->link = NULL;
	}
}

static int end_move(struct moving *m)
{
	int r = flip(m);
	if (r < 0 && m->err->class == ERR_PERMANENT && !m->mark.flipped_by_other)
		return let_in_again(m);
	if (r == 0)
		r = open_there(m);
	if (r < 0)
		return fail(m, "he is held, whole at both nodes; give the same command again, or "
			       "--undo");
	if (m->held_since_ms > 0)
		m->outcome->held_ms = clock_mono_ms() - m->held_since_ms;
	directory_flush(options(m)->directory, m->mark.user);
	r = set_state(m, MOVE_LEFT, STATE(MOVE_FLIPPING), m->mark.run);
	if (r == 0 && options(m)->left)
		options(m)->left(options(m)->context, m->mark.account);
	return r < 0 ? fail(m, "he has moved; give the same command again to note that here") : 0;
}

/* --- the whole */

static int move_anew(struct moving *m)
{
	const unsigned may = STATE(MOVE_NONE) | STATE(MOVE_LIVES) | STATE(MOVE_COPYING);
	if (m->user.to_host.len > 0 && !is_host(m->user.to_host, m->order->from))
		return lives_elsewhere(m);
	new_mark(m);
	if (try_directory(m) < 0 || move_node_link(m->node, m->mark.at, &m->link, m->err) < 0 ||
		set_state(m, MOVE_COPYING, may, ID_NONE) < 0)
		return -1;
	if (bring_all(m) < 0)
		return let_in_again(m);
	if (set_state(m, MOVE_FLIPPING, STATE(MOVE_HELD), m->mark.run) < 0)
		return let_in_again(m);
	return end_move(m);
}

/* What was held when a driver died, this process has let in again when it started. */
static int go_on(struct moving *m)
{
	switch (m->mark.state) {
	case MOVE_LEFT:
	case MOVE_FORGOTTEN:
		m->outcome->already = true;
		return is_same_move(m);
	case MOVE_FLIPPING:
		m->outcome->resumed = true;
		if (is_same_move(m) < 0)
			return -1;
		m->mark.flipped_by_other = m->mark.flipped_by_other || m->order->no_flip;
		return end_move(m);
	case MOVE_ARRIVING:
	case MOVE_ARRIVED:
		return err_permanent(m->err, ERR_IN_USE, "he is on his way to this node himself");
	default:
		return move_anew(m);
	}
}

int move_user(struct move_node *node, const struct move_order *order,
	struct move_outcome *ret_outcome, struct err *err)
{
	struct moving m = {.node = node,
		.order = order,
		.outcome = ret_outcome,
		.err = err,
		.begin_ms = clock_mono_ms()};
	*ret_outcome = (struct move_outcome){0};
	if (is_host(order->from, order->to))
		return err_permanent(err, ERR_BAD_INPUT, "from and to are the same host");
	int r = move_node_ask(node, order->user, &m.arena, &m.user, err);
	if (r == 0)
		r = move_node_enter(node, m.user.account, err);
	if (r == 0) {
		r = load_mark(&m);
		if (r == 0)
			r = go_on(&m);
		move_node_leave(node, m.user.account);
	}
	move_link_close(m.link);
	arena_free(&m.arena);
	ret_outcome->total_ms = clock_mono_ms() - m.begin_ms;
	return r;
}

/* --- taking it back */

static int drop_there(struct moving *m, bool must_hear)
{
	int r = connect_again(m);
	if (r == 0)
		r = ask_plain(m, MOVE_DROP);
	if (r < 0 && !must_hear) {
		log_warn(NULL, "what was copied stays at the other node until he moves there",
			F_SLICE("user", m->mark.user), F_ERR(m->err));
		return 0;
	}
	return r;
}

static int undo_flipping(struct moving *m)
{
	int r = drop_there(m, true);
	if (r < 0)
		return r;
	if (!m->mark.flipped_by_other)
		r = directory_set_host(options(m)->directory, m->mark.user, m->mark.from, m->err);
	else if (is_flipped(m))
		r = err_temporary(m->err, ERR_IN_USE,
			"tell the directory first that he lives at %.*s", SLICE_ARG(m->mark.from));
	return r < 0 ? r : set_state(m, MOVE_NONE, STATE(MOVE_FLIPPING), m->mark.run);
}

static int drop_here(struct moving *m)
{
	AUTO(buf_free) struct buf answer = BUF(MOVE_GREETING_MAX);
	const struct move_request q = {
		.type = MOVE_DROP, .account = m->mark.account, .run = m->mark.run};
	return move_target_serve(m->node, &q, &answer, m->err);
}

static int undo(struct moving *m)
{
	switch (m->mark.state) {
	case MOVE_COPYING:
		if (drop_there(m, false) < 0)
			return -1;
		return set_state(m, MOVE_NONE, STATE(MOVE_COPYING), m->mark.run);
	case MOVE_FLIPPING:
		return undo_flipping(m);
	case MOVE_LEFT:
	case MOVE_FORGOTTEN:
		return err_permanent(m->err, ERR_IN_USE,
			"he lives at %.*s: move him back from there", SLICE_ARG(m->mark.to));
	case MOVE_ARRIVING: /* who brought him may be lost; if he is not, he hears of it */
		return drop_here(m);
	case MOVE_ARRIVED:
		return err_permanent(m->err, ERR_IN_USE,
			"all of him is here, and the directory may say so: undo it at %.*s",
			SLICE_ARG(m->mark.from));
	default:
		return err_permanent(m->err, ERR_ABSENT, "there is no move to be undone");
	}
}

/* With the account busy. */
static int with_mark(
	struct move_node *node, struct slice user, int (*work)(struct moving *m), struct err *err)
{
	const struct move_order none = {.user = user};
	struct move_outcome outcome = {0};
	struct moving m = {.node = node, .order = &none, .outcome = &outcome, .err = err};
	int r = move_node_find(node, user, &m.arena, &m.mark, err);
	if (r == 0)
		r = move_node_enter(node, m.mark.account, err);
	if (r == 0) {
		m.user = (struct directory_user){.account = m.mark.account, .name = m.mark.user};
		r = load_mark(&m);
		if (r == 0)
			r = work(&m);
		move_node_leave(node, m.user.account);
	}
	move_link_close(m.link);
	arena_free(&m.arena);
	return r;
}

int move_undo(struct move_node *node, struct slice user, struct err *err)
{
	return with_mark(node, user, undo, err);
}

static int forget(struct moving *m)
{
	const unsigned may = STATE(MOVE_LEFT) | STATE(MOVE_FORGOTTEN);
	if (!(may & STATE(m->mark.state)))
		return err_permanent(m->err, ERR_IN_USE, "he has not left: his mark is \"%s\"",
			move_state_name(m->mark.state));
	int r = set_state(m, MOVE_FORGOTTEN, may, m->mark.run);
	return r < 0 ? r : move_account_clear(options(m)->store, m->mark.account, m->err);
}

int move_forget(struct move_node *node, struct slice user, struct err *err)
{
	return with_mark(node, user, forget, err);
}
