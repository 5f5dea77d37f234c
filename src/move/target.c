/* The node that takes users in: requests, one after the other. What it may do to an account is told
 * by the account's mark, which is looked at again under the account's lock. */
#include "move/target_internal.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "directory/address.h"
#include "directory/admin.h"
#include "move/account.h"

#include <sys/statvfs.h>

enum { ROOM_LEFT = 64 << 20, NAME_MAX_LEN = 512, SESSIONS_GRACE_MS = 100 };

#define STATE(state) (1U << (state))

/* A request under way. */
struct serving {
	struct move_node *node;
	const struct move_request *q;
	struct buf *answer;
	struct arena *arena;
	struct err *err;
	struct move_mark mark; /* state MOVE_NONE: there is none */
};

static const struct move_options *options(const struct serving *s)
{
	return &s->node->options;
}

static int load_mark(struct serving *s)
{
	int r = move_marks_get(options(s)->marks, s->q->account, s->arena, &s->mark, s->err);
	if (r == STORE_ABSENT)
		s->mark = (struct move_mark){.account = s->q->account, .state = MOVE_NONE};
	return r < 0 ? r : 0;
}

static bool is_ours(const struct serving *s, unsigned states)
{
	return (states & STATE(s->mark.state)) && id_eq(s->mark.run, s->q->run);
}

static int not_ours(const struct serving *s)
{
	return err_temporary(s->err, ERR_IN_USE,
		"there he is not on his way by this move: his mark is \"%s\"",
		move_state_name(s->mark.state));
}

/* Asked under the account's lock. */
static bool may_change(void *context)
{
	struct serving *s = context;
	struct err err;
	struct move_mark mark;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	return move_marks_get(options(s)->marks, s->q->account, &arena, &mark, &err) == 0 &&
	       mark.state == MOVE_ARRIVING && id_eq(mark.run, s->q->run);
}

static int look_for_room(const struct serving *s)
{
	struct statvfs disk;
	if (!options(s)->folder || statvfs(options(s)->folder, &disk) != 0)
		return 0;
	uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
	return room >= ROOM_LEFT && room - ROOM_LEFT >= s->q->bytes
		       ? 0
		       : err_temporary(s->err, ERR_LIMIT,
				 "there are only %llu MiB left on its disk",
				 (unsigned long long)(room >> 20));
}

/* Both come to the same account, or it is another user. */
static int look_for_user(const struct serving *s, bool *ret_made)
{
	struct directory_user user;
	bool there;
	*ret_made = false;
	if (s->q->internal != options(s)->internal)
		return err_permanent(
			s->err, ERR_BAD_INPUT, "the two nodes have directories of different kinds");
	if (options(s)->internal) {
		int r = directory_user_expects(
			options(s)->directory, s->q->user, s->q->account, &there, s->err);
		*ret_made = !there;
		return r;
	}
	int r = move_node_ask(s->node, s->q->user, s->arena, &user, s->err);
	if (r == 0 && !id_eq(user.account, s->q->account))
		return err_permanent(
			s->err, ERR_BAD_INPUT, "its directory knows another user of that name");
	return r;
}

/* Mail that lies there without a mark is somebody's. */
static int look_for_mail(const struct serving *s)
{
	struct store_account account = {0};
	int r = store_get_account(options(s)->store, s->q->account, &account, s->err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (account.gone)
		return err_temporary(s->err, ERR_IN_USE,
			"what he had there is still being deleted, try again in some minutes");
	return account.count == 0
		       ? 0
		       : err_permanent(s->err, ERR_EXISTS,
				 "he has %llu messages there, and did not leave them by a move",
				 (unsigned long long)account.count);
}

static bool has_left(const struct serving *s)
{
	return s->mark.state == MOVE_LEFT || s->mark.state == MOVE_FORGOTTEN;
}

static int begin(struct serving *s)
{
	const unsigned may = STATE(MOVE_NONE) | STATE(MOVE_LEFT) | STATE(MOVE_FORGOTTEN) |
			     STATE(MOVE_ARRIVING) | STATE(MOVE_ARRIVED);
	const struct directory_who who = {.account = s->q->account, .user = s->q->user};
	bool made;
	if (look_for_user(s, &made) < 0 || look_for_room(s) < 0)
		return -1;
	struct move_mark mark = {.account = s->q->account,
		.state = MOVE_ARRIVING,
		.run = s->q->run,
		.user = s->q->user,
		.from = s->q->from,
		.to = s->q->to,
		.at = SLICE(""),
		.since = clock_wall(),
		.made_user = made || s->mark.made_user,
		.sought = !made && (has_left(s) || s->mark.sought)};
	if (s->mark.state == MOVE_LIVES)
		return err_permanent(s->err, ERR_EXISTS, "he lives there already");
	if (move_marks_set(options(s)->marks, &mark, may, ID_NONE, s->err) < 0)
		return -1;
	if (s->mark.state == MOVE_NONE && look_for_mail(s) < 0) {
		struct err why;
		mark.state = MOVE_NONE;
		if (move_marks_set(
			    options(s)->marks, &mark, STATE(MOVE_ARRIVING), s->q->run, &why) < 0)
			log_error(NULL, "a mark of a move stays", F_ERR(&why));
		return -1;
	}
	(void)directory_sessions_end(options(s)->sessions, &who, SESSIONS_GRACE_MS);
	log_info(NULL, "a user arrives", F_SLICE("user", s->q->user), F_SLICE("from", s->q->from));
	return 0;
}

static int rows(struct serving *s)
{
	AUTO(buf_free) struct buf absent = BUF(MOVE_MESSAGE_MAX);
	struct mirror_rows rows = MIRROR_ROWS_NONE;
	if (!is_ours(s, STATE(MOVE_ARRIVING)))
		return not_ours(s);
	int r = move_account_rows(options(s)->store, true, s->q->account, &rows, s->err);
	if (r == 0)
		r = move_account_absent(options(s)->store, &rows, false, &absent, s->err);
	if (r == 0) {
		bytes_add_varint(s->answer, absent.len / ID_SIZE);
		buf_add_slice(s->answer, buf_slice(&absent));
		mirror_rows_add_bytes(&rows, s->answer);
	}
	mirror_rows_free(&rows);
	return r;
}

static struct move_change change_of(struct serving *s)
{
	return (struct move_change){
		.account = s->q->account, .batch = s->q->rest, .may = may_change, .context = s};
}

static int apply(struct serving *s)
{
	const struct move_change change = change_of(s);
	if (!is_ours(s, STATE(MOVE_ARRIVING)))
		return not_ours(s);
	return move_account_apply(options(s)->store, &change, s->answer, s->err);
}

static int bodies(struct serving *s)
{
	const struct move_change change = change_of(s);
	if (!is_ours(s, STATE(MOVE_ARRIVING)))
		return not_ours(s);
	return move_account_add_bodies(options(s)->store, &change, s->err);
}

static int compare(struct serving *s, bool *ret_same)
{
	struct mirror_rows rows = MIRROR_ROWS_NONE;
	int r = move_account_rows(options(s)->store, true, s->q->account, &rows, s->err);
	*ret_same =
		r == 0 && rows.count == s->q->rows && move_account_digest(&rows) == s->q->digest;
	buf_add_byte(s->answer, *ret_same ? 1 : 0);
	if (*ret_same)
		r = move_account_absent(options(s)->store, &rows, true, s->answer, s->err);
	mirror_rows_free(&rows);
	return r;
}

static int finish(struct serving *s)
{
	bool same;
	if (!is_ours(s, STATE(MOVE_ARRIVING) | STATE(MOVE_ARRIVED)))
		return not_ours(s);
	int r = compare(s, &same);
	if (r < 0 || !same || s->answer->len > 1)
		return r;
	if (options(s)->internal)
		r = directory_user_import(
			options(s)->directory, s->mark.user, s->q->account, s->q->rest, s->err);
	s->mark.state = MOVE_ARRIVED;
	s->mark.sought = true;
	return r < 0 ? r
		     : move_marks_set(options(s)->marks, &s->mark,
			       STATE(MOVE_ARRIVING) | STATE(MOVE_ARRIVED), s->q->run, s->err);
}

static void tell_opened(struct serving *s)
{
	struct directory_user user;
	struct err err;
	if (move_node_ask(s->node, s->mark.user, s->arena, &user, &err) < 0)
		log_warn(NULL, "who has just come is not known", F_ERR(&err));
	else if (options(s)->opened)
		options(s)->opened(options(s)->context, &user);
	log_info(NULL, "a user lives here now", F_SLICE("user", s->mark.user),
		F_SLICE("from", s->mark.from));
}

static int open_account(struct serving *s)
{
	if (is_ours(s, STATE(MOVE_LIVES))) /* the answer was lost */
		return 0;
	if (!is_ours(s, STATE(MOVE_ARRIVED)))
		return not_ours(s);
	if (options(s)->internal &&
		directory_set_host(options(s)->directory, s->mark.user, s->mark.to, s->err) < 0)
		return -1;
	s->mark.state = MOVE_LIVES;
	if (move_marks_set(options(s)->marks, &s->mark, STATE(MOVE_ARRIVED), s->q->run, s->err) < 0)
		return -1;
	tell_opened(s);
	return 0;
}

/* The directory may have named this node, and who has heard of that comes still: he is to hear "not
 * now", neither "unknown" nor that there is an empty account. */
static int stay_shut(struct serving *s)
{
	struct move_mark mark = s->mark;
	mark.state = MOVE_FORGOTTEN;
	mark.from = s->mark.to;
	mark.to = s->mark.from;
	if (options(s)->internal &&
		directory_set_host(options(s)->directory, mark.user, mark.to, s->err) < 0)
		return -1;
	return move_marks_set(options(s)->marks, &mark, STATE(MOVE_ARRIVING), s->q->run, s->err);
}

static int vanish(struct serving *s)
{
	int r = s->mark.made_user ? directory_user_withdraw(options(s)->directory, s->mark.user,
					    s->q->account, s->err)
				  : 0;
	s->mark.state = MOVE_NONE;
	return r < 0 ? r
		     : move_marks_set(options(s)->marks, &s->mark, STATE(MOVE_ARRIVING), s->q->run,
			       s->err);
}

/* Nobody may be let in between the rows' going and the mark's. */
static int drop(struct serving *s)
{
	const unsigned on_his_way = STATE(MOVE_ARRIVING) | STATE(MOVE_ARRIVED);
	if (is_ours(s, STATE(MOVE_LIVES)))
		return err_permanent(s->err, ERR_EXISTS, "he lives there already");
	if (!(STATE(s->mark.state) & on_his_way)) /* dropped before, or it never began */
		return 0;
	if (!is_ours(s, on_his_way))
		return not_ours(s);
	s->mark.state = MOVE_ARRIVING;
	int r = move_marks_set(options(s)->marks, &s->mark, on_his_way, s->q->run, s->err);
	if (r == 0)
		r = move_account_clear(options(s)->store, s->q->account, s->err);
	if (r < 0)
		return r;
	return s->mark.sought ? stay_shut(s) : vanish(s);
}

static const struct {
	enum move_type type;
	int (*serve)(struct serving *s);
} REQUESTS[] = {
	{MOVE_BEGIN, begin},
	{MOVE_ROWS, rows},
	{MOVE_APPLY, apply},
	{MOVE_BODIES, bodies},
	{MOVE_FINISH, finish},
	{MOVE_OPEN, open_account},
	{MOVE_DROP, drop},
};

static bool is_named(const struct move_request *q)
{
	struct directory_address address;
	return q->type != MOVE_BEGIN ||
	       (directory_address_parse(q->user, &address) &&
		       slice_eq(directory_address_slice(&address), q->user) &&
		       q->from.len <= NAME_MAX_LEN && q->to.len <= NAME_MAX_LEN);
}

int move_target_serve(struct move_node *node, const struct move_request *request,
	struct buf *answer, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct serving s = {
		.node = node, .q = request, .answer = answer, .arena = &arena, .err = err};
	if (id_is_none(request->run) || id_eq(request->account, STORE_SYSTEM_ACCOUNT) ||
		id_eq(request->account, STORE_STAGING_ACCOUNT) || !is_named(request))
		return err_permanent(err, ERR_BAD_INPUT, "the request makes no sense");
	int r = load_mark(&s);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(REQUESTS); i++)
		if (REQUESTS[i].type == request->type)
			return REQUESTS[i].serve(&s);
	return r < 0 ? r : err_permanent(err, ERR_BAD_INPUT, "there is no such request");
}
