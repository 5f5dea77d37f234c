/* Addresses that mail goes on to: of an alias, and those to which a user forwards. */
#include "directory/admin_change.h"

int directory_admin_target(struct directory_internal *in, struct slice text, struct arena *arena,
	struct slice *ret_name, struct err *err)
{
	struct directory_address address;
	struct store_object object;
	int r = directory_admin_address(text, &address, err);
	if (r != 0)
		return r;
	struct slice domain = directory_address_domain(&address);
	r = directory_find(in, DIRECTORY_DOMAINS, domain, arena, &object, err);
	if (r < 0)
		return r;
	*ret_name = arena_copy(arena, directory_address_slice(&address));
	if (r == 0)
		return directory_admin_is_target(in, *ret_name, err);
	struct slice local = text; /* as it was written: what it means is known there only */
	local.len -= directory_domain_of(text).len + 1;
	*ret_name =
		slice_str(arena_printf(arena, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(domain)));
	return 0;
}

static int add_forward(struct directory_change *change, struct slice user, struct slice text,
	struct directory_user_row *row, struct err *err)
{
	struct slice name;
	int r = directory_admin_target(change->in, text, &change->arena, &name, err);
	if (r != 0)
		return r;
	if (slice_eq(name, user))
		return err_permanent(err, ERR_BAD_INPUT,
			"%.*s can't forward to himself: a copy is kept unless that is turned off",
			SLICE_ARG(user));
	for (size_t i = 0; i < row->forward_count; i++)
		if (slice_eq(row->forwards[i], name))
			return 0;
	if (row->forward_count == DIRECTORY_FORWARDS_MAX)
		return err_permanent(err, ERR_LIMIT, "a user forwards to at most %d addresses",
			DIRECTORY_FORWARDS_MAX);
	row->forwards[row->forward_count++] = name;
	return 0;
}

int directory_admin_forward(struct directory_change *change, struct slice user,
	const struct directory_values *v, struct directory_user_row *row, struct err *err)
{
	if (v->has & DIRECTORY_HAS_FORWARD) {
		struct slice rest = v->forward;
		row->forwards = ARENA_ARRAY(&change->arena, struct slice, DIRECTORY_FORWARDS_MAX);
		row->forward_count = 0;
		while (rest.len > 0) {
			struct slice text = slice_trim(slice_cut(&rest, ','));
			if (text.len > 0 && add_forward(change, user, text, row, err) < 0)
				return -1;
		}
		row->no_copy = row->no_copy && row->forward_count > 0;
	}
	if (!(v->has & DIRECTORY_HAS_NO_COPY))
		return 0;
	if (v->no_copy && row->forward_count == 0)
		return err_permanent(err, ERR_BAD_INPUT,
			"%.*s forwards to nobody: a copy is all that he gets", SLICE_ARG(user));
	row->no_copy = v->no_copy;
	return 0;
}
