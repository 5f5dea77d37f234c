/* Where mail for an address goes, whatever directory it is: a user, an alias, plus addressing, the
 * alias "@example.org" (catch-all), in this order (directory_lookup() in directory.h). Aliases and
 * what users forward are followed breadth first, each address once, to 2,000 addresses. */
#ifndef DIRECTORY_FOLLOW_H
#define DIRECTORY_FOLLOW_H

#include "directory/directory.h"

/* What a driver knows of one name. All return 0, DIRECTORY_UNKNOWN, or negative: can't tell. */
struct directory_source {
	void *context;
	char plus_separator; /* 0: no plus addressing */
	/* Whether the canonical domain is ours. */
	int (*domain)(void *context, struct slice domain, struct err *err);
	/* A user by canonical address, suspended or not. His forwards may be in any spelling; those
	 * that are no addresses lead nowhere. */
	int (*user)(void *context, struct slice name, struct arena *arena,
		struct directory_user *ret_user, struct err *err);
	/* Where an alias leads, in any spelling; `name` may be "@example.org". */
	int (*alias)(void *context, struct slice name, struct arena *arena,
		struct slice **ret_targets, size_t *ret_count, struct err *err);
};

int directory_follow(const struct directory_source *source, struct slice address,
	struct arena *arena, struct directory_route *ret_route, struct err *err) WARN_UNUSED;

#endif
