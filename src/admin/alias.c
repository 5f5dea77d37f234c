/* rookery alias … */
#include "admin/commands.h"
#include "admin/values.h"

static json_t *alias_json(const struct directory_alias_info *a)
{
	json_t *targets = json_array();
	for (size_t i = 0; i < a->target_count; i++)
		(void)json_array_append_new(targets, admin_string(a->targets[i]));
	return json_pack("{s:o, s:o, s:o}", "name", admin_string(a->name), "targets", targets,
		"created", admin_time(a->created));
}

/* Its targets are the arguments behind the first one. */
static int give_targets(struct admin *admin, const struct admin_call *call,
	int (*give)(struct directory *d, struct slice address, const struct slice *targets,
		size_t count, struct err *err),
	const char *done, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice name = admin_argument(call, 0);
	size_t count = call->argument_count - 1;
	struct slice *targets = ARENA_ARRAY(&arena, struct slice, count);
	for (size_t i = 0; i < count; i++)
		targets[i] = admin_argument(call, i + 1);
	if (give(admin->directory, name, targets, count, err) < 0)
		return -1;
	*ret_result = admin_message("Alias %.*s was %s.", SLICE_ARG(name), done);
	return 0;
}

int admin_alias_add(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	return give_targets(admin, call, directory_alias_add, "added", ret_result, err);
}

int admin_alias_set(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	return give_targets(admin, call, directory_alias_set, "changed", ret_result, err);
}

int admin_alias_remove(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct slice name = admin_argument(call, 0);
	if (directory_alias_remove(admin->directory, name, err) < 0)
		return -1;
	*ret_result = admin_message("Alias %.*s was removed.", SLICE_ARG(name));
	return 0;
}

int admin_alias_show(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_alias_info info;
	if (directory_alias_show(admin->directory, admin_argument(call, 0), &arena, &info, err) < 0)
		return -1;
	*ret_result = alias_json(&info);
	return 0;
}

int admin_alias_list(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_alias_info *all;
	size_t count;
	if (directory_alias_list(
		    admin->directory, admin_argument(call, 0), &arena, &all, &count, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(rows, alias_json(&all[i]));
	*ret_result = json_pack("{s:o}", "rows", rows);
	return 0;
}
