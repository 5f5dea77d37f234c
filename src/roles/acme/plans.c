/* One for all names, or one for each. */
#include "roles/acme/plans.h"

static const char *const *names_of(const struct conf_list *list, struct arena *arena)
{
	const char **names = ARENA_ARRAY(arena, const char *, list->count);
	for (size_t i = 0; i < list->count; i++) {
		char *copy = (char *)arena_copy(arena, slice_str(list->items[i])).ptr;
		for (char *c = copy; *c; c++)
			*c = slice_lower(*c);
		names[i] = copy;
	}
	return names;
}

size_t acme_plans_of(
	const struct conf_acme *conf, struct arena *arena, const struct acme_plan **ret_plans)
{
	*ret_plans = NULL;
	if (!conf->on || conf->names.count == 0)
		return 0;
	const char *const *names = names_of(&conf->names, arena);
	size_t count = conf->certificates == CONF_ACME_EACH ? conf->names.count : 1;
	struct acme_plan *plans = ARENA_ARRAY(arena, struct acme_plan, count);
	for (size_t i = 0; i < count; i++)
		plans[i] = (struct acme_plan){.name = names[i],
			.names = names + i,
			.count = count == 1 ? conf->names.count : 1};
	*ret_plans = plans;
	return count;
}

void acme_folder(const struct conf_settings *settings, char ret_path[ACME_PATH_MAX])
{
	(void)snprintf(ret_path, ACME_PATH_MAX, "%s/certificates", settings->data);
}

void acme_path(const struct conf_settings *settings, const struct acme_plan *plan,
	char ret_path[ACME_PATH_MAX])
{
	(void)snprintf(
		ret_path, ACME_PATH_MAX, "%s/certificates/%s.pem", settings->data, plan->name);
}
