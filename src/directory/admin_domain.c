/* Domains: add, set, remove, show, list. */
#include "directory/admin_change.h"

#include "base/clock.h"

enum {
	OF_DOMAINS = DIRECTORY_HAS_QUOTA_BYTES | DIRECTORY_HAS_QUOTA_MESSAGES |
		     DIRECTORY_HAS_CATCH_ALL | DIRECTORY_HAS_USER_QUOTA_BYTES |
		     DIRECTORY_HAS_USER_QUOTA_MESSAGES,
};

/* `ret_catch_all` holds the canonical catch-all for as long as the row is used. */
static int apply(struct directory_internal *in, const struct directory_values *v,
	struct directory_domain_row *row, struct directory_address *ret_catch_all, struct err *err)
{
	if (!v)
		return 0;
	int r = directory_admin_check_values(v, OF_DOMAINS, err);
	if (r != 0)
		return r;
	if (v->has & DIRECTORY_HAS_QUOTA_BYTES)
		row->quota_bytes = v->quota_bytes;
	if (v->has & DIRECTORY_HAS_QUOTA_MESSAGES)
		row->quota_messages = v->quota_messages;
	if (v->has & DIRECTORY_HAS_USER_QUOTA_BYTES)
		row->user_quota_bytes = directory_admin_quota(v->user_quota_bytes);
	if (v->has & DIRECTORY_HAS_USER_QUOTA_MESSAGES)
		row->user_quota_messages = directory_admin_quota(v->user_quota_messages);
	if (!(v->has & DIRECTORY_HAS_CATCH_ALL))
		return 0;
	row->catch_all = SLICE("");
	if (v->catch_all.len == 0)
		return 0;
	r = directory_admin_address(v->catch_all, ret_catch_all, err);
	if (r != 0)
		return r;
	row->catch_all = directory_address_slice(ret_catch_all);
	return directory_admin_is_target(in, row->catch_all, err);
}

static int add_domain(struct directory_change *change, struct slice name,
	const struct directory_values *v, struct err *err)
{
	struct directory_domain_row row = {.created = clock_wall()};
	struct directory_address catch_all;
	struct store_object object;
	int r = directory_find(change->in, DIRECTORY_DOMAINS, name, &change->arena, &object, err);
	if (r == 0)
		return err_permanent(
			err, ERR_EXISTS, "there is a domain %.*s already", SLICE_ARG(name));
	if (r > 0)
		r = apply(change->in, v, &row, &catch_all, err);
	if (r != 0)
		return r;
	directory_domain_row_encode(&row, SLICE_NONE, &change->row);
	return directory_change_add(change, DIRECTORY_DOMAINS, name, id_new(), err);
}

int directory_domain_add(
	struct directory *d, struct slice name, const struct directory_values *v, struct err *err)
{
	struct directory_domain_name canonical;
	struct directory_change change;
	int r = directory_change_begin_domain(d, name, &canonical, &change, err);
	if (r != 0)
		return r;
	r = add_domain(&change, directory_domain_slice(&canonical), v, err);
	return directory_change_end(&change, r, err);
}

static int set_domain(struct directory_change *change, struct slice name,
	const struct directory_values *v, struct err *err)
{
	struct directory_found_domain found;
	struct directory_address catch_all;
	int r = directory_find_domain(change->in, name, &change->arena, &found, err);
	r = directory_admin_found(r, "domain", name, err);
	if (r == 0)
		r = apply(change->in, v, &found.row, &catch_all, err);
	if (r != 0)
		return r;
	directory_domain_row_encode(&found.row, found.object.data, &change->row);
	return directory_change_put(change, DIRECTORY_DOMAINS, &found.object, err);
}

int directory_domain_set(
	struct directory *d, struct slice name, const struct directory_values *v, struct err *err)
{
	struct directory_domain_name canonical;
	struct directory_change change;
	int r = directory_change_begin_domain(d, name, &canonical, &change, err);
	if (r != 0)
		return r;
	r = set_domain(&change, directory_domain_slice(&canonical), v, err);
	return directory_change_end(&change, r, err);
}

static int remove_domain(struct directory_change *change, struct slice name, struct err *err)
{
	struct store_object object;
	struct directory_row_ref *rows;
	size_t users = 0, aliases = 0;
	int r = directory_find(change->in, DIRECTORY_DOMAINS, name, &change->arena, &object, err);
	r = directory_admin_found(r, "domain", name, err);
	if (r == 0)
		r = directory_admin_list(change->in, DIRECTORY_USERS, directory_admin_in_domain,
			&name, &change->arena, &rows, &users, err);
	if (r == 0)
		r = directory_admin_list(change->in, DIRECTORY_ALIASES, directory_admin_in_domain,
			&name, &change->arena, &rows, &aliases, err);
	if (r == 0 && users + aliases > 0)
		r = err_permanent(err, ERR_IN_USE,
			"domain %.*s still has %zu users and %zu aliases", SLICE_ARG(name), users,
			aliases);
	return r != 0 ? r : directory_change_remove(change, DIRECTORY_DOMAINS, &object, err);
}

int directory_domain_remove(struct directory *d, struct slice name, struct err *err)
{
	struct directory_domain_name canonical;
	struct directory_change change;
	int r = directory_change_begin_domain(d, name, &canonical, &change, err);
	if (r != 0)
		return r;
	r = remove_domain(&change, directory_domain_slice(&canonical), err);
	return directory_change_end(&change, r, err);
}

static uint64_t shown(struct directory_maybe quota_of_user)
{
	return quota_of_user.set ? quota_of_user.value : DIRECTORY_QUOTA_INHERIT;
}

static void describe(const struct directory_found_domain *found, struct directory_domain_info *info)
{
	const struct directory_domain_row *row = &found->row;
	*info = (struct directory_domain_info){
		.id = found->object.id,
		.name = found->object.name,
		.created = row->created,
		.values =
			{
				.has = OF_DOMAINS,
				.quota_bytes = row->quota_bytes,
				.quota_messages = row->quota_messages,
				.user_quota_bytes = shown(row->user_quota_bytes),
				.user_quota_messages = shown(row->user_quota_messages),
				.catch_all = row->catch_all,
			},
	};
}

/* Counts users or aliases for all the domains in one pass over the table. */
struct counting {
	struct directory_domain_info *domains; /* by name */
	size_t count;
	bool aliases;
};

static int by_domain(const void *name, const void *info)
{
	return slice_cmp(
		*(const struct slice *)name, ((const struct directory_domain_info *)info)->name);
}

static bool count_row(void *context, const struct store_object *object)
{
	struct counting *c = context;
	struct slice domain = directory_domain_of(object->name);
	struct directory_domain_info *info =
		bsearch(&domain, c->domains, c->count, sizeof(*c->domains), by_domain);
	if (info && c->aliases)
		info->aliases++;
	else if (info)
		info->users++;
	return false; /* counted, not kept */
}

static int count_all(struct directory_internal *in, struct directory_domain_info *domains,
	size_t count, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct counting c = {.domains = domains, .count = count};
	struct directory_row_ref *rows;
	size_t none;
	int r = directory_admin_list(in, DIRECTORY_USERS, count_row, &c, &arena, &rows, &none, err);
	c.aliases = true;
	if (r == 0)
		r = directory_admin_list(
			in, DIRECTORY_ALIASES, count_row, &c, &arena, &rows, &none, err);
	return r;
}

int directory_domain_show(struct directory *d, struct slice name, struct arena *arena,
	struct directory_domain_info *ret_info, struct err *err)
{
	struct directory_internal *in;
	struct directory_domain_name canonical;
	struct directory_found_domain found;
	int r = directory_admin_of(d, &in, err);
	if (r == 0)
		r = directory_admin_domain(name, &canonical, err);
	if (r != 0)
		return r;
	r = directory_find_domain(in, directory_domain_slice(&canonical), arena, &found, err);
	r = directory_admin_found(r, "domain", directory_domain_slice(&canonical), err);
	if (r != 0)
		return r;
	describe(&found, ret_info);
	return count_all(in, ret_info, 1, err);
}

int directory_domain_list(struct directory *d, struct arena *arena,
	struct directory_domain_info **ret_array, size_t *ret_count, struct err *err)
{
	struct directory_internal *in;
	struct directory_row_ref *rows;
	size_t count, n = 0;
	int r = directory_admin_of(d, &in, err);
	if (r == 0)
		r = directory_admin_list(
			in, DIRECTORY_DOMAINS, NULL, NULL, arena, &rows, &count, err);
	if (r != 0)
		return r;
	struct directory_domain_info *infos =
		ARENA_ARRAY(arena, struct directory_domain_info, count);
	for (size_t i = 0; i < count; i++) {
		struct store_object object;
		struct directory_found_domain found;
		r = directory_admin_get(in, DIRECTORY_DOMAINS, &rows[i], arena, &object, err);
		if (r == DIRECTORY_UNKNOWN)
			continue;
		if (r == 0)
			r = directory_decode_domain(&object, &found, err);
		if (r != 0)
			return r;
		describe(&found, &infos[n++]);
	}
	*ret_array = infos;
	*ret_count = n;
	return count_all(in, infos, n, err);
}
