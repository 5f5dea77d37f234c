/* Aliases: add, set, remove, show, list. */
#include "directory/admin_change.h"

#include "base/clock.h"

enum { FOLLOWED_MAX = 2000 };

static bool has(const struct slice *names, size_t count, struct slice name)
{
	for (size_t i = 0; i < count; i++)
		if (slice_eq(names[i], name))
			return true;
	return false;
}

/* Each once; those of ours are there. */
static int make_targets(struct directory_change *change, const struct slice *targets, size_t count,
	struct directory_alias_row *row, struct err *err)
{
	if (count == 0)
		return err_permanent(err, ERR_BAD_INPUT, "an alias leads to somebody");
	if (count > DIRECTORY_TARGETS_MAX)
		return err_permanent(err, ERR_LIMIT, "an alias leads to at most %d addresses",
			DIRECTORY_TARGETS_MAX);
	row->targets = ARENA_ARRAY(&change->arena, struct slice, count);
	row->target_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct slice name;
		int r = directory_admin_target(change->in, targets[i], &change->arena, &name, err);
		if (r != 0)
			return r;
		if (!has(row->targets, row->target_count, name))
			row->targets[row->target_count++] = name;
	}
	return 0;
}

/* Whether following the targets comes back to `name`. */
static int check_circle(struct directory_change *change, struct slice name,
	const struct directory_alias_row *row, struct err *err)
{
	struct slice *queue = ARENA_ARRAY(&change->arena, struct slice, FOLLOWED_MAX);
	const struct directory_alias_row *from = row;
	struct directory_found_alias found;
	size_t queued = 0, at = 0;
	for (;;) {
		for (size_t i = 0; i < from->target_count; i++) {
			struct slice target = from->targets[i];
			if (slice_eq(target, name))
				return err_permanent(err, ERR_BAD_INPUT,
					"alias %.*s would lead to itself", SLICE_ARG(name));
			if (has(queue, queued, target))
				continue;
			if (queued == FOLLOWED_MAX)
				return err_permanent(err, ERR_LIMIT,
					"alias %.*s would lead to more than %d addresses",
					SLICE_ARG(name), FOLLOWED_MAX);
			queue[queued++] = target;
		}
		int r = DIRECTORY_UNKNOWN;
		while (r == DIRECTORY_UNKNOWN && at < queued)
			r = directory_find_alias(
				change->in, queue[at++], &change->arena, &found, err);
		if (r != 0)
			return r < 0 ? r : 0;
		from = &found.row;
	}
}

static int add_alias(struct directory_change *change, const struct directory_address *address,
	const struct slice *targets, size_t count, struct err *err)
{
	struct directory_alias_row row = {.created = clock_wall()};
	struct slice name = directory_address_slice(address);
	int r = directory_admin_is_free(change->in, address, err);
	if (r == 0)
		r = make_targets(change, targets, count, &row, err);
	/* nothing can lead to it yet but itself, which is_target has refused */
	if (r != 0)
		return r;
	directory_alias_row_encode(&row, SLICE_NONE, &change->row);
	return directory_change_add(change, DIRECTORY_ALIASES, name, id_new(), err);
}

int directory_alias_add(struct directory *d, struct slice address, const struct slice *targets,
	size_t count, struct err *err)
{
	struct directory_address canonical;
	struct directory_change change;
	int r = directory_change_begin_address(d, address, &canonical, &change, err);
	if (r != 0)
		return r;
	r = add_alias(&change, &canonical, targets, count, err);
	return directory_change_end(&change, r, err);
}

static int set_alias(struct directory_change *change, struct slice name,
	const struct slice *targets, size_t count, struct err *err)
{
	struct directory_found_alias found;
	int r = directory_find_alias(change->in, name, &change->arena, &found, err);
	r = directory_admin_found(r, "alias", name, err);
	if (r == 0)
		r = make_targets(change, targets, count, &found.row, err);
	if (r == 0)
		r = check_circle(change, name, &found.row, err);
	if (r != 0)
		return r;
	directory_alias_row_encode(&found.row, found.object.data, &change->row);
	return directory_change_put(change, DIRECTORY_ALIASES, &found.object, err);
}

int directory_alias_set(struct directory *d, struct slice address, const struct slice *targets,
	size_t count, struct err *err)
{
	struct directory_address canonical;
	struct directory_change change;
	int r = directory_change_begin_address(d, address, &canonical, &change, err);
	if (r != 0)
		return r;
	r = set_alias(&change, directory_address_slice(&canonical), targets, count, err);
	return directory_change_end(&change, r, err);
}

int directory_alias_remove(struct directory *d, struct slice address, struct err *err)
{
	struct directory_address canonical;
	struct directory_change change;
	struct directory_references refs;
	struct store_object object;
	int r = directory_change_begin_address(d, address, &canonical, &change, err);
	if (r != 0)
		return r;
	struct slice name = directory_address_slice(&canonical);
	r = directory_find(change.in, DIRECTORY_ALIASES, name, &change.arena, &object, err);
	r = directory_admin_found(r, "alias", name, err);
	if (r == 0)
		r = directory_admin_references(change.in, name, &change.arena, &refs, err);
	if (r == 0)
		r = directory_admin_no_references(&refs, name, err);
	if (r == 0)
		r = directory_change_remove(&change, DIRECTORY_ALIASES, &object, err);
	return directory_change_end(&change, r, err);
}

static void describe(
	const struct directory_found_alias *found, struct directory_alias_info *ret_info)
{
	*ret_info = (struct directory_alias_info){
		.name = found->object.name,
		.targets = found->row.targets,
		.target_count = found->row.target_count,
		.created = found->row.created,
	};
}

int directory_alias_show(struct directory *d, struct slice address, struct arena *arena,
	struct directory_alias_info *ret_info, struct err *err)
{
	struct directory_internal *in;
	struct directory_address canonical;
	struct directory_found_alias found;
	int r = directory_admin_of(d, &in, err);
	if (r == 0)
		r = directory_admin_address(address, &canonical, err);
	if (r != 0)
		return r;
	struct slice name = directory_address_slice(&canonical);
	r = directory_find_alias(in, name, arena, &found, err);
	r = directory_admin_found(r, "alias", name, err);
	if (r == 0)
		describe(&found, ret_info);
	return r;
}

int directory_alias_list(struct directory *d, struct slice domain, struct arena *arena,
	struct directory_alias_info **ret_array, size_t *ret_count, struct err *err)
{
	struct directory_internal *in;
	struct directory_domain_name canonical;
	struct directory_row_ref *rows;
	struct slice name = SLICE_NONE;
	size_t count = 0, n = 0;
	int r = directory_admin_of(d, &in, err);
	if (r == 0 && domain.len > 0) {
		r = directory_admin_domain(domain, &canonical, err);
		name = directory_domain_slice(&canonical);
	}
	if (r == 0)
		r = directory_admin_list(in, DIRECTORY_ALIASES,
			domain.len > 0 ? directory_admin_in_domain : NULL, &name, arena, &rows,
			&count, err);
	if (r != 0)
		return r;
	struct directory_alias_info *infos = ARENA_ARRAY(arena, struct directory_alias_info, count);
	for (size_t i = 0; i < count; i++) {
		struct store_object object;
		struct directory_found_alias found;
		r = directory_admin_get(in, DIRECTORY_ALIASES, &rows[i], arena, &object, err);
		if (r == DIRECTORY_UNKNOWN)
			continue;
		if (r == 0)
			r = directory_decode_alias(&object, arena, &found, err);
		if (r != 0)
			return r;
		describe(&found, &infos[n++]);
	}
	*ret_array = infos;
	*ret_count = n;
	return 0;
}
