/* Where mail for an address goes: user, alias, plus addressing, catch-all, in this order. Aliases
 * and what users forward are followed breadth first, each address once, so a circle ends by itself;
 * their number is bounded. An alias that leads to nobody is somebody's mistake in the directory:
 * that is "can't tell now", so that no mail bounces for it. */
#include "directory/internal_state.h"

enum { FOLLOWED_MAX = 2000 }; /* addresses that one may lead to, by all ways */

struct lookup {
	struct directory_internal *in;
	struct arena *arena;
	struct err *err;
	struct directory_route *route;
	size_t user_room, elsewhere_room;
	struct slice *queue; /* addresses to look at, and those looked at already */
	size_t queued, queue_room;
	struct directory_found_domain domain; /* the last one; its name is empty at first */
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

static int load_domain(struct lookup *l, struct slice name)
{
	if (slice_eq(l->domain.object.name, name))
		return 0;
	struct directory_found_domain found;
	int r = directory_find_domain(l->in, name, l->arena, &found, l->err);
	if (r == 0)
		l->domain = found;
	return r;
}

static int add_user(struct lookup *l, const struct directory_found_user *found)
{
	int r = load_domain(l, directory_domain_of(found->object.name));
	if (r < 0)
		return r;
	struct directory_route *route = l->route;
	route->users = room(l, route->users, route->count, &l->user_room, sizeof(*route->users));
	directory_describe(l->in, found, r == 0 ? &l->domain : NULL, &route->users[route->count++]);
	return 0;
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
	struct directory_found_user user;
	struct directory_found_alias alias;
	int r = directory_find_user(l->in, name, l->arena, &user, l->err);
	if (r == 0)
		r = add_user(l, &user);
	else if (r == DIRECTORY_UNKNOWN) {
		r = directory_find_alias(l->in, name, l->arena, &alias, l->err);
		return r != 0 ? r : enqueue(l, alias.row.targets, alias.row.target_count);
	}
	if (r != 0 || user.row.forward_count == 0)
		return r;
	/* who may get no mail passes none on */
	const struct directory_user *added = &l->route->users[l->route->count - 1];
	return directory_allows(added, DIRECTORY_DELIVERY, NULL) == 0
		       ? enqueue(l, user.row.forwards, user.row.forward_count)
		       : 0;
}

/* Nobody of that name is here. In a domain that was not ours when it was written down it may be a
 * user in another spelling. */
static int leave(struct lookup *l, struct slice name)
{
	struct directory_address canonical;
	struct directory_route *route = l->route;
	int r = load_domain(l, directory_domain_of(name));
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
	if (!l->in->plus_separator ||
		!directory_address_cut_detail(address, l->in->plus_separator, &base, &detail))
		return DIRECTORY_UNKNOWN;
	int r = match(l, directory_address_slice(&base));
	if (r == 0)
		l->route->detail = arena_copy(l->arena, detail);
	return r;
}

int directory_internal_lookup(struct directory *directory, struct slice address,
	struct arena *arena, struct directory_route *ret_route, struct err *err)
{
	struct directory_address canonical;
	struct lookup l = {
		.in = directory_internal_of(directory),
		.arena = arena,
		.err = err,
		.route = ret_route,
	};
	*ret_route = (struct directory_route){.detail = SLICE("")};
	if (!directory_address_parse(address, &canonical))
		return DIRECTORY_UNKNOWN;
	/* the domain first: most questions about strangers end here */
	int r = load_domain(&l, directory_address_domain(&canonical));
	if (r != 0)
		return r;
	struct slice catch_all = l.domain.row.catch_all;
	r = match(&l, directory_address_slice(&canonical));
	if (r == DIRECTORY_UNKNOWN)
		r = match_plus(&l, &canonical);
	if (r == DIRECTORY_UNKNOWN && catch_all.len > 0)
		r = match(&l, catch_all);
	return r != 0 ? r : directory_route_allows(ret_route, err);
}
