/* Where mail for an address goes, by where the directory says that its users live. Pure but for
 * what the caller's place() does. */
#ifndef SMTP_ROUTE_H
#define SMTP_ROUTE_H

#include "directory/directory.h"
#include "smtp/split.h"

struct smtp_router {
	/* The name of the place where a user lives; in the arena. Temporary: it can't be told. */
	int (*place)(void *context, const struct directory_user *user, struct arena *arena,
		struct slice *ret_place, struct err *err);
	void *context;
	char separator; /* of user and detail; '\0': there is none */
};
/* `route` was found of `address`. When all users live at one place it is named there as it was
 * said; else each of them by his own address, with the detail. With nobody in the route: place() of
 * nobody, a user without a name. In the arena. */
int smtp_route(const struct smtp_router *router, const struct directory_route *route,
	struct slice address, struct arena *arena, struct smtp_destinations *ret_destinations,
	struct err *err) WARN_UNUSED;
/* One destination, named as the client did. */
struct smtp_destinations smtp_route_to(struct slice place, struct arena *arena);

#endif
