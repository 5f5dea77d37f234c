/* From what the directory found of an address to places, and names there. */
#include "smtp/route.h"

/* His own, with the detail that the alias was named with. In quotes there is none. */
static struct slice own_address(const struct smtp_router *r, const struct directory_user *user,
	struct slice detail, struct arena *arena)
{
	size_t at = user->name.len - user->domain.len;
	bool plain = r->separator && detail.len > 0 && at > 1 && user->name.ptr[0] != '"' &&
		     slice_ends(user->name, user->domain);
	if (!plain)
		return arena_copy(arena, user->name);
	return slice_str(arena_printf(arena, "%.*s%c%.*s@%.*s", (int)at - 1, user->name.ptr,
		r->separator, SLICE_ARG(detail), SLICE_ARG(user->domain)));
}

/* Whose mail only goes on gets none, unless there is nobody else. */
static bool is_meant(const struct directory_route *route, size_t i, bool stays)
{
	return !stays || !route->users[i].no_copy;
}

/* Each by himself. */
static void name_each(const struct smtp_router *r, const struct directory_route *route, bool stays,
	const struct slice *places, struct arena *arena, struct smtp_destinations *ret)
{
	struct smtp_destination *items = ARENA_ARRAY(arena, struct smtp_destination, route->count);
	size_t count = 0;
	for (size_t i = 0; i < route->count; i++)
		if (is_meant(route, i, stays))
			items[count++] = (struct smtp_destination){
				places[i], own_address(r, &route->users[i], route->detail, arena)};
	*ret = (struct smtp_destinations){items, count};
}

struct smtp_destinations smtp_route_to(struct slice place, struct arena *arena)
{
	struct smtp_destination *one = ARENA_NEW(arena, struct smtp_destination);
	one->place = place;
	return (struct smtp_destinations){one, 1};
}

int smtp_route(const struct smtp_router *r, const struct directory_route *route,
	struct slice address, struct arena *arena, struct smtp_destinations *ret_destinations,
	struct err *err)
{
	const struct directory_user nobody = {.name = SLICE("")};
	bool stays = directory_route_stays(route), together = true;
	struct slice *places = ARENA_ARRAY(arena, struct slice, route->count + 1), first;
	size_t found = 0;
	for (size_t i = 0; i < route->count; i++) {
		if (!is_meant(route, i, stays))
			continue;
		if (r->place(r->context, &route->users[i], arena, &places[i], err) < 0)
			return err_prefix(err, "%.*s", SLICE_ARG(slice_sub(address, 0, 100)));
		first = found++ == 0 ? places[i] : first;
		together = together && slice_eq_nocase(places[i], first);
	}
	if (found == 0 && r->place(r->context, &nobody, arena, &first, err) < 0)
		return -1;
	if (together)
		*ret_destinations = smtp_route_to(first, arena);
	else
		name_each(r, route, stays, places, arena, ret_destinations);
	return 0;
}
