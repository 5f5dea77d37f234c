/* A directory out of an array. */
#include "directory/fake.h"

#include "base/alloc.h"
#include "directory/address.h"
#include "directory/driver.h"

#include <stdatomic.h>

struct fake {
	struct directory base;
	const struct directory_fake_user *users;
	size_t count;
	atomic_bool dead;
	atomic_uint calls;
};

static struct fake *fake_of(struct directory *directory)
{
	return CONTAINER_OF(directory, struct fake, base);
}

static int begin(struct fake *f, struct err *err)
{
	atomic_fetch_add(&f->calls, 1);
	return atomic_load(&f->dead) ? err_temporary(err, ERR_UNAVAILABLE, "the fake plays dead")
				     : 0;
}

static const struct directory_fake_user *find(const struct fake *f, struct slice name)
{
	for (size_t i = 0; i < f->count; i++)
		if (slice_eq_nocase(slice_str(f->users[i].name), name))
			return &f->users[i];
	return NULL;
}

static void describe(const struct directory_fake_user *from, struct directory_user *ret_user)
{
	*ret_user = from->user;
	ret_user->name = slice_str(from->name);
	ret_user->domain = directory_domain_of(ret_user->name);
	if (!ret_user->services)
		ret_user->services = DIRECTORY_ALL_SERVICES;
}

static int fake_domain(struct directory *directory, struct slice domain, struct err *err)
{
	struct fake *f = fake_of(directory);
	int r = begin(f, err);
	for (size_t i = 0; r == 0 && i < f->count; i++) {
		struct slice ours = directory_domain_of(slice_str(f->users[i].name));
		if (slice_eq_nocase(ours, domain))
			return 0;
	}
	return r != 0 ? r : DIRECTORY_UNKNOWN;
}

static int fake_lookup(struct directory *directory, struct slice address, struct arena *arena,
	struct directory_route *ret_route, struct err *err)
{
	struct fake *f = fake_of(directory);
	struct directory_address canonical, base;
	struct slice detail = SLICE("");
	*ret_route = (struct directory_route){.detail = detail};
	int r = begin(f, err);
	if (r != 0)
		return r;
	if (!directory_address_parse(address, &canonical))
		return DIRECTORY_UNKNOWN;
	const struct directory_fake_user *found = find(f, directory_address_slice(&canonical));
	if (!found && directory_address_cut_detail(&canonical, '+', &base, &detail))
		found = find(f, directory_address_slice(&base));
	if (!found)
		return DIRECTORY_UNKNOWN;
	ret_route->matched = slice_str(found->name);
	ret_route->detail = arena_copy(arena, detail);
	struct slice rest = slice_str(found->alias_of ? found->alias_of : found->name);
	ret_route->users = ARENA_ARRAY(arena, struct directory_user, f->count);
	ret_route->elsewhere = ARENA_ARRAY(arena, struct slice, rest.len);
	while (rest.len > 0 && ret_route->count < f->count) {
		struct slice name = slice_cut(&rest, ',');
		const struct directory_fake_user *target = find(f, name);
		if (target)
			describe(target, &ret_route->users[ret_route->count++]);
		else
			ret_route->elsewhere[ret_route->elsewhere_count++] = name;
	}
	return directory_route_allows(ret_route, err);
}

static int fake_user(struct directory *directory, struct slice user, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	struct fake *f = fake_of(directory);
	const struct directory_fake_user *found = find(f, user);
	int r = begin(f, err);
	if (r != 0)
		return r;
	if (!found || found->alias_of)
		return DIRECTORY_UNKNOWN;
	describe(found, ret_user);
	return directory_allows(ret_user, service, err);
}

static int fake_check(struct directory *directory, struct slice user, struct slice password,
	struct slice client, enum directory_service service, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	const struct directory_fake_user *found = find(fake_of(directory), user);
	int r = fake_user(directory, user, service, arena, ret_user, err);
	if (r < 0 || r == DIRECTORY_UNKNOWN)
		return r;
	bool right = found->password && slice_eq(slice_str(found->password), password);
	return right ? r : DIRECTORY_WRONG;
}

static int fake_scram(struct directory *directory, struct slice user,
	struct sasl_scram_keys *ret_keys, struct err *err)
{
	enum { ITERATIONS = 4096 }; /* RFC 7677's least: tests are to be quick */
	struct fake *f = fake_of(directory);
	const struct directory_fake_user *found = find(f, user);
	int r = begin(f, err);
	if (r != 0)
		return r;
	if (!found || !found->password)
		return DIRECTORY_UNKNOWN;
	sasl_scram_make(slice_str(found->password), ITERATIONS, ret_keys);
	return 0;
}

static void fake_free(struct directory *directory)
{
	free(fake_of(directory));
}

static const struct directory_driver fake_driver = {
	.name = "fake",
	.lookup = fake_lookup,
	.domain = fake_domain,
	.check = fake_check,
	.user = fake_user,
	.scram = fake_scram,
	.free = fake_free,
};

struct directory *directory_fake_new(const struct directory_fake_user *users, size_t count)
{
	struct fake *f = ALLOC(struct fake);
	f->base.driver = &fake_driver;
	f->users = users;
	f->count = count;
	return &f->base;
}

void directory_fake_set_dead(struct directory *directory, bool dead)
{
	atomic_store(&fake_of(directory)->dead, dead);
}

unsigned directory_fake_calls(struct directory *directory)
{
	return atomic_load(&fake_of(directory)->calls);
}
