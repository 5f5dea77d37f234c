/* A login by password. Who does not exist, has no password or sends a wrong one costs one expensive
 * hash each, so that the time tells nobody which it was. A right password is remembered. */
#include "directory/app_password.h"
#include "directory/internal_state.h"

/* The same work as for a real user, whatever comes out. */
static int unknown(struct directory_internal *in, struct slice password, struct err *err)
{
	int r = directory_hasher_verify(in->hasher, SLICE_NONE, password, err);
	return r < 0 ? r : DIRECTORY_UNKNOWN;
}

/* 0 right, DIRECTORY_DENIED right but not for this service, DIRECTORY_WRONG. */
static int check_app_passwords(const struct directory_user_row *row, struct slice password,
	enum directory_service service, struct err *err)
{
	for (size_t i = 0; i < row->app_password_count; i++) {
		const struct directory_app_password_row *app = &row->app_passwords[i];
		if (!directory_app_password_matches(app, password))
			continue;
		if ((app->services & service) == service)
			return 0;
		(void)err_permanent(err, ERR_DENIED, "app password \"%.*s\" is not for %s",
			SLICE_ARG(app->name), directory_service_name(service));
		return DIRECTORY_DENIED;
	}
	return DIRECTORY_WRONG;
}

static int check_password(struct directory_internal *in, const struct directory_found_user *found,
	struct slice password, struct err *err)
{
	struct id account = found->object.id;
	uint64_t change = found->object.change;
	if (directory_memory_has(in->memory, account, change, password)) {
		atomic_fetch_add_explicit(&in->remembered, 1, memory_order_relaxed);
		return 0;
	}
	/* even a hash of "" that came from elsewhere lets nobody in */
	struct slice hash = password.len > 0 ? found->row.hash : SLICE_NONE;
	int r = directory_hasher_verify(in->hasher, hash, password, err);
	if (r == 0)
		directory_memory_add(in->memory, account, change, password);
	return r;
}

int directory_internal_check(struct directory *directory, struct slice user, struct slice password,
	struct slice client, enum directory_service service, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	struct directory_internal *in = directory_internal_of(directory);
	struct directory_address address;
	struct directory_found_user found;
	struct directory_found_domain domain;
	if (password.len > DIRECTORY_PASSWORD_MAX)
		password.len = 0; /* nobody has such a one, nor an empty one */
	if (!directory_address_parse(user, &address))
		return unknown(in, password, err);
	int r = directory_find_user(in, directory_address_slice(&address), arena, &found, err);
	if (r != 0)
		return r < 0 ? r : unknown(in, password, err);
	r = check_app_passwords(&found.row, password, service, err);
	if (r == DIRECTORY_WRONG)
		r = check_password(in, &found, password, err);
	if (r != 0)
		return r;
	r = directory_find_domain(in, directory_address_domain(&address), arena, &domain, err);
	if (r < 0)
		return r;
	directory_describe(in, &found, r == 0 ? &domain : NULL, ret_user);
	store_catch_up(in->store, ret_user->account);
	return directory_allows(ret_user, service, err);
}
