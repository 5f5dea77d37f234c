/* One collection of named objects. */
#include "acme/kept.h"

#include "base/clock.h"

enum { NAME_MAX_LEN = STORE_NAME_MAX, REMOVED_MAX = 256 };

static const char COLLECTION[] = "acme";

void acme_merge(const struct store_object *was, const struct store_object *first,
	const struct store_object *second, struct arena *arena, struct store_object *to)
{
	struct acme_row a, b;
	if (!slice_starts(to->name, slice_str(ACME_CERTIFICATE)) ||
		!acme_row_read(first->data, &a) || !acme_row_read(second->data, &b) ||
		a.had_ms == b.had_ms)
		return;
	to->data = arena_copy(arena, a.had_ms > b.had_ms ? first->data : second->data);
}

const struct store_merge_rule acme_merge_rules[] = {
	{.kind = STORE_ACME, .later_only = true, .merge = acme_merge}, {0}};

/* Appends "PREFIX NAME". */
static int name_of(const char *prefix, struct slice name, struct buf *to, struct err *err)
{
	buf_add_str(to, prefix);
	buf_add_slice(to, name);
	return to->failed ? err_permanent(err, ERR_LIMIT, "a name is too long") : 0;
}

int acme_find(struct store *store, const char *prefix, struct slice name, struct arena *arena,
	struct slice *ret_data, struct err *err)
{
	AUTO(buf_free) struct buf whole = BUF(NAME_MAX_LEN);
	struct store_collection c;
	struct store_object object;
	*ret_data = SLICE("");
	if (name_of(prefix, name, &whole, err) < 0)
		return -1;
	int r = store_find_collection(
		store, STORE_SYSTEM_ACCOUNT, STORE_ACME, slice_str(COLLECTION), arena, &c, err);
	if (r == 0)
		r = store_find_object(
			store, STORE_SYSTEM_ACCOUNT, c.id, buf_slice(&whole), arena, &object, err);
	if (r == 0)
		*ret_data = object.data;
	return r > 0 ? ACME_NONE : r;
}

static int begin(struct store *store, struct store_write **ret_write,
	struct store_collection **ret_collection, struct err *err)
{
	const struct id account = STORE_SYSTEM_ACCOUNT;
	if (store_write_begin(store, &account, 1, ret_write, err) < 0)
		return -1;
	int r = store_write_find_collection(
		*ret_write, account, STORE_ACME, slice_str(COLLECTION), ret_collection, err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(*ret_write, account, STORE_ACME,
			slice_str(COLLECTION), SLICE(""), ret_collection, err);
	if (r < 0)
		store_write_abort(*ret_write);
	return r;
}

static int end(struct store_write *write, int r, struct err *err)
{
	if (r == 0)
		return store_write_commit(write, err);
	store_write_abort(write);
	return r;
}

int acme_put(struct store *store, const char *prefix, struct slice name, struct slice data,
	struct err *err)
{
	AUTO(buf_free) struct buf whole = BUF(NAME_MAX_LEN);
	struct store_write *write;
	struct store_collection *c;
	struct store_object object;
	if (name_of(prefix, name, &whole, err) < 0 || begin(store, &write, &c, err) < 0)
		return -1;
	struct store_object fresh = {.name = buf_slice(&whole), .data = data};
	int r = store_write_find_object(write, c, fresh.name, &object, err);
	if (r == STORE_ABSENT) {
		r = store_write_object_new(write, c, &fresh, SLICE_NONE, err);
	} else if (r == 0) {
		object.data = data;
		r = store_write_object(write, c, &object, SLICE_NONE, err);
	}
	return end(write, r, err);
}

int acme_remove(struct store *store, const char *prefix, struct slice name, struct err *err)
{
	AUTO(buf_free) struct buf whole = BUF(NAME_MAX_LEN);
	struct store_write *write;
	struct store_collection *c;
	struct store_object object;
	if (name_of(prefix, name, &whole, err) < 0 || begin(store, &write, &c, err) < 0)
		return -1;
	int r = store_write_find_object(write, c, buf_slice(&whole), &object, err);
	if (r == 0)
		r = store_write_object_gone(write, c, &object, err);
	if (r == STORE_ABSENT) {
		store_write_abort(write);
		return 0;
	}
	return end(write, r, err);
}

struct looking {
	const char *const *names;
	size_t count;
	uint32_t found[REMOVED_MAX]; /* numbers of objects */
	size_t found_count;
};

static bool look_at(void *context, const struct store_object *object)
{
	struct looking *l = context;
	struct acme_answer_row row;
	bool is_answer = slice_starts(object->name, slice_str(ACME_HTTP)) ||
			 slice_starts(object->name, slice_str(ACME_ALPN));
	if (!is_answer || !acme_answer_row_read(object->data, &row))
		return true;
	for (size_t i = 0; i < l->count; i++)
		if (slice_eq_nocase(row.name, slice_str(l->names[i]))) {
			l->found[l->found_count++] = object->number;
			break;
		}
	return l->found_count < REMOVED_MAX;
}

static int remove_found(struct store *store, const struct looking *l, struct err *err)
{
	struct store_write *write;
	struct store_collection *c;
	struct store_object object;
	if (begin(store, &write, &c, err) < 0)
		return -1;
	int r = 0;
	for (size_t i = 0; i < l->found_count && r == 0; i++) {
		r = store_write_get_object(write, c, l->found[i], &object, err);
		if (r == 0)
			r = store_write_object_gone(write, c, &object, err);
		r = r == STORE_ABSENT ? 0 : r;
	}
	return end(write, r, err);
}

int acme_remove_answers(
	struct store *store, const char *const *names, size_t count, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct looking l = {.names = names, .count = count};
	struct store_collection c;
	int r = store_find_collection(
		store, STORE_SYSTEM_ACCOUNT, STORE_ACME, slice_str(COLLECTION), &arena, &c, err);
	if (r == 0)
		r = store_scan_objects(
			store, STORE_SYSTEM_ACCOUNT, c.id, 1, UINT32_MAX, look_at, &l, err);
	if (r == 0 && l.found_count > 0)
		r = remove_found(store, &l, err);
	return r < 0 ? r : 0;
}

bool acme_plan_is(const struct acme_plan *plan, struct slice names)
{
	size_t count = 0;
	while (names.len > 0) {
		struct slice one = slice_cut(&names, ' ');
		bool found = false;
		for (size_t i = 0; i < plan->count && !found; i++)
			found = slice_eq(one, slice_str(plan->names[i]));
		if (!found)
			return false;
		count++;
	}
	return count == plan->count;
}
