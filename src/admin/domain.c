/* rookery domain … */
#include "admin/commands.h"
#include "admin/values.h"

static json_t *domain_json(const struct directory_domain_info *d)
{
	return json_pack("{s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
		admin_string(d->name), "users", (json_int_t)d->users, "aliases",
		(json_int_t)d->aliases, "quota", admin_limit(d->values.quota_bytes),
		"quota_messages", admin_limit(d->values.quota_messages), "user_quota",
		admin_limit(d->values.user_quota_bytes), "user_quota_messages",
		admin_limit(d->values.user_quota_messages), "catch_all",
		d->values.catch_all.len ? admin_string(d->values.catch_all) : json_null(),
		"created", admin_time(d->created));
}

int admin_domain_add(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct directory_values values;
	struct slice name = admin_argument(call, 0);
	if (admin_values(call, &values, err) < 0 ||
		directory_domain_add(admin->directory, name, &values, err) < 0)
		return -1;
	*ret_result = admin_message("Domain %.*s was added.", SLICE_ARG(name));
	return 0;
}

int admin_domain_set(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct directory_values values;
	struct slice name = admin_argument(call, 0);
	if (admin_values(call, &values, err) < 0 ||
		directory_domain_set(admin->directory, name, &values, err) < 0)
		return -1;
	if (values.has & (DIRECTORY_HAS_QUOTA_BYTES | DIRECTORY_HAS_QUOTA_MESSAGES) &&
		admin_join_domain(admin, name, err) < 0)
		return -1;
	*ret_result = admin_message("Domain %.*s was changed.", SLICE_ARG(name));
	return 0;
}

int admin_domain_remove(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	struct slice name = admin_argument(call, 0);
	if (directory_domain_remove(admin->directory, name, err) < 0)
		return -1;
	*ret_result = admin_message("Domain %.*s was removed.", SLICE_ARG(name));
	return 0;
}

int admin_domain_show(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_domain_info info;
	if (directory_domain_show(admin->directory, admin_argument(call, 0), &arena, &info, err) <
		0)
		return -1;
	*ret_result = domain_json(&info);
	return 0;
}

int admin_domain_list(
	struct admin *admin, const struct admin_call *call, json_t **ret_result, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_domain_info *all;
	size_t count;
	if (directory_domain_list(admin->directory, &arena, &all, &count, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(rows, domain_json(&all[i]));
	*ret_result = json_pack("{s:o}", "rows", rows);
	return 0;
}
