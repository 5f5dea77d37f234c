/* What a directory driver must do: one function a question of directory.h, with the same contract.
 * All calls may be made from any thread. */
#ifndef DIRECTORY_DRIVER_H
#define DIRECTORY_DRIVER_H

#include "directory/directory.h"

struct directory_driver {
	const char *name;
	int (*lookup)(struct directory *directory, struct slice address, struct arena *arena,
		struct directory_route *ret_route, struct err *err);
	int (*domain)(struct directory *directory, struct slice domain, struct err *err);
	int (*check)(struct directory *directory, struct slice user, struct slice password,
		struct slice client, enum directory_service service, struct arena *arena,
		struct directory_user *ret_user, struct err *err);
	/* NULL: it has no masters. */
	int (*check_master)(struct directory *directory, struct slice user,
		const struct directory_master *master, struct slice client,
		enum directory_service service, struct arena *arena,
		struct directory_user *ret_user, struct err *err);
	int (*user)(struct directory *directory, struct slice user, enum directory_service service,
		struct arena *arena, struct directory_user *ret_user, struct err *err);
	int (*scram)(struct directory *directory, struct slice user,
		struct sasl_scram_keys *ret_keys, struct err *err);
	/* NULL: it takes no tokens. */
	int (*token)(struct directory *directory, const struct directory_token *token,
		struct slice client, enum directory_service service, struct buf *challenge,
		struct arena *arena, struct directory_user *ret_user, struct err *err);
	/* As directory_user_scan() of directory/admin.h, by address; the domain is canonical or "".
	 * NULL: this directory does not list its users. */
	int (*scan)(struct directory *directory, struct slice domain, struct slice pattern,
		bool (*visit)(void *context, const struct directory_user *user), void *context,
		struct err *err);
	/* NULL: this directory can't be told. */
	int (*set_host)(
		struct directory *directory, struct slice user, struct slice host, struct err *err);
	void (*flush)(struct directory *directory, struct slice user); /* NULL: keeps nothing */
	void (*free)(struct directory *directory);
};

/* First in each driver's own struct. */
struct directory {
	const struct directory_driver *driver;
	bool no_scram; /* it has no keys: SCRAM is not offered; written before it is used */
};

/* 0, or DIRECTORY_DENIED and why: the user is suspended, or the service is not his. A service of 0
 * asks for none in particular. */
WARN_UNUSED int directory_allows(
	const struct directory_user *user, enum directory_service service, struct err *err);
/* With all that its slices point to. */
void directory_user_copy(
	const struct directory_user *from, struct arena *arena, struct directory_user *ret_user);
/* Whom a route leads to: those of `users` who may get mail, and `elsewhere`. When all of them only
 * forward and it leads to nobody, they get it. DIRECTORY_UNKNOWN when there are none at all,
 * DIRECTORY_DENIED when none may. */
WARN_UNUSED int directory_route_allows(struct directory_route *route, struct err *err);

#endif
