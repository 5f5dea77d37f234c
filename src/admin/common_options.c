/* rookery common … */
#include "admin/common_options.h"

#include "admin/commands.h"
#include "admin/values.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "conf/common_options.h"

enum { VERSION = 1, ROW_MAX = CONF_COMMON_MAX + 16 };

static const char NAME[] = "common";

const struct store_merge_rule admin_common_merge_rules[] = {{.kind = STORE_COMMON}, {0}};

struct latest {
	struct arena *arena;
	struct slice text;
	uint64_t since_ms;
};

/* When two nodes have set them apart there are two objects: both choose the same. */
static bool visit(void *context, const struct store_object *object)
{
	struct latest *latest = context;
	struct slice text = object->data, version;
	uint64_t since_ms;
	if (!bytes_cut(&text, 1, &version) || version.ptr[0] != VERSION ||
		!bytes_cut_varint(&text, &since_ms))
		return true; /* of a later version: it holds there */
	if (since_ms < latest->since_ms ||
		(since_ms == latest->since_ms && slice_cmp(text, latest->text) <= 0))
		return true;
	latest->since_ms = since_ms;
	latest->text = arena_copy(latest->arena, text);
	return true;
}

static int read_latest(struct store *store, struct latest *latest, struct err *err)
{
	struct store_collection c;
	int r = store_find_collection(
		store, STORE_SYSTEM_ACCOUNT, STORE_COMMON, slice_str(NAME), latest->arena, &c, err);
	if (r == 0)
		r = store_scan_objects(
			store, STORE_SYSTEM_ACCOUNT, c.id, 1, UINT32_MAX, visit, latest, err);
	return r < 0 ? r : 0;
}

int admin_common_read(struct store *store, struct arena *arena, struct slice *ret_text,
	int64_t *ret_since, struct err *err)
{
	struct latest latest = {.arena = arena, .text = SLICE("")};
	int r = read_latest(store, &latest, err);
	*ret_text = latest.text;
	*ret_since = (int64_t)(latest.since_ms / 1000);
	return r;
}

static int put(struct store_write *write, struct slice row, struct err *err)
{
	struct store_collection *c;
	struct store_object object;
	int r = store_write_find_collection(
		write, STORE_SYSTEM_ACCOUNT, STORE_COMMON, slice_str(NAME), &c, err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(write, STORE_SYSTEM_ACCOUNT, STORE_COMMON,
			slice_str(NAME), SLICE(""), &c, err);
	if (r < 0)
		return r;
	r = store_write_find_object(write, c, slice_str(NAME), &object, err);
	if (r == STORE_ABSENT) {
		object = (struct store_object){.name = slice_str(NAME), .data = row};
		return store_write_object_new(write, c, &object, SLICE_NONE, err);
	}
	object.data = row;
	return r < 0 ? r : store_write_object(write, c, &object, SLICE_NONE, err);
}

static int set(struct store *store, struct slice text, struct err *err)
{
	const struct id account = STORE_SYSTEM_ACCOUNT;
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct latest latest = {.arena = &arena, .text = SLICE("")};
	struct store_write *write;
	if (read_latest(store, &latest, err) < 0)
		return -1;
	buf_add_byte(&row, VERSION);
	/* Behind what was set last, whatever the clocks say. */
	bytes_add_varint(&row, MAX((uint64_t)clock_wall_ms(), latest.since_ms + 1));
	buf_add_slice(&row, text);
	if (row.failed)
		return err_permanent(err, ERR_LIMIT, "common options are %d bytes at most",
			(int)CONF_COMMON_MAX);
	if (store_write_begin(store, &account, 1, &write, err) < 0)
		return -1;
	if (put(write, buf_slice(&row), err) == 0)
		return store_write_commit(write, err);
	store_write_abort(write);
	return -1;
}

int admin_common_show(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice text;
	int64_t since;
	if (admin_common_read(admin->store, &arena, &text, &since, err) < 0)
		return -1;
	*ret_result = json_pack("{s:o, s:o, s:o}", "message",
		admin_string(text.len > 0 ? slice_trim(text) : SLICE("# nothing is common")),
		"text", admin_string(text), "since", since > 0 ? admin_time(since) : json_null());
	return 0;
}

int admin_common_options(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(buf_free) struct buf names = BUF(64 * 1024);
	json_t *rows = json_array();
	conf_common_list(&names);
	for (struct slice rest = buf_slice(&names); rest.len > 0;)
		(void)json_array_append_new(
			rows, json_pack("{s:o}", "option", admin_string(slice_cut(&rest, '\n'))));
	*ret_result = json_pack("{s:o}", "rows", rows);
	return 0;
}

/* The file's lines, which the command line has read. */
int admin_common_set(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(buf_free) struct buf text = BUF(CONF_COMMON_MAX);
	const json_t *lines = json_object_get(call->options, "file");
	if (!lines)
		return err_permanent(err, ERR_BAD_INPUT, "expected --file FILE");
	for (size_t i = 0; i < json_array_size(lines); i++)
		buf_printf(&text, "%s\n", json_string_value(json_array_get(lines, i)));
	if (text.failed)
		return err_permanent(err, ERR_LIMIT, "common options are %d bytes at most",
			(int)CONF_COMMON_MAX);
	if (conf_common_check(buf_slice(&text), NULL, err) < 0 ||
		set(admin->store, buf_slice(&text), err) < 0)
		return -1;
	*ret_result = admin_message("Set, for both nodes of a mirror. What a node's own file says "
				    "goes before; its log says what needs a restart.");
	return 0;
}

int admin_common_clear(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	if (set(admin->store, SLICE(""), err) < 0)
		return -1;
	*ret_result = admin_message("Nothing is common any more.");
	return 0;
}
