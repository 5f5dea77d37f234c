/* rookery queue … */
#include "admin/commands.h"

#include "admin/values.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/glob.h"
#include "message/header.h"

enum { LIST_DEFAULT = 1000, MESSAGE_MAX = 1 << 30, CHANGES_MAX = 10000000 };

static int no_queue(struct err *err)
{
	return err_temporary(
		err, ERR_UNAVAILABLE, "the queue belongs to the mx role, and none runs here");
}

static json_t *time_of(int64_t ms)
{
	return ms > 0 ? admin_time(ms / 1000) : json_null();
}

static json_t *name_of(struct queue_place place)
{
	char name[QUEUE_NAME_SIZE];
	queue_place_name(place, name);
	return json_string(name);
}

/* <> is what a report has for a sender. */
static json_t *sender_of(const struct queue_entry *e)
{
	return e->sender.len > 0 ? admin_string(e->sender) : json_string("<>");
}

static json_t *next_of(const struct queue_entry *e, bool here)
{
	if (e->flags & QUEUE_HELD)
		return json_string("held");
	if (!here)
		return json_string("other node");
	return e->next_ms > 0 ? admin_time(e->next_ms / 1000) : json_string("now");
}

/* What is special about its TLS (RFC 8689). */
static const char *tls_of(const struct queue_entry *e)
{
	return e->flags & QUEUE_REQUIRETLS     ? "required"
	       : e->flags & QUEUE_TLS_OPTIONAL ? "waived"
					       : "";
}

static json_t *row_of(
	struct queue_place place, const struct queue_entry *e, uint64_t bytes, bool here)
{
	return json_pack(
		"{s:o, s:o, s:I, s:o, s:o, s:I, s:o, s:b, s:b, s:b, s:o, s:s, s:o, s:o, s:o}",
		"entry", name_of(place), "arrived", time_of(e->arrived_ms), "size",
		(json_int_t)bytes, "sender", sender_of(e), "recipient", admin_string(e->recipient),
		"attempts", (json_int_t)e->attempts, "next", next_of(e, here), "here", here, "held",
		(e->flags & QUEUE_HELD) != 0, "local", (e->flags & QUEUE_LOCAL) != 0, "place",
		admin_string(e->place), "tls", tls_of(e), "reason", admin_string(e->reason),
		"status", admin_string(e->status), "host", admin_string(e->host));
}

/* Those that a command is about. */
struct chosen {
	struct slice match;
	bool held, here; /* only those that this node works on */
	uint64_t limit, count;
	json_t *rows;               /* of `queue list` */
	struct queue_place *places; /* of the others */
	size_t places_cap;
};

static bool fits(const struct chosen *c, const struct queue_entry *e)
{
	if (c->held && !(e->flags & QUEUE_HELD))
		return false;
	return c->match.len == 0 || glob_matches(c->match, e->sender) ||
	       glob_matches(c->match, e->recipient);
}

static bool add_row(void *context, struct queue_place place, const struct queue_entry *e,
	uint64_t bytes, bool here)
{
	struct chosen *c = context;
	if (!fits(c, e))
		return true;
	(void)json_array_append_new(c->rows, row_of(place, e, bytes, here));
	return ++c->count < c->limit;
}

int admin_queue_list(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	const char *limit = admin_option_text(call, "limit");
	const char *match = admin_option_text(call, "match");
	struct chosen c = {.match = match ? slice_str(match) : SLICE(""),
		.held = admin_option_on(call, "held"),
		.limit = LIST_DEFAULT,
		.rows = json_array()};
	int r = !admin->queue ? no_queue(err)
		: limit && !slice_to_u64(slice_str(limit), UINT32_MAX, &c.limit)
			? err_permanent(err, ERR_BAD_INPUT, "\"%.40s\" is no count", limit)
			: 0;
	c.limit = c.limit ? c.limit : UINT64_MAX;
	if (r == 0)
		r = queue_scan(admin->queue, add_row, &c, err);
	if (r < 0) {
		json_decref(c.rows);
		return r;
	}
	struct queue_figures f = queue_figures(admin->queue);
	*ret_result = json_pack("{s:o, s:I, s:I, s:b}", "rows", c.rows, "waiting",
		(json_int_t)f.entries, "held", (json_int_t)f.held, "more", c.count >= c.limit);
	return 0;
}

/* What people type as an entry. */
static int read_place(const char *text, struct queue_place *ret_place, struct err *err)
{
	if (queue_place_read(slice_str(text), ret_place))
		return 0;
	return err_permanent(err, ERR_BAD_INPUT,
		"\"%.40s\" names no entry: expected something like 5.1042, see `rookery queue "
		"list`",
		text);
}

static int absent(const char *text, struct err *err)
{
	return err_permanent(
		err, ERR_ABSENT, "there is no entry %.40s in the queue (any more)", text);
}

int admin_queue_show(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf message = BUF(MESSAGE_MAX);
	struct queue_place place;
	struct queue_entry e;
	if (!admin->queue)
		return no_queue(err);
	if (read_place(call->arguments[0], &place, err) < 0)
		return -1;
	int r = queue_get(admin->queue, place, &arena, &e, &message, err);
	if (r != 0)
		return r < 0 ? r : absent(call->arguments[0], err);
	json_t *result = row_of(place, &e, message.len, queue_is_here(admin->queue, place));
	char id[ID_TEXT_SIZE + 1];
	id_to_text(e.message, id);
	(void)json_object_set_new(result, "tried", time_of(e.tried_ms));
	(void)json_object_set_new(result, "user", admin_string(e.user));
	(void)json_object_set_new(result, "session", admin_string(e.session));
	(void)json_object_set_new(result, "message_id", json_string(id));
	struct slice text = buf_slice(&message);
	if (admin_option_on(call, "header"))
		(void)json_object_set_new(result, "header",
			admin_string(slice_sub(text, 0, message_header_len(text))));
	if (admin_option_on(call, "message"))
		(void)json_object_set_new(result, "message", admin_string(text));
	*ret_result = result;
	return 0;
}

static bool add_place(void *context, struct queue_place place, const struct queue_entry *e,
	uint64_t bytes, bool here)
{
	struct chosen *c = context;
	if (!fits(c, e) || (c->here && !here))
		return true;
	if (c->count == c->places_cap) {
		c->places_cap = c->places_cap ? c->places_cap * 2 : 64;
		c->places = alloc_resize(c->places, c->places_cap, sizeof(*c->places));
	}
	c->places[c->count++] = place;
	return c->count < CHANGES_MAX;
}

/* Those that are named; or, with --match, those that fit. */
static int choose(
	struct admin *admin, const struct admin_call *call, struct chosen *c, struct err *err)
{
	const char *match = admin_option_text(call, "match");
	if (!admin->queue)
		return no_queue(err);
	if (!match == (call->argument_count == 0))
		return err_permanent(err, ERR_BAD_INPUT, "give entries, or --match PATTERN");
	c->match = match ? slice_str(match) : SLICE("");
	if (match)
		return queue_scan(admin->queue, add_place, c, err);
	c->places = alloc_zero(call->argument_count, sizeof(*c->places));
	for (; c->count < call->argument_count; c->count++)
		if (read_place(call->arguments[c->count], &c->places[c->count], err) < 0)
			return -1;
	return 0;
}

static int change(struct admin *admin, const struct admin_call *call, enum queue_change change,
	const char *done, json_t **ret_result, struct err *err)
{
	struct chosen c = {.here = change == QUEUE_RETRY || change == QUEUE_RELEASE};
	uint64_t changed = 0;
	int r = choose(admin, call, &c, err);
	for (uint64_t i = 0; r >= 0 && i < c.count; i++) {
		r = queue_change(admin->queue, c.places[i], change, err);
		changed += r == 0;
		if (r == STORE_ABSENT && call->argument_count > 0)
			r = absent(call->arguments[i], err);
	}
	free(c.places);
	if (r < 0)
		return changed > 0 ? err_prefix(err, "%llu entries %s, then",
					     (unsigned long long)changed, done)
				   : r;
	*ret_result = admin_message("%llu %s %s.", (unsigned long long)changed,
		changed == 1 ? "entry" : "entries", done);
	return 0;
}

int admin_queue_retry(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	return change(admin, call, QUEUE_RETRY, "tried now", ret_result, err);
}

int admin_queue_hold(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	return change(admin, call, QUEUE_HOLD, "held", ret_result, err);
}

int admin_queue_release(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	return change(admin, call, QUEUE_RELEASE, "released", ret_result, err);
}

int admin_queue_remove(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	return change(admin, call, QUEUE_REMOVE, "removed", ret_result, err);
}

int admin_queue_flush(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	if (!admin->queue)
		return no_queue(err);
	struct slice where = admin_argument(call, 0);
	bool all = call->argument_count == 0;
	if (slice_eq(where, SLICE("local")))
		where = SLICE("");
	uint64_t count = queue_flush(admin->queue, all ? SLICE_NONE : where);
	*ret_result = admin_message("%llu %s tried now.", (unsigned long long)count,
		count == 1 ? "entry is" : "entries are");
	return 0;
}

static void add_destination(void *context, const struct queue_destination_figures *f)
{
	bool local = f->name.len == 0, waits = f->retry_ms > 0;
	int64_t retry = clock_wall_ms() + f->retry_ms - clock_mono_ms();
	(void)json_array_append_new(
		context, json_pack("{s:o, s:I, s:I, s:o, s:o}", "name",
				 local ? json_string("local") : admin_string(f->name), "entries",
				 (json_int_t)f->entries, "connections", (json_int_t)f->connections,
				 "retry", waits ? time_of(retry) : json_null(), "reason",
				 waits ? admin_string(slice_str(f->why)) : json_null()));
}

int admin_queue_destinations(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	if (!admin->queue)
		return no_queue(err);
	json_t *rows = json_array();
	queue_list_destinations(admin->queue, add_destination, rows);
	*ret_result = json_pack("{s:o}", "rows", rows);
	return 0;
}
