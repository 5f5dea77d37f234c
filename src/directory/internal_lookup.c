/* What the internal directory knows of one name, for directory/follow.h. */
#include "directory/follow.h"
#include "directory/internal_state.h"

struct lookup {
	struct directory_internal *in;
	struct arena *arena;
	struct directory_found_domain domain; /* the last one; its name is empty at first */
};

static int load_domain(struct lookup *l, struct slice name, struct err *err)
{
	if (slice_eq(l->domain.object.name, name))
		return 0;
	struct directory_found_domain found;
	int r = directory_find_domain(l->in, name, l->arena, &found, err);
	if (r == 0)
		l->domain = found;
	return r;
}

static int know_domain(void *context, struct slice domain, struct err *err)
{
	return load_domain(context, domain, err);
}

static int know_user(void *context, struct slice name, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	struct lookup *l = context;
	struct directory_found_user found;
	int r = directory_find_user(l->in, name, arena, &found, err);
	if (r != 0)
		return r;
	r = load_domain(l, directory_domain_of(found.object.name), err);
	if (r < 0)
		return r;
	directory_describe(l->in, &found, r == 0 ? &l->domain : NULL, ret_user);
	return 0;
}

/* A domain's catch-all is the alias "@example.org". */
static int know_catch_all(struct lookup *l, struct slice domain, struct arena *arena,
	struct slice **ret_targets, size_t *ret_count, struct err *err)
{
	int r = load_domain(l, domain, err);
	if (r != 0 || l->domain.row.catch_all.len == 0)
		return r < 0 ? r : DIRECTORY_UNKNOWN;
	*ret_targets = ARENA_NEW(arena, struct slice);
	**ret_targets = l->domain.row.catch_all;
	*ret_count = 1;
	return 0;
}

static int know_alias(void *context, struct slice name, struct arena *arena,
	struct slice **ret_targets, size_t *ret_count, struct err *err)
{
	struct lookup *l = context;
	struct directory_found_alias found;
	if (slice_starts(name, SLICE("@")))
		return know_catch_all(l, slice_from(name, 1), arena, ret_targets, ret_count, err);
	int r = directory_find_alias(l->in, name, arena, &found, err);
	if (r == 0) {
		*ret_targets = found.row.targets;
		*ret_count = found.row.target_count;
	}
	return r;
}

int directory_internal_lookup(struct directory *directory, struct slice address,
	struct arena *arena, struct directory_route *ret_route, struct err *err)
{
	struct lookup l = {.in = directory_internal_of(directory), .arena = arena};
	const struct directory_source source = {.context = &l,
		.plus_separator = l.in->plus_separator,
		.domain = know_domain,
		.user = know_user,
		.alias = know_alias};
	return directory_follow(&source, address, arena, ret_route, err);
}
