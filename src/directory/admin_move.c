/* Users that come from another node's internal directory: rows as they were there. */
#include "directory/admin_change.h"

struct found {
	struct directory_internal *in;
	struct directory_address address;
	struct store_object object;
};

/* As directory_find(); also negative when it is no internal directory, or no address. */
static int find_user(struct directory *d, struct slice address, struct arena *arena,
	struct found *ret_found, struct err *err)
{
	struct found *f = ret_found;
	int r = directory_admin_of(d, &f->in, err);
	if (r == 0)
		r = directory_admin_address(address, &f->address, err);
	return r != 0 ? -1
		      : directory_find(f->in, DIRECTORY_USERS, directory_address_slice(&f->address),
				arena, &f->object, err);
}

int directory_user_export(struct directory *d, struct slice address, struct buf *ret_row,
	struct id *ret_account, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct found f;
	int r = find_user(d, address, &arena, &f, err);
	if (r >= 0)
		r = directory_admin_found(r, "user", directory_address_slice(&f.address), err);
	if (r != 0)
		return r;
	buf_add_slice(ret_row, f.object.data);
	*ret_account = f.object.id;
	return ret_row->failed ? err_permanent(err, ERR_LIMIT, "his row is too long") : 0;
}

int directory_user_expects(struct directory *d, struct slice address, struct id account,
	bool *ret_is_there, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct found f;
	int r = find_user(d, address, &arena, &f, err);
	*ret_is_there = r == 0 && id_eq(f.object.id, account);
	return r < 0 || *ret_is_there ? r : directory_admin_is_free(f.in, &f.address, err);
}

static int import(struct directory_change *change, const struct directory_address *address,
	struct id account, struct slice row, struct err *err)
{
	struct slice name = directory_address_slice(address);
	struct directory_user_row parsed;
	struct store_object object;
	if (!directory_user_row_decode(row, &change->arena, &parsed))
		return err_permanent(err, ERR_BAD_INPUT,
			"the other node's row of the user is of another version");
	int r = directory_find(change->in, DIRECTORY_USERS, name, &change->arena, &object, err);
	if (r < 0)
		return r;
	buf_add_slice(&change->row, row);
	if (r == 0 && id_eq(object.id, account))
		return directory_change_put(change, DIRECTORY_USERS, &object, err);
	r = directory_admin_is_free(change->in, address, err);
	return r == 0 ? directory_change_add(change, DIRECTORY_USERS, name, account, err) : r;
}

int directory_user_import(struct directory *d, struct slice address, struct id account,
	struct slice row, struct err *err)
{
	struct directory_address canonical;
	struct directory_change change;
	int r = directory_change_begin_address(d, address, &canonical, &change, err);
	if (r != 0)
		return r;
	r = import(&change, &canonical, account, row, err);
	return directory_change_end(&change, r, err);
}

int directory_user_withdraw(
	struct directory *d, struct slice address, struct id account, struct err *err)
{
	struct directory_address canonical;
	struct directory_change change;
	struct store_object object;
	int r = directory_change_begin_address(d, address, &canonical, &change, err);
	if (r != 0)
		return r;
	struct slice name = directory_address_slice(&canonical);
	r = directory_find(change.in, DIRECTORY_USERS, name, &change.arena, &object, err);
	if (r == 0 && id_eq(object.id, account))
		r = directory_change_remove(&change, DIRECTORY_USERS, &object, err);
	return directory_change_end(&change, r > 0 ? 0 : r, err);
}
