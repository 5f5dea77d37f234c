/* A queue of addresses to look at, which is also the list of those looked at already: so a circle
 * ends by itself, and their number is bounded. An alias that leads to nobody is somebody's mistake
 * in the directory: that is "can't tell now", so that no mail bounces for it. */
#include "directory/follow.h"

#include "directory/address.h"
#include "directory/driver.h"

enum { FOLLOWED_MAX = 2000 }; /* addresses that one may lead to, by all ways */

struct address {
	struct slice name;    /* canonical */
	struct slice spelled; /* its local part as it was written: elsewhere that may matter */
};

struct follow {
	const struct directory_source *source;
	struct arena *arena;
	struct err *err;
	struct directory_route *route;
	size_t user_room, elsewhere_room;
	struct address *queue;
	size_t queued, queue_room;
};

static int enqueue(struct follow *f, struct slice name, struct slice spelled)
{
	for (size_t i = 0; i < f->queued; i++)
		if (slice_eq(f->queue[i].name, name))
			return 0;
	if (f->queued == FOLLOWED_MAX)
		return err_temporary(f->err, ERR_LIMIT, "%.*s leads to more than %d addresses",
			SLICE_ARG(f->route->matched), FOLLOWED_MAX);
	f->queue = arena_grow(f->arena, f->queue, f->queued, &f->queue_room, sizeof(*f->queue));
	f->queue[f->queued++] = (struct address){arena_copy(f->arena, name), spelled};
	return 0;
}

/* The domain is canonical in either case. */
static struct slice spell(
	struct arena *arena, struct slice written, const struct directory_address *canonical)
{
	struct slice local = slice_sub(written, 0, written.len - directory_domain_of(written).len);
	return slice_str(arena_printf(arena, "%.*s%.*s", SLICE_ARG(local),
		SLICE_ARG(directory_address_domain(canonical))));
}

/* What is no address is left out. */
static int enqueue_all(struct follow *f, const struct slice *names, size_t count)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct directory_address canonical;
		struct slice written = slice_trim(names[i]);
		if (directory_address_parse(written, &canonical))
			r = enqueue(f, directory_address_slice(&canonical),
				spell(f->arena, written, &canonical));
	}
	return r;
}

static bool has_account(const struct directory_route *route, struct id account)
{
	for (size_t i = 0; !id_is_none(account) && i < route->count; i++)
		if (id_eq(route->users[i].account, account))
			return true;
	return false;
}

static int visit(struct follow *f, struct slice name)
{
	struct directory_route *route = f->route;
	struct directory_user user = {0};
	struct slice *targets;
	size_t count;
	int r = f->source->user(f->source->context, name, f->arena, &user, f->err);
	if (r == DIRECTORY_UNKNOWN) {
		r = f->source->alias(f->source->context, name, f->arena, &targets, &count, f->err);
		return r != 0 ? r : enqueue_all(f, targets, count);
	}
	if (r != 0)
		return r;
	if (has_account(route, user.account)) /* by another of his addresses */
		return 0;
	route->users = arena_grow(
		f->arena, route->users, route->count, &f->user_room, sizeof(*route->users));
	route->users[route->count++] = user;
	/* who may get no mail passes none on */
	return directory_allows(&user, DIRECTORY_DELIVERY, NULL) == 0
		       ? enqueue_all(f, user.forwards, user.forward_count)
		       : 0;
}

/* Nobody of that name is here: the address is elsewhere, or a mistake that leads nowhere. */
static int leave(struct follow *f, const struct address *address)
{
	struct directory_route *route = f->route;
	int r = f->source->domain(f->source->context, directory_domain_of(address->name), f->err);
	if (r != DIRECTORY_UNKNOWN)
		return r;
	route->elsewhere = arena_grow(f->arena, route->elsewhere, route->elsewhere_count,
		&f->elsewhere_room, sizeof(*route->elsewhere));
	route->elsewhere[route->elsewhere_count++] = address->spelled;
	return 0;
}

static int match(struct follow *f, struct slice name)
{
	f->queued = 0;
	f->route->matched = arena_copy(f->arena, name);
	int r = enqueue(f, name, name);
	if (r == 0)
		r = visit(f, f->queue[0].name);
	if (r != 0)
		return r;
	for (size_t i = 1; i < f->queued; i++) {
		r = visit(f, f->queue[i].name);
		if (r == DIRECTORY_UNKNOWN)
			r = leave(f, &f->queue[i]);
		if (r != 0)
			return r;
	}
	if (f->route->count == 0 && f->route->elsewhere_count == 0)
		return err_temporary(f->err, ERR_OTHER, "alias %.*s leads to nobody",
			SLICE_ARG(f->route->matched));
	return 0;
}

static int match_plus(struct follow *f, const struct directory_address *address)
{
	struct directory_address base;
	struct slice detail;
	if (!f->source->plus_separator ||
		!directory_address_cut_detail(address, f->source->plus_separator, &base, &detail))
		return DIRECTORY_UNKNOWN;
	int r = match(f, directory_address_slice(&base));
	if (r == 0)
		f->route->detail = arena_copy(f->arena, detail);
	return r;
}

/* What has matched is the address: nobody is called "@example.org". */
static int match_catch_all(struct follow *f, const struct directory_address *address)
{
	struct slice whole = directory_address_slice(address);
	int r = match(f, slice_from(whole, address->local_len));
	if (r == 0)
		f->route->matched = arena_copy(f->arena, whole);
	return r;
}

int directory_follow(const struct directory_source *source, struct slice address,
	struct arena *arena, struct directory_route *ret_route, struct err *err)
{
	struct directory_address canonical;
	struct follow f = {.source = source, .arena = arena, .err = err, .route = ret_route};
	*ret_route = (struct directory_route){.detail = SLICE("")};
	if (!directory_address_parse(address, &canonical))
		return DIRECTORY_UNKNOWN;
	/* the domain first: most questions about strangers end here */
	int r = source->domain(source->context, directory_address_domain(&canonical), err);
	if (r != 0)
		return r;
	r = match(&f, directory_address_slice(&canonical));
	if (r == DIRECTORY_UNKNOWN)
		r = match_plus(&f, &canonical);
	if (r == DIRECTORY_UNKNOWN)
		r = match_catch_all(&f, &canonical);
	return r != 0 ? r : directory_route_allows(ret_route, err);
}
