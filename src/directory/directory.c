/* The one door to every driver, and what is the same for all: services and who is allowed. */
#include "directory/directory.h"

#include "directory/address.h"
#include "directory/driver.h"

int directory_lookup(struct directory *directory, struct slice address, struct arena *arena,
	struct directory_route *ret_route, struct err *err)
{
	return directory->driver->lookup(directory, address, arena, ret_route, err);
}

int directory_domain(struct directory *directory, struct slice domain, struct err *err)
{
	return directory->driver->domain(directory, domain, err);
}

int directory_check(struct directory *directory, struct slice user, struct slice password,
	struct slice client, enum directory_service service, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	return directory->driver->check(
		directory, user, password, client, service, arena, ret_user, err);
}

int directory_check_master(struct directory *directory, struct slice user,
	const struct directory_master *master, struct slice client, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	if (!directory->driver->check_master)
		return DIRECTORY_WRONG;
	return directory->driver->check_master(
		directory, user, master, client, service, arena, ret_user, err);
}

int directory_user(struct directory *directory, struct slice user, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	return directory->driver->user(directory, user, service, arena, ret_user, err);
}

int directory_scram(struct directory *directory, struct slice user,
	struct sasl_scram_keys *ret_keys, struct err *err)
{
	return directory->driver->scram(directory, user, ret_keys, err);
}

int directory_token(struct directory *directory, const struct directory_token *token,
	struct slice client, enum directory_service service, struct buf *challenge,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	return directory->driver->token(
		directory, token, client, service, challenge, arena, ret_user, err);
}

bool directory_takes_tokens(const struct directory *directory)
{
	return directory->driver->token != NULL;
}

bool directory_has_scram(const struct directory *directory)
{
	return !directory->no_scram;
}

void directory_set_scram(struct directory *directory, bool has_scram)
{
	directory->no_scram = !has_scram;
}

int directory_set_host(
	struct directory *directory, struct slice user, struct slice host, struct err *err)
{
	return directory->driver->set_host ? directory->driver->set_host(directory, user, host, err)
					   : err_permanent(err, ERR_DENIED,
						     "this directory can't be told where he lives");
}

void directory_flush(struct directory *directory, struct slice user)
{
	if (directory->driver->flush)
		directory->driver->flush(directory, user);
}

void directory_free(struct directory *directory)
{
	if (directory)
		directory->driver->free(directory);
}

static struct slice *copy_all(struct arena *arena, const struct slice *from, size_t count)
{
	struct slice *to = ARENA_ARRAY(arena, struct slice, count);
	for (size_t i = 0; i < count; i++)
		to[i] = arena_copy(arena, from[i]);
	return to;
}

void directory_user_copy(
	const struct directory_user *from, struct arena *arena, struct directory_user *ret_user)
{
	*ret_user = *from;
	ret_user->name = arena_copy(arena, from->name);
	ret_user->domain = directory_domain_of(ret_user->name);
	ret_user->full_name = arena_copy(arena, from->full_name);
	ret_user->to_host = arena_copy(arena, from->to_host);
	ret_user->answered_by = arena_copy(arena, from->answered_by);
	ret_user->forwards = copy_all(arena, from->forwards, from->forward_count);
	ret_user->groups = copy_all(arena, from->groups, from->group_count);
}

int directory_allows(
	const struct directory_user *user, enum directory_service service, struct err *err)
{
	if (user->suspended) {
		(void)err_permanent(err, ERR_DENIED, "%.*s is suspended", SLICE_ARG(user->name));
		return DIRECTORY_DENIED;
	}
	if ((user->services & service) != service) {
		(void)err_permanent(err, ERR_DENIED, "%.*s may not use %s", SLICE_ARG(user->name),
			directory_service_name(service));
		return DIRECTORY_DENIED;
	}
	return 0;
}

int directory_route_allows(struct directory_route *route, struct err *err)
{
	int result = DIRECTORY_UNKNOWN;
	size_t kept = 0;
	for (size_t i = 0; i < route->count; i++) {
		int r = directory_allows(&route->users[i], DIRECTORY_DELIVERY, err);
		if (r == 0)
			route->users[kept++] = route->users[i];
		else
			result = r;
	}
	route->count = kept;
	if (!directory_route_stays(route) && route->elsewhere_count == 0)
		for (size_t i = 0; i < kept; i++) /* who forwards to nobody */
			route->users[i].no_copy = false;
	return kept > 0 || route->elsewhere_count > 0 ? 0 : result;
}

bool directory_route_stays(const struct directory_route *route)
{
	for (size_t i = 0; i < route->count; i++)
		if (!route->users[i].no_copy)
			return true;
	return false;
}

static const struct {
	enum directory_service service;
	const char *name;
} services[] = {
	{DIRECTORY_IMAP, "imap"},
	{DIRECTORY_POP3, "pop3"},
	{DIRECTORY_SUBMISSION, "submission"},
	{DIRECTORY_MANAGESIEVE, "managesieve"},
	{DIRECTORY_HTTP, "http"},
	{DIRECTORY_DELIVERY, "delivery"},
};

const char *directory_service_name(enum directory_service service)
{
	for (size_t i = 0; i < ARRAY_LEN(services); i++)
		if (services[i].service == service)
			return services[i].name;
	return "unknown";
}

unsigned directory_service_of(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(services); i++)
		if (slice_eq_nocase(name, slice_str(services[i].name)))
			return services[i].service;
	return 0;
}
