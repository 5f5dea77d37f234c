/* App passwords of a user: fields of his row. */
#include "directory/admin_change.h"
#include "directory/app_password.h"

#include "base/clock.h"

enum { NAME_MAX_BYTES = 100 };

static struct directory_app_password_row *find(struct directory_user_row *row, struct slice name)
{
	for (size_t i = 0; i < row->app_password_count; i++)
		if (slice_eq(row->app_passwords[i].name, name))
			return &row->app_passwords[i];
	return NULL;
}

static int check(
	struct directory_user_row *row, struct slice name, unsigned services, struct err *err)
{
	if (name.len == 0 || name.len > NAME_MAX_BYTES || !directory_text_is_plain(name))
		return err_permanent(err, ERR_BAD_INPUT,
			"an app password has a name of 1 to %d bytes of UTF-8 text",
			NAME_MAX_BYTES);
	if (services == 0 || (services & ~(unsigned)DIRECTORY_ALL_SERVICES))
		return err_permanent(err, ERR_BAD_INPUT, "an app password is for some services");
	if (find(row, name))
		return err_permanent(err, ERR_EXISTS, "there is an app password \"%.*s\" already",
			SLICE_ARG(name));
	if (row->app_password_count >= DIRECTORY_APP_PASSWORDS_MAX)
		return err_permanent(err, ERR_LIMIT, "a user has at most %d app passwords",
			DIRECTORY_APP_PASSWORDS_MAX);
	return 0;
}

static void append(struct directory_change *change, struct directory_user_row *row,
	const struct directory_app_password_row *app)
{
	struct directory_app_password_row *grown = ARENA_ARRAY(
		&change->arena, struct directory_app_password_row, row->app_password_count + 1);
	for (size_t i = 0; i < row->app_password_count; i++)
		grown[i] = row->app_passwords[i];
	grown[row->app_password_count++] = *app;
	row->app_passwords = grown;
}

int directory_app_password_add(struct directory *d, struct slice address, struct slice name,
	unsigned services, struct buf *ret_password, struct err *err)
{
	struct directory_change change;
	struct directory_found_user found;
	struct directory_app_password_row app = {
		.name = name,
		.services = services,
		.created = clock_wall(),
	};
	int r = directory_change_begin_user(d, address, &change, &found, err);
	if (r != 0)
		return r;
	r = check(&found.row, name, services, err);
	if (r == 0) {
		directory_app_password_make(&app, ret_password);
		append(&change, &found.row, &app);
	}
	return directory_change_end_user(&change, &found, r, err);
}

int directory_app_password_list(struct directory *d, struct slice address, struct arena *arena,
	struct directory_app_password **ret_array, size_t *ret_count, struct err *err)
{
	struct directory_internal *in;
	struct directory_address canonical;
	struct directory_found_user found;
	int r = directory_admin_of(d, &in, err);
	if (r == 0)
		r = directory_admin_address(address, &canonical, err);
	if (r != 0)
		return r;
	struct slice user = directory_address_slice(&canonical);
	r = directory_find_user(in, user, arena, &found, err);
	r = directory_admin_found(r, "user", user, err);
	if (r != 0)
		return r;
	size_t count = found.row.app_password_count;
	*ret_array = ARENA_ARRAY(arena, struct directory_app_password, count);
	*ret_count = count;
	for (size_t i = 0; i < count; i++)
		(*ret_array)[i] = (struct directory_app_password){
			.name = found.row.app_passwords[i].name,
			.services = found.row.app_passwords[i].services,
			.created = found.row.app_passwords[i].created,
		};
	return 0;
}

int directory_app_password_remove(
	struct directory *d, struct slice address, struct slice name, struct err *err)
{
	struct directory_change change;
	struct directory_found_user found;
	int r = directory_change_begin_user(d, address, &change, &found, err);
	if (r != 0)
		return r;
	struct directory_app_password_row *app = find(&found.row, name);
	if (app)
		*app = found.row.app_passwords[--found.row.app_password_count];
	else
		r = err_permanent(
			err, ERR_ABSENT, "there is no app password \"%.*s\"", SLICE_ARG(name));
	return directory_change_end_user(&change, &found, r, err);
}
