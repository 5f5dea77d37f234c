/* One durable change: begin, some rows, end. */
#include "directory/admin_change.h"

int directory_admin_of(struct directory *d, struct directory_internal **ret_in, struct err *err)
{
	*ret_in = directory_internal_of(d);
	return *ret_in ? 0
		       : err_permanent(err, ERR_DENIED,
				 "this directory is kept elsewhere and can't be changed here");
}

int directory_change_begin(struct directory *d, struct id account,
	struct directory_change *ret_change, struct err *err)
{
	const struct id accounts[] = {STORE_SYSTEM_ACCOUNT, account};
	*ret_change = (struct directory_change){.row = BUF(DIRECTORY_ROW_MAX)};
	int r = directory_admin_of(d, &ret_change->in, err);
	if (r == 0)
		r = store_write_begin(ret_change->in->store, accounts, id_is_none(account) ? 1 : 2,
			&ret_change->write, err);
	return r;
}

int directory_change_begin_address(struct directory *d, struct slice text,
	struct directory_address *ret_address, struct directory_change *ret_change, struct err *err)
{
	int r = directory_admin_address(text, ret_address, err);
	return r != 0 ? r : directory_change_begin(d, ID_NONE, ret_change, err);
}

int directory_change_begin_domain(struct directory *d, struct slice text,
	struct directory_domain_name *ret_name, struct directory_change *ret_change,
	struct err *err)
{
	int r = directory_admin_domain(text, ret_name, err);
	return r != 0 ? r : directory_change_begin(d, ID_NONE, ret_change, err);
}

int directory_change_begin_user(struct directory *d, struct slice address,
	struct directory_change *ret_change, struct directory_found_user *ret_found,
	struct err *err)
{
	struct directory_address canonical;
	int r = directory_change_begin_address(d, address, &canonical, ret_change, err);
	if (r != 0)
		return r;
	struct slice name = directory_address_slice(&canonical);
	r = directory_find_user(ret_change->in, name, &ret_change->arena, ret_found, err);
	r = directory_admin_found(r, "user", name, err);
	return r != 0 ? directory_change_end(ret_change, r, err) : 0;
}

int directory_change_end(struct directory_change *change, int r, struct err *err)
{
	if (r == 0)
		r = store_write_commit(change->write, err);
	else
		store_write_abort(change->write);
	arena_free(&change->arena);
	buf_free(&change->row);
	return r;
}

int directory_change_end_user(
	struct directory_change *change, struct directory_found_user *found, int r, struct err *err)
{
	if (r == 0) {
		directory_user_row_encode(&found->row, found->object.data, &change->row);
		r = directory_change_put(change, DIRECTORY_USERS, &found->object, err);
	}
	return directory_change_end(change, r, err);
}

/* The collection of a table under the lock; made when it is not there. Its id is learned from
 * committed state only, so an aborted change leaves nothing behind. */
static int open_table(struct directory_change *change, enum directory_table table,
	struct store_collection **ret_collection, struct err *err)
{
	struct store_collection **open = &change->tables[table];
	struct slice name = slice_str(directory_table_name(table));
	struct id id;
	int r = 0;
	if (!*open) {
		r = directory_table_id(change->in, table, &id, err);
		if (r == 0)
			r = store_write_collection(
				change->write, STORE_SYSTEM_ACCOUNT, id, open, err);
		else if (r == DIRECTORY_UNKNOWN)
			r = store_write_collection_new(change->write, STORE_SYSTEM_ACCOUNT,
				directory_table_kind(table), name, SLICE(""), open, err);
	}
	*ret_collection = *open;
	return r > 0 ? err_bug(err, "the directory's table \"%.*s\" has gone", SLICE_ARG(name)) : r;
}

static int check_row(const struct directory_change *change, struct err *err)
{
	return change->row.failed ? err_permanent(err, ERR_LIMIT, "the entry would become too long")
				  : 0;
}

int directory_change_add(struct directory_change *change, enum directory_table table,
	struct slice name, struct id id, struct err *err)
{
	struct store_collection *collection;
	struct store_object object = {.id = id, .name = name, .data = buf_slice(&change->row)};
	int r = check_row(change, err);
	if (r == 0)
		r = open_table(change, table, &collection, err);
	if (r == 0)
		r = store_write_object_new(change->write, collection, &object, SLICE_NONE, err);
	buf_clear(&change->row);
	return r;
}

int directory_change_put(struct directory_change *change, enum directory_table table,
	struct store_object *object, struct err *err)
{
	struct store_collection *collection;
	object->data = buf_slice(&change->row);
	int r = check_row(change, err);
	if (r == 0)
		r = open_table(change, table, &collection, err);
	if (r == 0)
		r = store_write_object(change->write, collection, object, SLICE_NONE, err);
	buf_clear(&change->row);
	return r;
}

int directory_change_remove(struct directory_change *change, enum directory_table table,
	const struct store_object *object, struct err *err)
{
	struct store_collection *collection;
	int r = open_table(change, table, &collection, err);
	if (r == 0)
		r = store_write_object_gone(change->write, collection, object, err);
	return r;
}
