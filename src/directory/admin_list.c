/* Whole tables: a scan that keeps names, sorted; then each row when it is wanted. So a list of a
 * million users holds their names in memory, not their rows. */
#include "directory/admin_change.h"

#include "base/alloc.h"

enum { FIRST_ROOM = 64 };

struct list {
	bool (*keep)(void *context, const struct store_object *object);
	void *context;
	struct arena *arena;
	struct directory_row_ref *rows;
	size_t count, room;
};

static bool visit(void *context, const struct store_object *object)
{
	struct list *l = context;
	if (l->keep && !l->keep(l->context, object))
		return true;
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : (size_t)FIRST_ROOM;
		l->rows = alloc_resize(l->rows, room, sizeof(*l->rows));
		l->room = room;
	}
	l->rows[l->count++] = (struct directory_row_ref){
		.number = object->number,
		.name = arena_copy(l->arena, object->name),
	};
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct directory_row_ref *x = a, *y = b;
	return slice_cmp(x->name, y->name);
}

int directory_admin_list(struct directory_internal *in, enum directory_table table,
	bool (*keep)(void *context, const struct store_object *object), void *context,
	struct arena *arena, struct directory_row_ref **ret_array, size_t *ret_count,
	struct err *err)
{
	struct list l = {.keep = keep, .context = context, .arena = arena};
	struct id id;
	*ret_array = NULL;
	*ret_count = 0;
	int r = directory_table_id(in, table, &id, err);
	if (r == 0)
		r = store_scan_objects(
			in->store, STORE_SYSTEM_ACCOUNT, id, 1, UINT32_MAX, visit, &l, err);
	if (r == 0 && l.count > 0) {
		qsort(l.rows, l.count, sizeof(*l.rows), by_name);
		*ret_array = ARENA_ARRAY(arena, struct directory_row_ref, l.count);
		*ret_count = l.count;
		memcpy(*ret_array, l.rows, l.count * sizeof(*l.rows));
	}
	free(l.rows);
	return r < 0 ? r : 0;
}

int directory_admin_get(struct directory_internal *in, enum directory_table table,
	const struct directory_row_ref *ref, struct arena *arena, struct store_object *ret_object,
	struct err *err)
{
	struct id id;
	int r = directory_table_id(in, table, &id, err);
	if (r == 0)
		r = store_get_object(
			in->store, STORE_SYSTEM_ACCOUNT, id, ref->number, arena, ret_object, err);
	return r > 0 ? DIRECTORY_UNKNOWN : r;
}

bool directory_admin_in_domain(void *domain, const struct store_object *object)
{
	struct slice d = *(struct slice *)domain, name = object->name;
	return name.len > d.len && slice_ends(name, d) && name.ptr[name.len - d.len - 1] == '@';
}

/* An alias whose row can't be read names nobody: it must not keep others from being removed. */
static bool alias_names(void *address, const struct store_object *object)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_alias_row row;
	if (!directory_alias_row_decode(object->data, &arena, &row))
		return false;
	for (size_t i = 0; i < row.target_count; i++)
		if (slice_eq(row.targets[i], *(struct slice *)address))
			return true;
	return false;
}

static bool domain_names(void *address, const struct store_object *object)
{
	struct directory_domain_row row;
	return directory_domain_row_decode(object->data, &row) &&
	       slice_eq(row.catch_all, *(struct slice *)address);
}

int directory_admin_references(struct directory_internal *in, struct slice address,
	struct arena *arena, struct directory_references *ret_references, struct err *err)
{
	struct directory_references *refs = ret_references;
	int r = directory_admin_list(in, DIRECTORY_ALIASES, alias_names, &address, arena,
		&refs->aliases, &refs->alias_count, err);
	if (r == 0)
		r = directory_admin_list(in, DIRECTORY_DOMAINS, domain_names, &address, arena,
			&refs->domains, &refs->domain_count, err);
	return r;
}

int directory_admin_no_references(
	const struct directory_references *references, struct slice address, struct err *err)
{
	if (references->alias_count > 0)
		return err_permanent(err, ERR_IN_USE, "alias %.*s leads to %.*s",
			SLICE_ARG(references->aliases[0].name), SLICE_ARG(address));
	if (references->domain_count > 0)
		return err_permanent(err, ERR_IN_USE, "%.*s is the catch-all of domain %.*s",
			SLICE_ARG(address), SLICE_ARG(references->domains[0].name));
	return 0;
}
