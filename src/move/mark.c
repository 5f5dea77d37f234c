/* Marks on the disk are objects of one collection; in memory, a list that is made anew after each
 * change to the system account, whoever made it: the other node of a mirror may have. A state that
 * shuts an account is in memory before it is on the disk. */
#include "move/mark.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/must.h"

#include <pthread.h>
#include <stdatomic.h>

enum { VERSION = 1, MADE_USER = 1, FLIPPED_BY_OTHER = 2, SOUGHT = 4, AHEAD_MAX = 64 };

static const char COLLECTION[] = "moves";

struct known {
	struct id account;
	enum move_state state;
};

struct move_marks {
	struct store *store;
	struct store_watch *watch;
	atomic_uint_fast64_t changes; /* of the system account, since we look */
	atomic_uint_fast64_t read;    /* as many of them the list has seen */
	atomic_uint count;            /* of both lists below: most nodes have none */
	pthread_mutex_t lock;         /* guards what follows; not held over a call of the store */
	struct known *list;           /* of those that are barred or shut, by account */
	size_t list_count;
	struct id ahead[AHEAD_MAX]; /* are being shut */
	size_t ahead_count;
};

const struct store_merge_rule move_merge_rules[] = {{.kind = STORE_MOVES, .later_only = true}, {0}};

static const struct {
	const char *name;
	bool shut, barred;
} STATES[] = {
	[MOVE_NONE] = {"none", false, false},
	[MOVE_COPYING] = {"copying", false, false},
	[MOVE_HELD] = {"held", true, true},
	[MOVE_FLIPPING] = {"flipping", true, true},
	[MOVE_LEFT] = {"left", true, true},
	[MOVE_FORGOTTEN] = {"forgotten", false, true},
	[MOVE_ARRIVING] = {"arriving", true, true},
	[MOVE_ARRIVED] = {"arrived", true, true},
	[MOVE_LIVES] = {"lives here", false, false},
};

const char *move_state_name(enum move_state state)
{
	return STATES[state].name;
}

bool move_state_is_shut(enum move_state state)
{
	return STATES[state].shut;
}

bool move_state_is_barred(enum move_state state)
{
	return STATES[state].barred;
}

void move_mark_write(const struct move_mark *mark, struct buf *to)
{
	unsigned flags = (mark->made_user ? MADE_USER : 0) |
			 (mark->flipped_by_other ? FLIPPED_BY_OTHER : 0) |
			 (mark->sought ? SOUGHT : 0);
	buf_add_byte(to, VERSION);
	buf_add_byte(to, (char)mark->state);
	buf_add_byte(to, (char)flags);
	buf_add_slice(to, id_slice(&mark->account));
	buf_add_slice(to, id_slice(&mark->run));
	bytes_add_varint(to, (uint64_t)mark->since);
	bytes_add_counted(to, mark->user);
	bytes_add_counted(to, mark->from);
	bytes_add_counted(to, mark->to);
	bytes_add_counted(to, mark->at);
}

bool move_mark_read(struct slice data, struct move_mark *ret_mark)
{
	struct move_mark *m = ret_mark;
	struct slice head;
	uint64_t since;
	if (!bytes_cut(&data, 3, &head) || head.ptr[0] != VERSION || head.ptr[1] <= MOVE_NONE ||
		head.ptr[1] > MOVE_LIVES || !id_cut(&data, &m->account) ||
		!id_cut(&data, &m->run) || !bytes_cut_varint(&data, &since) || since > INT64_MAX ||
		!bytes_cut_counted(&data, &m->user) || !bytes_cut_counted(&data, &m->from) ||
		!bytes_cut_counted(&data, &m->to) || !bytes_cut_counted(&data, &m->at) ||
		data.len > 0 || (head.ptr[2] & ~(MADE_USER | FLIPPED_BY_OTHER | SOUGHT)) != 0)
		return false;
	m->state = (enum move_state)head.ptr[1];
	m->made_user = (head.ptr[2] & MADE_USER) != 0;
	m->flipped_by_other = (head.ptr[2] & FLIPPED_BY_OTHER) != 0;
	m->sought = (head.ptr[2] & SOUGHT) != 0;
	m->since = (int64_t)since;
	return true;
}

static void name_of(struct id account, char name[ID_TEXT_SIZE + 1])
{
	id_to_text(account, name);
}

/* 0, or STORE_ABSENT: there was never a mark. */
static int find(
	struct move_marks *marks, struct arena *arena, struct id *ret_collection, struct err *err)
{
	struct store_collection c;
	int r = store_find_collection(marks->store, STORE_SYSTEM_ACCOUNT, STORE_MOVES,
		slice_str(COLLECTION), arena, &c, err);
	if (r == 0)
		*ret_collection = c.id;
	return r;
}

static int take(const struct store_object *object, struct move_mark *ret_mark, struct err *err)
{
	return move_mark_read(object->data, ret_mark)
		       ? 0
		       : err_temporary(err, ERR_DAMAGED,
				 "the mark of a move is damaged, or of a newer version");
}

int move_marks_get(struct move_marks *marks, struct id account, struct arena *arena,
	struct move_mark *ret_mark, struct err *err)
{
	char name[ID_TEXT_SIZE + 1];
	struct store_object object;
	struct id collection;
	name_of(account, name);
	int r = find(marks, arena, &collection, err);
	if (r == 0)
		r = store_find_object(marks->store, STORE_SYSTEM_ACCOUNT, collection,
			slice_str(name), arena, &object, err);
	return r == 0 ? take(&object, ret_mark, err) : r;
}

struct listing {
	struct arena *arena;
	struct move_mark *list;
	size_t count, room;
	int result;
	struct err *err;
};

static bool add(void *context, const struct store_object *object)
{
	struct listing *l = context;
	struct store_object copy = *object;
	struct move_mark mark;
	copy.data = arena_copy(l->arena, object->data);
	l->result = take(&copy, &mark, l->err);
	if (l->result < 0)
		return false;
	l->list = arena_grow(l->arena, l->list, l->count, &l->room, sizeof(mark));
	l->list[l->count++] = mark;
	return true;
}

int move_marks_list(struct move_marks *marks, struct arena *arena, struct move_mark **ret_array,
	size_t *ret_count, struct err *err)
{
	struct listing listing = {.arena = arena, .err = err};
	struct id collection;
	int r = find(marks, arena, &collection, err);
	if (r == 0)
		r = store_scan_objects(marks->store, STORE_SYSTEM_ACCOUNT, collection, 1,
			UINT32_MAX, add, &listing, err);
	*ret_array = listing.list;
	*ret_count = listing.count;
	return r < 0 ? r : listing.result;
}

static int by_account(const void *a, const void *b)
{
	return id_cmp(((const struct known *)a)->account, ((const struct known *)b)->account);
}

/* From the disk. Of two that read at once, the one that has seen more changes stays. What can't be
 * read leaves things as they are. */
static int refresh(struct move_marks *marks, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	uint64_t seen = atomic_load(&marks->changes);
	struct move_mark *all;
	size_t count;
	int r = move_marks_list(marks, &arena, &all, &count, err);
	if (r < 0)
		return r;
	struct known *list = alloc_zero(MAX(count, (size_t)1), sizeof(*list));
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (move_state_is_barred(all[i].state))
			list[kept++] = (struct known){all[i].account, all[i].state};
	count = kept;
	qsort(list, count, sizeof(*list), by_account);
	must(pthread_mutex_lock(&marks->lock) == 0);
	if (seen >= atomic_load(&marks->read)) {
		struct known *old = marks->list;
		marks->list = list;
		marks->list_count = count;
		atomic_store(&marks->count, (unsigned)(count + marks->ahead_count));
		atomic_store(&marks->read, seen);
		list = old;
	}
	must(pthread_mutex_unlock(&marks->lock) == 0);
	free(list);
	return 0;
}

/* As far as it keeps anybody out. */
static enum move_state state_of(struct move_marks *marks, struct id account)
{
	enum move_state state = MOVE_NONE;
	const struct known wanted = {.account = account};
	struct err err;
	if (atomic_load(&marks->read) != atomic_load(&marks->changes) && refresh(marks, &err) < 0)
		log_error(NULL, "can't read who is being moved", F_ERR(&err));
	if (atomic_load(&marks->count) == 0)
		return MOVE_NONE;
	must(pthread_mutex_lock(&marks->lock) == 0);
	const struct known *found =
		bsearch(&wanted, marks->list, marks->list_count, sizeof(wanted), by_account);
	if (found)
		state = found->state;
	for (size_t i = 0; !move_state_is_shut(state) && i < marks->ahead_count; i++)
		if (id_eq(marks->ahead[i], account))
			state = MOVE_HELD;
	must(pthread_mutex_unlock(&marks->lock) == 0);
	return state;
}

bool move_marks_is_barred(struct move_marks *marks, struct id account)
{
	return move_state_is_barred(state_of(marks, account));
}

bool move_marks_is_shut(struct move_marks *marks, struct id account)
{
	return move_state_is_shut(state_of(marks, account));
}

static bool is_shut(void *context, struct id account)
{
	return move_marks_is_shut(context, account);
}

static void changed(void *context, struct id account)
{
	struct move_marks *marks = context;
	atomic_fetch_add(&marks->changes, 1);
}

static int open_collection(
	struct store_write *write, struct store_collection **ret_collection, struct err *err)
{
	int r = store_write_find_collection(write, STORE_SYSTEM_ACCOUNT, STORE_MOVES,
		slice_str(COLLECTION), ret_collection, err);
	return r == STORE_ABSENT
		       ? store_write_collection_new(write, STORE_SYSTEM_ACCOUNT, STORE_MOVES,
				 slice_str(COLLECTION), SLICE(""), ret_collection, err)
		       : r;
}

static int unexpected(const struct move_mark *there, struct err *err)
{
	return err_temporary(err, ERR_IN_USE, "his move is in another state now: %s",
		move_state_name(there->state));
}

static int put(struct store_write *write, const struct move_mark *mark, unsigned expected,
	struct id run, struct err *err)
{
	AUTO(buf_free) struct buf data = BUF(MOVE_MARK_MAX);
	char name[ID_TEXT_SIZE + 1];
	struct store_collection *collection;
	struct store_object object = {0};
	struct move_mark there = {.state = MOVE_NONE};
	name_of(mark->account, name);
	move_mark_write(mark, &data);
	if (data.failed)
		return err_permanent(err, ERR_LIMIT, "the names are too long");
	int r = open_collection(write, &collection, err);
	if (r < 0)
		return r;
	int found = store_write_find_object(write, collection, slice_str(name), &object, err);
	if (found < 0 || (found == 0 && take(&object, &there, err) < 0))
		return -1;
	if (!(expected & 1U << there.state) ||
		(found == 0 && !id_is_none(run) && !id_eq(run, there.run)))
		return unexpected(&there, err);
	object.data = buf_slice(&data);
	if (mark->state == MOVE_NONE)
		return found == 0 ? store_write_object_gone(write, collection, &object, err) : 0;
	if (found == 0)
		return store_write_object(write, collection, &object, SLICE_NONE, err);
	object.name = slice_str(name);
	return store_write_object_new(write, collection, &object, SLICE_NONE, err);
}

static int commit(struct move_marks *marks, const struct move_mark *mark, unsigned expected,
	struct id run, struct err *err)
{
	struct store_write *write;
	int r = store_write_begin(marks->store, &STORE_SYSTEM_ACCOUNT, 1, &write, err);
	if (r < 0)
		return r;
	r = put(write, mark, expected, run, err);
	if (r == 0)
		return store_write_commit(write, err);
	store_write_abort(write);
	return r < 0 ? r : err_bug(err, "the mark of a move has gone");
}

static int shut_ahead(struct move_marks *marks, struct id account, struct err *err)
{
	must(pthread_mutex_lock(&marks->lock) == 0);
	bool room = marks->ahead_count < AHEAD_MAX;
	if (room) {
		marks->ahead[marks->ahead_count++] = account;
		atomic_fetch_add(&marks->count, 1);
	}
	must(pthread_mutex_unlock(&marks->lock) == 0);
	return room ? 0 : err_temporary(err, ERR_LIMIT, "too many are moved at once");
}

static void open_again(struct move_marks *marks, struct id account)
{
	must(pthread_mutex_lock(&marks->lock) == 0);
	for (size_t i = 0; i < marks->ahead_count; i++)
		if (id_eq(marks->ahead[i], account)) {
			marks->ahead[i] = marks->ahead[--marks->ahead_count];
			atomic_fetch_sub(&marks->count, 1);
			break;
		}
	must(pthread_mutex_unlock(&marks->lock) == 0);
}

int move_marks_set(struct move_marks *marks, const struct move_mark *mark, unsigned expected,
	struct id run, struct err *err)
{
	bool shuts = move_state_is_shut(mark->state);
	if (shuts && shut_ahead(marks, mark->account, err) < 0)
		return -1;
	int r = commit(marks, mark, expected, run, err);
	struct err why;
	if (refresh(marks, &why) < 0) {
		log_error(NULL, "can't read who is being moved", F_ERR(&why));
		if (r == 0) { /* it stays shut until it can */
			*err = why;
			return -1;
		}
	}
	if (shuts)
		open_again(marks, mark->account); /* the list has it now */
	return r == 0 && shuts ? store_await_writes(marks->store, mark->account, err) : r;
}

/* Whoever held him is gone with the process, and nothing was flipped. */
static int release_held(struct move_marks *marks, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct move_mark *all;
	size_t count;
	int r = move_marks_list(marks, &arena, &all, &count, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (all[i].state == MOVE_FLIPPING || all[i].state == MOVE_ARRIVED)
			log_warn(NULL, "a move waits to be ended: see rookery user moves",
				F_SLICE("user", all[i].user),
				F_STR("state", move_state_name(all[i].state)));
		if (all[i].state != MOVE_HELD)
			continue;
		all[i].state = MOVE_COPYING;
		r = move_marks_set(marks, &all[i], 1U << MOVE_HELD, all[i].run, err);
		log_info(NULL, "a move was cut short: the user works here again",
			F_SLICE("user", all[i].user));
	}
	return r;
}

int move_marks_open(struct store *store, struct move_marks **ret_marks, struct err *err)
{
	struct move_marks *marks = ALLOC(struct move_marks);
	marks->store = store;
	(void)pthread_mutex_init(&marks->lock, NULL);
	marks->watch = store_watch(store, STORE_SYSTEM_ACCOUNT, changed, marks);
	*ret_marks = marks;
	int r = refresh(marks, err);
	if (r == 0)
		r = release_held(marks, err);
	if (r < 0) {
		move_marks_close(marks);
		*ret_marks = NULL;
		return r;
	}
	store_set_gate(store, is_shut, marks);
	return 0;
}

void move_marks_close(struct move_marks *marks)
{
	if (!marks)
		return;
	store_set_gate(marks->store, NULL, NULL);
	store_unwatch(marks->store, marks->watch);
	(void)pthread_mutex_destroy(&marks->lock);
	free(marks->list);
	free(marks);
}
