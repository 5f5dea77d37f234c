/* A walk over names: a queue of addresses to look at, and those looked at already. */
#include "directory/follow.h"

#include "directory/address.h"
#include "directory/driver.h"

enum { FOLLOWED_MAX = 2000 }; /* addresses that one may lead to, by all ways */

struct lookup {
	const struct directory_names *names;
	void *context;
	struct arena *arena;
	struct err *err;
	struct directory_route *route;
	size_t user_room, elsewhere_room;
	struct slice *queue; /* addresses to look at, and those looked at already */
	size_t queued, queue_room;
	char plus_separator;
};

/* Room for one more element behind `count`; doubles, so that a plain user costs one. */
static void *room(struct lookup *l, void *array, size_t count, size_t *capacity, size_t size)
{
	if (count < *capacity)
		return array;
	*capacity = MAX(*capacity * 2, (size_t)1);
	void *grown = arena_alloc(l->arena, *capacity * size);
	if (count > 0)
		memcpy(grown, array, count * size);
	return grown;
}

static void add_user(struct lookup *l, const struct directory_user *user)
{
	struct directory_route *route = l->route;
	route->users = room(l, route->users, route->count, &l->user_room, sizeof(*route->users));
	route->users[route->count++] = *user;
}

static void push(struct lookup *l, struct slice name)
{
	l->queue = room(l, l->queue, l->queued, &l->queue_room, sizeof(*l->queue));
	l->queue[l->queued++] = name;
}

static int enqueue(struct lookup *l, const struct slice *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool known = false;
		for (size_t k = 0; k < l->queued && !known; k++)
			known = slice_eq(l->queue[k], names[i]);
		if (known)
			continue;
		if (l->queued == FOLLOWED_MAX)
			return err_temporary(l->err, ERR_LIMIT,
				"%.*s leads to more than %d addresses",
				SLICE_ARG(l->route->matched), FOLLOWED_MAX);
		push(l, names[i]);
	}
	return 0;
}

/* A user, or an alias: and where it leads. */
static int visit(struct lookup *l, struct slice name)
{
	struct directory_named named = {0};
	int r = l->names->find(l->context, name, l->arena, &named, l->err);
	if (r != 0)
		return r;
	if (named.is_alias)
		return enqueue(l, named.targets, named.target_count);
	add_user(l, &named.user);
	/* who may get no mail passes none on */
	return directory_allows(&named.user, DIRECTORY_DELIVERY, NULL) == 0
		       ? enqueue(l, named.user.forwards, named.user.forward_count)
		       : 0;
}

/* Nobody of that name is here. In a domain that was not ours when it was written down it may be a
 * user in another spelling. */
static int leave(struct lookup *l, struct slice name)
{
	struct directory_address canonical;
	struct directory_route *route = l->route;
	struct slice catch_all;
	int r = l->names->domain(
		l->context, directory_domain_of(name), l->arena, &catch_all, l->err);
	if (r == DIRECTORY_UNKNOWN) {
		route->elsewhere = room(l, route->elsewhere, route->elsewhere_count,
			&l->elsewhere_room, sizeof(*route->elsewhere));
		route->elsewhere[route->elsewhere_count++] = name;
		return 0;
	}
	if (r < 0 || !directory_address_parse(name, &canonical))
		return r;
	struct slice right = arena_copy(l->arena, directory_address_slice(&canonical));
	return enqueue(l, &right, 1);
}

/* A user or an alias of exactly this name, and all that it leads to. */
static int match(struct lookup *l, struct slice name)
{
	l->queued = 0;
	push(l, arena_copy(l->arena, name));
	l->route->matched = l->queue[0];
	int r = visit(l, l->queue[0]);
	if (r != 0)
		return r;
	for (size_t i = 1; i < l->queued; i++) {
		r = visit(l, l->queue[i]);
		if (r == DIRECTORY_UNKNOWN)
			r = leave(l, l->queue[i]);
		if (r != 0)
			return r;
	}
	if (l->route->count == 0 && l->route->elsewhere_count == 0)
		return err_temporary(l->err, ERR_OTHER, "alias %.*s leads to nobody",
			SLICE_ARG(l->route->matched));
	return 0;
}

static int match_plus(struct lookup *l, const struct directory_address *address)
{
	struct directory_address base;
	struct slice detail;
	if (!l->plus_separator ||
		!directory_address_cut_detail(address, l->plus_separator, &base, &detail))
		return DIRECTORY_UNKNOWN;
	int r = match(l, directory_address_slice(&base));
	if (r == 0)
		l->route->detail = arena_copy(l->arena, detail);
	return r;
}

int directory_follow(const struct directory_names *names, void *context, char plus_separator,
	struct slice address, struct arena *arena, struct directory_route *ret_route,
	struct err *err)
{
	struct directory_address canonical;
	struct slice catch_all = SLICE_NONE;
	struct lookup l = {
		.names = names,
		.context = context,
		.arena = arena,
		.err = err,
		.route = ret_route,
		.plus_separator = plus_separator,
	};
	*ret_route = (struct directory_route){.detail = SLICE("")};
	if (!directory_address_parse(address, &canonical))
		return DIRECTORY_UNKNOWN;
	/* the domain first: most questions about strangers end here */
	int r = names->domain(
		context, directory_address_domain(&canonical), arena, &catch_all, err);
	if (r != 0)
		return r;
	r = match(&l, directory_address_slice(&canonical));
	if (r == DIRECTORY_UNKNOWN)
		r = match_plus(&l, &canonical);
	if (r == DIRECTORY_UNKNOWN && catch_all.len > 0)
		r = match(&l, catch_all);
	return r != 0 ? r : directory_route_allows(ret_route, err);
}
