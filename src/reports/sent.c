/* What was sent last to each domain: a collection of its own, `sent`. From it the next report of
 * the same day knows where it begins. */
#include "reports/reports_internal.h"

enum { KEEP_SECONDS = 31 * DAY_SECONDS, BATCH = 256, DATA_MAX = 256 };

static const char COLLECTION[] = "sent";

static void name_of(const struct reports_name *name, char ret_text[REPORTS_NAME_MAX])
{
	(void)snprintf(ret_text, REPORTS_NAME_MAX, "%s %.*s", reports_kind_name(name->kind),
		SLICE_ARG(name->domain));
}

int reports_find_sent(struct reports *r, struct id account, const struct reports_name *name,
	struct arena *arena, struct reports_sent *ret_sent, struct err *err)
{
	char text[REPORTS_NAME_MAX];
	struct store_collection c;
	struct store_object object;
	name_of(name, text);
	int found = store_find_collection(
		r->options.store, account, STORE_REPORTS, slice_str(COLLECTION), arena, &c, err);
	if (found == 0)
		found = store_find_object(
			r->options.store, account, c.id, slice_str(text), arena, &object, err);
	if (found == 0 && !reports_sent_read(object.data, ret_sent))
		return STORE_ABSENT;
	return found;
}

int reports_sent_get(struct store_write *write, struct id account, const struct reports_name *name,
	struct reports_sent *ret_sent, struct err *err)
{
	char text[REPORTS_NAME_MAX];
	struct store_collection *c;
	struct store_object object;
	name_of(name, text);
	int r = store_write_find_collection(
		write, account, STORE_REPORTS, slice_str(COLLECTION), &c, err);
	if (r == 0)
		r = store_write_find_object(write, c, slice_str(text), &object, err);
	if (r == 0 && !reports_sent_read(object.data, ret_sent))
		return STORE_ABSENT;
	return r;
}

int reports_sent_put(struct store_write *write, struct id account, const struct reports_name *name,
	const struct reports_sent *sent, struct err *err)
{
	AUTO(buf_free) struct buf data = BUF(DATA_MAX);
	char text[REPORTS_NAME_MAX];
	struct store_collection *c;
	name_of(name, text);
	reports_sent_write(sent, &data);
	struct store_object object, fresh = {.name = slice_str(text), .data = buf_slice(&data)};
	int r = store_write_find_collection(
		write, account, STORE_REPORTS, slice_str(COLLECTION), &c, err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(
			write, account, STORE_REPORTS, slice_str(COLLECTION), SLICE(""), &c, err);
	if (r == 0)
		r = store_write_find_object(write, c, fresh.name, &object, err);
	if (r == STORE_ABSENT)
		return store_write_object_new(write, c, &fresh, SLICE_NONE, err);
	object.data = fresh.data;
	return r < 0 ? r : store_write_object(write, c, &object, SLICE_NONE, err);
}

struct sweep {
	int64_t before_s;
	uint32_t numbers[BATCH];
	size_t count;
};

static bool look_at(void *context, const struct store_object *object)
{
	struct sweep *s = context;
	struct reports_sent sent;
	if (!reports_sent_read(object->data, &sent) || sent.sent_s < s->before_s)
		s->numbers[s->count++] = object->number;
	return s->count < BATCH;
}

int reports_sent_clean(struct reports *r, struct id account, int64_t now_s, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct sweep s = {.before_s = now_s - KEEP_SECONDS};
	struct store_collection c, *at;
	struct store_object object;
	struct store_write *write;
	int found = store_find_collection(
		r->options.store, account, STORE_REPORTS, slice_str(COLLECTION), &arena, &c, err);
	if (found == 0)
		found = store_scan_objects(
			r->options.store, account, c.id, 1, UINT32_MAX, look_at, &s, err);
	if (found != 0 || s.count == 0)
		return found < 0 ? found : 0;
	if (store_write_begin(r->options.store, &account, 1, &write, err) < 0)
		return -1;
	int done = store_write_collection(write, account, c.id, &at, err);
	for (size_t i = 0; done == 0 && i < s.count; i++) {
		done = store_write_get_object(write, at, s.numbers[i], &object, err);
		if (done == 0)
			done = store_write_object_gone(write, at, &object, err);
		done = done == STORE_ABSENT ? 0 : done;
	}
	if (done == 0)
		return store_write_commit(write, err);
	store_write_abort(write);
	return done < 0 ? done : 0;
}
