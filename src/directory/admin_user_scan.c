/* Walking users by address, with a pattern. */
#include "base/glob.h"
#include "directory/admin_change.h"

struct wanted {
	struct slice domain, pattern; /* "": any */
};

static bool is_wanted(void *context, const struct store_object *object)
{
	struct wanted *w = context;
	return (w->domain.len == 0 || directory_admin_in_domain(&w->domain, object)) &&
	       (w->pattern.len == 0 || glob_matches(w->pattern, object->name));
}

/* The domain's row is read once for all users of a domain: `last` keeps it. */
struct walk {
	struct directory_internal *in;
	struct arena arena; /* of `last` */
	struct directory_found_domain last;
};

static int domain_of(struct walk *w, struct slice name, struct err *err)
{
	struct slice domain = directory_domain_of(name);
	if (slice_eq(w->last.object.name, domain))
		return 0;
	arena_free(&w->arena);
	w->last = (struct directory_found_domain){0};
	int r = directory_find_domain(w->in, domain, &w->arena, &w->last, err);
	return r < 0 ? r : 0;
}

static int visit_user(struct walk *w, const struct directory_row_ref *ref,
	bool (*visit)(void *context, const struct directory_user *user), void *context,
	bool *ret_go_on, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_object object;
	struct directory_found_user found;
	struct directory_user user;
	int r = directory_admin_get(w->in, DIRECTORY_USERS, ref, &arena, &object, err);
	if (r == 0)
		r = directory_decode_user(&object, &arena, &found, err);
	if (r == 0)
		r = domain_of(w, object.name, err);
	if (r != 0)
		return r < 0 ? r : 0;
	directory_describe(w->in, &found, w->last.object.name.len > 0 ? &w->last : NULL, &user);
	*ret_go_on = visit(context, &user);
	return 0;
}

int directory_user_scan(struct directory *d, struct slice domain, struct slice pattern,
	bool (*visit)(void *context, const struct directory_user *user), void *context,
	struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct walk w = {0};
	struct directory_domain_name canonical;
	struct directory_row_ref *rows;
	struct wanted wanted = {.pattern = pattern};
	size_t count = 0;
	bool go_on = true;
	int r = domain.len > 0 ? directory_admin_domain(domain, &canonical, err) : 0;
	if (r == 0 && domain.len > 0)
		wanted.domain = directory_domain_slice(&canonical);
	if (r == 0 && d->driver->scan)
		return d->driver->scan(d, wanted.domain, pattern, visit, context, err);
	if (r == 0)
		r = directory_admin_of(d, &w.in, err);
	if (r == 0)
		r = directory_admin_list(
			w.in, DIRECTORY_USERS, is_wanted, &wanted, &arena, &rows, &count, err);
	for (size_t i = 0; r == 0 && go_on && i < count; i++)
		r = visit_user(&w, &rows[i], visit, context, &go_on, err);
	arena_free(&w.arena);
	return r;
}
