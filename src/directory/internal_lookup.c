/* Where mail for an address goes: the internal directory's names, for directory/follow.h. */
#include "directory/follow.h"
#include "directory/internal_state.h"

struct lookup {
	struct directory_internal *in;
	struct directory_found_domain domain; /* the last one; its name is empty at first */
};

static int load_domain(struct lookup *l, struct slice name, struct arena *arena, struct err *err)
{
	if (slice_eq(l->domain.object.name, name))
		return 0;
	struct directory_found_domain found;
	int r = directory_find_domain(l->in, name, arena, &found, err);
	if (r == 0)
		l->domain = found;
	return r;
}

static int find_alias(struct lookup *l, struct slice name, struct arena *arena,
	struct directory_named *ret_named, struct err *err)
{
	struct directory_found_alias alias;
	int r = directory_find_alias(l->in, name, arena, &alias, err);
	if (r != 0)
		return r;
	*ret_named = (struct directory_named){.is_alias = true,
		.targets = alias.row.targets,
		.target_count = alias.row.target_count};
	return 0;
}

static int find(void *context, struct slice name, struct arena *arena,
	struct directory_named *ret_named, struct err *err)
{
	struct lookup *l = context;
	struct directory_found_user user;
	int r = directory_find_user(l->in, name, arena, &user, err);
	if (r == DIRECTORY_UNKNOWN)
		return find_alias(l, name, arena, ret_named, err);
	if (r == 0)
		r = load_domain(l, directory_domain_of(user.object.name), arena, err);
	if (r < 0)
		return r;
	directory_describe(l->in, &user, r == 0 ? &l->domain : NULL, &ret_named->user);
	return 0;
}

static int domain(void *context, struct slice name, struct arena *arena,
	struct slice *ret_catch_all, struct err *err)
{
	struct lookup *l = context;
	int r = load_domain(l, name, arena, err);
	if (r == 0)
		*ret_catch_all = l->domain.row.catch_all;
	return r;
}

static const struct directory_names names = {.find = find, .domain = domain};

int directory_internal_lookup(struct directory *directory, struct slice address,
	struct arena *arena, struct directory_route *ret_route, struct err *err)
{
	struct lookup l = {.in = directory_internal_of(directory)};
	return directory_follow(&names, &l, l.in->plus_separator, address, arena, ret_route, err);
}
