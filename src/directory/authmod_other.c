/* Around the client: what a server of another maker leaves to us. */
#include "directory/authmod_other.h"

#include "base/alloc.h"
#include "directory/account.h"
#include "directory/address.h"
#include "directory/driver.h"
#include "directory/follow.h"

struct other {
	struct directory base;
	struct directory *inner;
	struct directory_domain_name *domains;
	size_t domain_count;
	char plus_separator;
	uint64_t quota_bytes, quota_messages; /* of who has none of his own */
};

static struct other *other_of(struct directory *directory)
{
	return CONTAINER_OF(directory, struct other, base);
}

static bool is_ours(const struct other *o, struct slice domain)
{
	for (size_t i = 0; i < o->domain_count; i++)
		if (slice_eq(directory_domain_slice(&o->domains[i]), domain))
			return true;
	return false;
}

static bool take_address(
	const struct other *o, struct slice text, struct directory_address *ret_address)
{
	return directory_address_parse(text, ret_address) &&
	       is_ours(o, directory_address_domain(ret_address));
}

/* Who he is: an address of ours that the server calls him by, else the one that was asked about. */
static void name_user(const struct other *o, const struct directory_address *asked,
	struct arena *arena, struct directory_user *user)
{
	struct directory_address called;
	if (!take_address(o, user->name, &called))
		called = *asked;
	user->name = arena_copy(arena, directory_address_slice(&called));
	user->domain = directory_domain_of(user->name);
	if (id_is_none(user->account))
		user->account = directory_account_of(user->name);
	user->quota_bytes = user->quota_bytes ? user->quota_bytes : o->quota_bytes;
	user->quota_messages = user->quota_messages ? user->quota_messages : o->quota_messages;
}

static int other_user(struct directory *directory, struct slice user,
	enum directory_service service, struct arena *arena, struct directory_user *ret_user,
	struct err *err)
{
	struct other *o = other_of(directory);
	struct directory_address address;
	if (!take_address(o, user, &address))
		return DIRECTORY_UNKNOWN;
	int r = directory_user(
		o->inner, directory_address_slice(&address), service, arena, ret_user, err);
	if (r == 0)
		name_user(o, &address, arena, ret_user);
	return r;
}

static int other_check(struct directory *directory, struct slice user, struct slice password,
	struct slice client, enum directory_service service, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	struct other *o = other_of(directory);
	struct directory_address address;
	if (password.len == 0 || !take_address(o, user, &address))
		return DIRECTORY_WRONG;
	int r = directory_check(o->inner, directory_address_slice(&address), password, client,
		service, arena, ret_user, err);
	if (r == 0)
		name_user(o, &address, arena, ret_user);
	return r;
}

/* The inner one refuses who is suspended; in a route that is for directory_route_allows(). */
static int find_user(void *context, struct slice name, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	struct directory_address address;
	int r = other_user(context, name, 0, arena, ret_user, err);
	if (r != DIRECTORY_DENIED || !directory_address_parse(name, &address))
		return r;
	ret_user->suspended = true;
	ret_user->forward_count = 0;
	name_user(other_of(context), &address, arena, ret_user);
	return 0;
}

static int find_alias(void *context, struct slice name, struct arena *arena,
	struct slice **ret_targets, size_t *ret_count, struct err *err)
{
	return DIRECTORY_UNKNOWN;
}

static int find_domain(void *context, struct slice domain, struct err *err)
{
	return is_ours(other_of(context), domain) ? 0 : DIRECTORY_UNKNOWN;
}

static int other_lookup(struct directory *directory, struct slice address, struct arena *arena,
	struct directory_route *ret_route, struct err *err)
{
	const struct directory_source source = {
		.context = directory,
		.plus_separator = other_of(directory)->plus_separator,
		.domain = find_domain,
		.user = find_user,
		.alias = find_alias,
	};
	return directory_follow(&source, address, arena, ret_route, err);
}

static int other_domain(struct directory *directory, struct slice domain, struct err *err)
{
	struct directory_domain_name name;
	return directory_domain_parse(domain, &name) &&
			       is_ours(other_of(directory), directory_domain_slice(&name))
		       ? 0
		       : DIRECTORY_UNKNOWN;
}

static int other_scram(struct directory *directory, struct slice user,
	struct sasl_scram_keys *ret_keys, struct err *err)
{
	return DIRECTORY_UNKNOWN;
}

static void other_free(struct directory *directory)
{
	struct other *o = other_of(directory);
	directory_free(o->inner);
	free(o->domains);
	free(o);
}

static const struct directory_driver other_driver = {
	.name = "authmod",
	.lookup = other_lookup,
	.domain = other_domain,
	.check = other_check,
	.user = other_user,
	.scram = other_scram,
	.free = other_free,
};

struct directory *directory_authmod_other_new(
	const struct directory_authmod_options *options, struct directory *inner)
{
	struct other *o = ALLOC(struct other);
	o->base.driver = &other_driver;
	o->inner = inner;
	o->plus_separator = options->plus_separator;
	o->quota_bytes = options->quota_bytes;
	o->quota_messages = options->quota_messages;
	o->domains = alloc_zero(options->domain_count, sizeof(*o->domains));
	for (size_t i = 0; i < options->domain_count; i++)
		if (directory_domain_parse(
			    slice_str(options->domains[i]), &o->domains[o->domain_count]))
			o->domain_count++;
	return &o->base;
}
