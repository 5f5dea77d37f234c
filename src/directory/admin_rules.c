/* What names and values must be before they get into the directory. */
#include "directory/admin_change.h"

enum { FULL_NAME_MAX = 255, HOST_MAX = 255 + 6 };

int directory_admin_address(
	struct slice text, struct directory_address *ret_address, struct err *err)
{
	if (directory_address_parse(text, ret_address))
		return 0;
	return err_permanent(err, ERR_BAD_INPUT, "\"%.*s\" is not a mail address",
		SLICE_ARG(slice_sub(text, 0, 100)));
}

int directory_admin_domain(
	struct slice text, struct directory_domain_name *ret_name, struct err *err)
{
	if (directory_domain_parse(text, ret_name))
		return 0;
	return err_permanent(err, ERR_BAD_INPUT, "\"%.*s\" is not a domain name",
		SLICE_ARG(slice_sub(text, 0, 100)));
}

int directory_admin_found(int r, const char *what, struct slice name, struct err *err)
{
	if (r != DIRECTORY_UNKNOWN)
		return r;
	return err_permanent(err, ERR_ABSENT, "there is no %s %.*s", what, SLICE_ARG(name));
}

int directory_admin_is_free(
	struct directory_internal *in, const struct directory_address *address, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice name = directory_address_slice(address);
	struct slice domain = directory_address_domain(address);
	struct store_object object;
	int r = directory_find(in, DIRECTORY_DOMAINS, domain, &arena, &object, err);
	r = directory_admin_found(r, "domain", domain, err);
	if (r != 0)
		return r;
	r = directory_find(in, DIRECTORY_USERS, name, &arena, &object, err);
	if (r == 0)
		return err_permanent(
			err, ERR_EXISTS, "there is a user %.*s already", SLICE_ARG(name));
	if (r < 0)
		return r;
	r = directory_find(in, DIRECTORY_ALIASES, name, &arena, &object, err);
	if (r == 0)
		return err_permanent(
			err, ERR_EXISTS, "there is an alias %.*s already", SLICE_ARG(name));
	return r < 0 ? r : 0;
}

int directory_admin_is_target(struct directory_internal *in, struct slice address, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_object object;
	int r = directory_find(in, DIRECTORY_USERS, address, &arena, &object, err);
	if (r == DIRECTORY_UNKNOWN)
		r = directory_find(in, DIRECTORY_ALIASES, address, &arena, &object, err);
	return directory_admin_found(r, "user or alias", address, err);
}

struct directory_maybe directory_admin_quota(uint64_t value)
{
	return (struct directory_maybe){
		.set = value != DIRECTORY_QUOTA_INHERIT,
		.value = value,
	};
}

static bool is_host(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f || s.ptr[i] == '"' || s.ptr[i] == '\\')
			return false;
	return s.len <= HOST_MAX;
}

int directory_admin_check_values(
	const struct directory_values *v, unsigned allowed, struct err *err)
{
	if (v->has & ~allowed)
		return err_permanent(err, ERR_BAD_INPUT,
			allowed & DIRECTORY_HAS_CATCH_ALL
				? "a domain has no name, services, suspension, host or forward "
				  "of its own"
				: "a user has no catch-all and no default quota");
	if ((v->has & DIRECTORY_HAS_FULL_NAME) &&
		(v->full_name.len > FULL_NAME_MAX || !directory_text_is_plain(v->full_name)))
		return err_permanent(err, ERR_BAD_INPUT,
			"a full name is UTF-8 text of at most %d bytes", FULL_NAME_MAX);
	if ((v->has & DIRECTORY_HAS_TO_HOST) && !is_host(v->to_host))
		return err_permanent(err, ERR_BAD_INPUT,
			"hosts are \"host\", \"host:port\", or several with commas between");
	if ((v->has & DIRECTORY_HAS_SERVICES) && (v->services & ~(unsigned)DIRECTORY_ALL_SERVICES))
		return err_permanent(err, ERR_BAD_INPUT, "there is no such service");
	return 0;
}
