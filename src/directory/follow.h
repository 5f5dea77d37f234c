/* Where mail for an address goes, by what a directory says of single names: user, alias, plus
 * addressing, catch-all, in this order. Aliases and what users forward are followed breadth first,
 * each address once, so a circle ends by itself; their number is bounded. An alias that leads to
 * nobody is somebody's mistake in the directory: that is "can't tell now", so that no mail bounces
 * for it. For drivers: this is their lookup(). */
#ifndef DIRECTORY_FOLLOW_H
#define DIRECTORY_FOLLOW_H

#include "directory/directory.h"

/* What a name stands for. Slices lie in the arena of the question. */
struct directory_named {
	bool is_alias;
	struct directory_user user;  /* with what he forwards to; unless it is an alias */
	const struct slice *targets; /* of an alias: addresses, in canonical form where ours */
	size_t target_count;
};

struct directory_names {
	/* Exactly this name, which is canonical. 0, DIRECTORY_UNKNOWN or negative. */
	int (*find)(void *context, struct slice name, struct arena *arena,
		struct directory_named *ret_named, struct err *err);
	/* 0: the domain is ours; "" when it has no catch-all. DIRECTORY_UNKNOWN or negative. */
	int (*domain)(void *context, struct slice domain, struct arena *arena,
		struct slice *ret_catch_all, struct err *err);
};

/* As directory_lookup(). A `plus_separator` of 0: no plus addressing. */
int directory_follow(const struct directory_names *names, void *context, char plus_separator,
	struct slice address, struct arena *arena, struct directory_route *ret_route,
	struct err *err) WARN_UNUSED;

#endif
